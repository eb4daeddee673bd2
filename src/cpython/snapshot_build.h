/* A snapshot from the tuples that tracemalloc's API is made of. Needs the GIL. */
#ifndef CTM_CPYTHON_SNAPSHOT_BUILD_H
#define CTM_CPYTHON_SNAPSHOT_BUILD_H

#include <Python.h>

#include "snapshot/snapshot.h"

/*
 * Traces (domain, size, frames, total_nframe) in the order of an iterable; only adjacent equal ones
 * are counted together. Only what comes back equal, and of the same types, is taken: exact tuples,
 * str and int, domain and line of 32 bits, size of 63 bits, total_nframe of 32 bits or None.
 *
 * 0; or -1 with an exception: ValueError, which says what is wrong with which trace, if a trace
 * cannot be taken; whatever the iterable raises. The caller owns one reference to *out. A trace
 * whose frames are the very object of an earlier trace costs constant time.
 */
CTM_MUST_CHECK int ctm_snapshot_from_traces(PyObject *traces, const struct ctm_info *info,
                                            struct ctm_snapshot **out);

#endif
