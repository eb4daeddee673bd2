/*
 * What the tracer's tables know of code objects: the names and lines that their instructions stand
 * for. Asked once for each instruction.
 */
#ifndef CTM_CPYTHON_CODE_LOCATIONS_H
#define CTM_CPYTHON_CODE_LOCATIONS_H

#include <Python.h>
#include <stdint.h>

#include "engine/tracer.h"

/* Make an instruction of the code known, which is not yet. NULL: no memory. In a hook; gate held.
 */
struct ctm_location *ctm_code_locate_hook(struct ctm_tracer *tracer, const PyCodeObject *code,
                                          uintptr_t instruction);

#endif
