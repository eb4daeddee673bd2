/* For the Python part: files that are written whole or not at all, as format/save.h says. */
#ifndef CTM_CPYTHON_SAVING_H
#define CTM_CPYTHON_SAVING_H

#include <Python.h>

/* For the module's table of functions; each as its doc string says. */
PyObject *ctm_follow_path_function(PyObject *module, PyObject *path);
PyObject *ctm_save_function(PyObject *module, PyObject *args);

extern const char ctm_follow_path_doc[];
extern const char ctm_save_doc[];

#endif
