/* The traceback of one block. */
#ifndef CTM_CPYTHON_BLOCK_FRAMES_H
#define CTM_CPYTHON_BLOCK_FRAMES_H

#include <Python.h>
#include <stdint.h>

/* The frames of the stack that reported the block, newest first, as a tuple of (filename, lineno);
 * None if it has no trace. NULL with an exception. To be called while memory is traced. */
PyObject *ctm_block_frames(uint32_t domain, uintptr_t address);

#endif
