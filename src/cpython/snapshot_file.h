/* SnapshotTable and snapshot files: the methods of the type that read and write. */
#ifndef CTM_CPYTHON_SNAPSHOT_FILE_H
#define CTM_CPYTHON_SNAPSHOT_FILE_H

#include <Python.h>

/* For the type's table of methods; each as its doc string says. */
PyObject *ctm_table_about(PyObject *object, PyObject *unused);
PyObject *ctm_table_with_about(PyObject *object, PyObject *about);
PyObject *ctm_table_encode(PyObject *object, PyObject *attributes);
PyObject *ctm_table_write(PyObject *object, PyObject *args);
PyObject *ctm_table_decode(PyObject *type, PyObject *bytes);
PyObject *ctm_table_read(PyObject *type, PyObject *path);
PyObject *ctm_table_restore(PyObject *type, PyObject *bytes);
PyObject *ctm_table_reduce(PyObject *object, PyObject *unused);

extern const char ctm_table_about_doc[];
extern const char ctm_table_with_about_doc[];
extern const char ctm_table_encode_doc[];
extern const char ctm_table_write_doc[];
extern const char ctm_table_decode_doc[];
extern const char ctm_table_read_doc[];
extern const char ctm_table_restore_doc[];

#endif
