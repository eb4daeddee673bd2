#include "cpython/saving.h"

#include <errno.h>
#include <stdlib.h>

#include "format/follow.h"
#include "format/save.h"

const char ctm_follow_path_doc[] =
    "_follow_path($module, path, /)\n"
    "--\n"
    "\n"
    "Return where the links at the end of a path lead, and whether that is a process's name\n"
    "for a file that it has open. OSError for what another user may have left as a trap.";

PyObject *ctm_follow_path_function(PyObject *module, PyObject *path)
{
    (void)module;
    PyObject *bytes_path = NULL;
    char *target;
    if (!PyUnicode_FSConverter(path, &bytes_path)) {
        return NULL;
    }
    int followed = ctm_path_follow(PyBytes_AS_STRING(bytes_path), &target);
    Py_DECREF(bytes_path);
    if (followed == CTM_PATH_TRAP) {
        PyObject *error =
            PyObject_CallFunction(PyExc_OSError, "isO", EACCES, "it " CTM_TRAP_TEXT, path);
        if (error != NULL) {
            PyErr_SetObject((PyObject *)Py_TYPE(error), error);
            Py_DECREF(error);
        }
        return NULL;
    }
    if (followed < 0) {
        return errno == ENOMEM ? PyErr_NoMemory()
                               : PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
    }
    PyObject *result = Py_BuildValue("NO", PyUnicode_DecodeFSDefault(target),
                                     ctm_path_is_descriptor(target) ? Py_True : Py_False);
    free(target);
    return result;
}

const char ctm_save_doc[] =
    "_save($module, path, write, /)\n"
    "--\n"
    "\n"
    "Call a function with the descriptor of a new file, which then takes the place of the\n"
    "path: all or nothing. What is no regular file is written to where it is.";

struct call {
    PyThreadState *thread;
    PyObject *write;
};

static int call_writer(int fd, void *context, struct ctm_file_error *error)
{
    struct call *call = context;
    PyEval_RestoreThread(call->thread);
    PyObject *result = PyObject_CallFunction(call->write, "i", fd);
    Py_XDECREF(result);
    call->thread = PyEval_SaveThread();
    if (result == NULL) {
        /* What was raised says more. */
        *error = (struct ctm_file_error){.code = CTM_EINVAL};
    }
    return error->code;
}

PyObject *ctm_save_function(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *path;
    PyObject *bytes_path = NULL;
    struct call call;
    if (!PyArg_ParseTuple(args, "OO:_save", &path, &call.write) ||
        !PyUnicode_FSConverter(path, &bytes_path)) {
        return NULL;
    }
    struct ctm_file_error error;
    const char *name = PyBytes_AS_STRING(bytes_path);
    call.thread = PyEval_SaveThread();
    int status = ctm_save_by(name, call_writer, &call, false, &error);
    PyEval_RestoreThread(call.thread);
    Py_DECREF(bytes_path);
    switch (status) {
    case CTM_OK:
        Py_RETURN_NONE;
    case CTM_EINVAL:
        return NULL;
    case CTM_ENOMEM:
        return PyErr_NoMemory();
    default:
        errno = error.os_error;
        return PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
    }
}
