/*
 * SnapshotTable: a snapshot as an immutable sequence of trace tuples, and what is computed from it.
 * Needs the GIL; long computations let it go.
 */
#ifndef CTM_CPYTHON_SNAPSHOT_TYPE_H
#define CTM_CPYTHON_SNAPSHOT_TYPE_H

#include <Python.h>

#include "cpython/trace_types.h"
#include "cpython/types.h"
#include "snapshot/snapshot.h"

extern PyType_Spec ctm_table_spec;
extern PyType_Spec ctm_table_iterator_spec;

struct ctm_table_object {
    PyObject_HEAD
    struct ctm_snapshot *snapshot; /* one reference */
    struct ctm_tuples *tuples;     /* shared by tables that were made from each other */
    PyObject *about; /* bytes: what a file said of the traced program, as it said it; or NULL */
    uint64_t *ends;  /* by row, the index after its last trace; NULL: not made, or not needed */
};

/*
 * A SnapshotTable over `s`, whose reference is consumed, also on failure. New reference, or NULL
 * with an exception.
 */
PyObject *ctm_snapshot_object_new(struct ctm_types *types, struct ctm_snapshot *s);

/* The same, over a snapshot that has the tables of another's. */
PyObject *ctm_table_derive(struct ctm_table_object *from, struct ctm_snapshot *s);

/* The object itself, borrowed, if it is a SnapshotTable; else NULL with a TypeError. */
struct ctm_table_object *ctm_table_check(struct ctm_types *types, PyObject *object);

/* The kind of a name: 0, or -1 with a ValueError. */
int ctm_kind_parse(const char *name, enum ctm_kind *kind);

enum ctm_iterate {
    CTM_ITERATE_TRACES,
    CTM_ITERATE_ROWS,       /* (trace, count) of each row */
    CTM_ITERATE_NAMED_ROWS, /* the same, frames being (filename, lineno, name) */
};

/* An iterator. */
PyObject *ctm_table_iterate(struct ctm_table_object *table, enum ctm_iterate over);

/* The methods that compute; see snapshot_methods.c. */
extern PyMethodDef ctm_table_methods[];

#endif
