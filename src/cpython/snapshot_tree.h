/* SnapshotTable as a tree of calls: the method of the type that makes it. */
#ifndef CTM_CPYTHON_SNAPSHOT_TREE_H
#define CTM_CPYTHON_SNAPSHOT_TREE_H

#include <Python.h>

PyObject *ctm_table_tree(PyObject *object, PyObject *args);
extern const char ctm_table_tree_doc[];

#endif
