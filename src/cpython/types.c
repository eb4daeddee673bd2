#include "cpython/types.h"

#include "cpython/snapshot_type.h"
#include "cpython/stat_types.h"

PyDoc_STRVAR(format_error_doc, "A file that is not what its format says.");

static int add_format_error(PyObject *module, struct ctm_types *types)
{
    types->format_error = PyErr_NewExceptionWithDoc("ctracemalloc.FormatError", format_error_doc,
                                                    PyExc_ValueError, NULL);
    if (types->format_error == NULL) {
        return -1;
    }
    return PyModule_AddObjectRef(module, "FormatError", types->format_error);
}

static int make_type(PyObject *module, PyType_Spec *spec, PyTypeObject **out)
{
    *out = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    return *out == NULL ? -1 : 0;
}

int ctm_types_init(PyObject *module, struct ctm_types *types)
{
    if (add_format_error(module, types) < 0 ||
        make_type(module, &ctm_table_spec, &types->table) < 0 ||
        make_type(module, &ctm_table_iterator_spec, &types->table_iterator) < 0 ||
        make_type(module, &ctm_statistic_spec, &types->statistic_fields) < 0 ||
        make_type(module, &ctm_diff_spec, &types->diff_fields) < 0 ||
        PyModule_AddType(module, types->table) < 0 ||
        PyModule_AddType(module, types->statistic_fields) < 0 ||
        PyModule_AddType(module, types->diff_fields) < 0) {
        return -1;
    }
    return 0;
}

int ctm_types_traverse(struct ctm_types *types, visitproc visit, void *arg)
{
    Py_VISIT(types->table);
    Py_VISIT(types->table_iterator);
    Py_VISIT(types->statistic_fields);
    Py_VISIT(types->diff_fields);
    Py_VISIT(types->statistic);
    Py_VISIT(types->diff);
    Py_VISIT(types->traceback);
    Py_VISIT(types->format_error);
    return 0;
}

void ctm_types_clear(struct ctm_types *types)
{
    Py_CLEAR(types->table);
    Py_CLEAR(types->table_iterator);
    Py_CLEAR(types->statistic_fields);
    Py_CLEAR(types->diff_fields);
    Py_CLEAR(types->statistic);
    Py_CLEAR(types->diff);
    Py_CLEAR(types->traceback);
    Py_CLEAR(types->format_error);
}

PyObject *ctm_raise(int code)
{
    switch (code) {
    case CTM_ENOMEM:
        return PyErr_NoMemory();
    case CTM_ELIMIT:
        PyErr_SetString(PyExc_OverflowError, "a table or a sum of the snapshot is too large");
        return NULL;
    default:
        PyErr_Format(PyExc_SystemError, "ctracemalloc: unexpected error code %d", code);
        return NULL;
    }
}
