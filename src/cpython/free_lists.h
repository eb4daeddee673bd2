/*
 * The interpreter's free lists, after what was overlooked (ctm_hooks_begin_overlooking).
 *
 * What was overlooked leaves blocks without a trace in them. An object of the program's that takes
 * one would have none either, as if it were from before tracing began.
 */
#ifndef CTM_CPYTHON_FREE_LISTS_H
#define CTM_CPYTHON_FREE_LISTS_H

#include <Python.h>

#include "base/error.h"

/*
 * Take the blocks without a trace out of the free lists of lists, dicts, floats, ints and tuples:
 * to `kept`, a list, objects are appended that are in them. Those with a trace stay where they are.
 * 0, or -1 with MemoryError. To be called while overlooking and with the collector held back, so
 * that nobody else makes objects meanwhile.
 */
CTM_MUST_CHECK int ctm_free_lists_withhold(PyObject *kept);

#endif
