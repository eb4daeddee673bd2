/*
 * What the tracer's tables know of code objects: the names and lines that their instructions stand
 * for. Asked once for each instruction.
 */
#ifndef CTM_CPYTHON_CODE_LOCATIONS_H
#define CTM_CPYTHON_CODE_LOCATIONS_H

#include <Python.h>
#include <stdint.h>

#include "cpython/lines.h"
#include "engine/tracer.h"

/* The line of an instruction of the code, or of the place before the first; 0: none. The cursor is
 * one of this code. */
uint32_t ctm_code_line_hook(const PyCodeObject *code, uintptr_t instruction,
                            struct ctm_line_cursor *cursor);

/* Make an instruction of the code known, which is not yet. NULL: no memory. In a hook; gate held.
 */
struct ctm_location *ctm_code_locate_hook(struct ctm_tracer *tracer, const PyCodeObject *code,
                                          uintptr_t instruction);

#endif
