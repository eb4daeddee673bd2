/*
 * The Python types of the extension, and what they share. One struct of them is part of the
 * module's state, so that each interpreter has its own.
 */
#ifndef CTM_CPYTHON_TYPES_H
#define CTM_CPYTHON_TYPES_H

#include <Python.h>

#include "base/error.h"

struct ctm_types {
    PyTypeObject *table; /* SnapshotTable */
    PyTypeObject *table_iterator;
    PyTypeObject *statistic_fields;
    PyTypeObject *diff_fields;
    /* Classes of the Python part, handed in by SnapshotTable.use_classes; NULL before. */
    PyTypeObject *statistic;
    PyTypeObject *diff;
    PyTypeObject *traceback;
    PyObject *format_error; /* ctracemalloc.FormatError */
};

/*
 * Make the types and add them to the module; `types`, in the module's state, must be all zero. 0,
 * or -1 with an exception.
 */
CTM_MUST_CHECK int ctm_types_init(PyObject *module, struct ctm_types *types);

/* For the module's m_traverse and m_clear. */
int ctm_types_traverse(struct ctm_types *types, visitproc visit, void *arg);
void ctm_types_clear(struct ctm_types *types);

/*
 * The types of the module that made `type` or one of its bases; borrowed, valid while `type` lives.
 * NULL with an exception if there is none. Implemented beside the module's definition.
 */
struct ctm_types *ctm_types_of(PyTypeObject *type);

/* Raise the exception that an error code of the lower floors stands for. Always returns NULL. */
PyObject *ctm_raise(int code);

#endif
