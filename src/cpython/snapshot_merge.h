/* SnapshotTable: the method of the type that makes one of several. */
#ifndef CTM_CPYTHON_SNAPSHOT_MERGE_H
#define CTM_CPYTHON_SNAPSHOT_MERGE_H

#include <Python.h>

PyObject *ctm_table_merge(PyObject *type, PyObject *args);
extern const char ctm_table_merge_doc[];

#endif
