/*
 * What a Statistic and a StatisticDiff hold; how they compare and print is the Python part's.
 *
 * A hundred thousand of them are made at once and few are ever looked at, so the traceback stays
 * what the tables call it until somebody asks for it. Needs the GIL.
 */
#ifndef CTM_CPYTHON_STAT_TYPES_H
#define CTM_CPYTHON_STAT_TYPES_H

#include <Python.h>

#include "cpython/trace_types.h"
#include "cpython/types.h"

extern PyType_Spec ctm_statistic_spec;
extern PyType_Spec ctm_diff_spec;

/* What a group of traces has in common. */
struct ctm_place_key {
    PyObject *filename;        /* borrowed; with `line`, the only frame. NULL: not by frame */
    uint32_t line;             /* 0 where not grouped by line */
    PyObject *name;            /* borrowed; the frame's name. NULL: it has none */
    struct ctm_tuples *tuples; /* borrowed; with `stack`, all frames. NULL: not by stack */
    uint32_t stack;
}; /* all zero: the empty traceback */

/*
 * New instances of the classes handed to ctm_use_classes. New references, or NULL with an
 * exception.
 */
PyObject *ctm_statistic_new(struct ctm_types *types, const struct ctm_place_key *key, uint64_t size,
                            uint64_t count);
PyObject *ctm_diff_new(struct ctm_types *types, const struct ctm_place_key *key, uint64_t size,
                       int64_t size_diff, uint64_t count, int64_t count_diff);

/*
 * Set the classes that results are made of: subclasses of StatisticFields and StatisticDiffFields
 * that add no storage, and a Traceback with the attributes _frames and _total_nframe. 0, or -1 with
 * an exception.
 */
CTM_MUST_CHECK int ctm_use_classes(struct ctm_types *types, PyObject *statistic, PyObject *diff,
                                   PyObject *traceback);

#endif
