#include "cpython/snapshot_merge.h"

#include <stdlib.h>

#include "cpython/plain_objects.h"
#include "cpython/snapshot_type.h"
#include "snapshot/merge.h"

/* The snapshots of a tuple of tables, which owns them. Free with free(). NULL: an exception. */
static struct ctm_snapshot **list_snapshots(struct ctm_types *types, PyObject *tables)
{
    size_t count = (size_t)PyTuple_GET_SIZE(tables);
    struct ctm_snapshot **snapshots = calloc(count + 1, sizeof(struct ctm_snapshot *));
    if (snapshots == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        struct ctm_table_object *table =
            ctm_table_check(types, PyTuple_GET_ITEM(tables, (Py_ssize_t)i));
        if (table == NULL) {
            free(snapshots);
            return NULL;
        }
        snapshots[i] = table->snapshot;
    }
    return snapshots;
}

static struct ctm_snapshot *merge(struct ctm_types *types, PyObject *tables)
{
    struct ctm_snapshot *merged = NULL;
    struct ctm_snapshot **snapshots = list_snapshots(types, tables);
    if (snapshots == NULL) {
        return NULL;
    }
    PyThreadState *thread = PyEval_SaveThread();
    int status = ctm_merge(snapshots, (size_t)PyTuple_GET_SIZE(tables), &merged);
    PyEval_RestoreThread(thread);
    free(snapshots);
    if (status == CTM_EINVAL) {
        PyErr_SetString(PyExc_ValueError, "expected at least one table, all of one kind");
    } else if (status != CTM_OK) {
        ctm_raise(status);
    }
    return merged;
}

const char ctm_table_merge_doc[] =
    "merge($type, tables, about, /)\n--\n\n"
    "Return a table of the traces of all tables, a sequence, in the order of what was\n"
    "taken. `about` is what about() will say. ValueError if there is none, or they are not\n"
    "of one kind; OverflowError if a sum does not fit 64 bits.";

PyObject *ctm_table_merge(PyObject *type, PyObject *args)
{
    PyObject *sequence;
    PyObject *about;
    struct ctm_types *types = ctm_types_of((PyTypeObject *)type);
    if (types == NULL || !PyArg_ParseTuple(args, "OO!:merge", &sequence, &PyDict_Type, &about)) {
        return NULL;
    }
    PyObject *result = NULL;
    PyObject *bytes = ctm_plain_bytes(about);
    PyObject *tables = PySequence_Tuple(sequence);
    if (bytes != NULL && tables != NULL) {
        struct ctm_snapshot *merged = merge(types, tables);
        result = merged == NULL ? NULL : ctm_snapshot_object_new(types, merged);
        if (result != NULL) {
            ((struct ctm_table_object *)result)->about = Py_NewRef(bytes);
        }
    }
    Py_XDECREF(bytes);
    Py_XDECREF(tables);
    return result;
}
