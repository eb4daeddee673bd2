#include "cpython/free_lists.h"

#include <stdbool.h>

#include "cpython/compat.h"
#include "cpython/hooks.h"

enum kind {
    /* Tuples of a length, of which 1 to LONGEST_TUPLE have free lists, come first. */
    LONGEST_TUPLE = 20,
    LIST,
    DICT,
    FLOAT,
    INT,
    KINDS,
};

/* More than any free list holds. */
enum { MOST = 2048 };

static PyObject *make(int kind)
{
    switch (kind) {
    case LIST:
        return PyList_New(0);
    case DICT:
        return PyDict_New();
    case FLOAT:
        return PyFloat_FromDouble(0.5);
    case INT:
        return PyLong_FromLong(1 << 20); /* not one that there is already */
    default:
        return PyTuple_New(kind);
    }
}

/* A drawn object and whether its blocks are new, so that the free lists are empty, or have no
 * trace. */
struct drawn {
    PyObject *object;
    bool is_new;
    bool has_no_trace;
};

static void look_at(struct drawn *drawn, uintptr_t block)
{
    drawn->is_new = drawn->is_new && ctm_hooks_overlooked_last(block);
    drawn->has_no_trace = drawn->has_no_trace || !ctm_hooks_has_trace(block);
}

/* -1 with MemoryError. */
static int draw(int kind, struct drawn *drawn)
{
    *drawn = (struct drawn){make(kind), true, false};
    if (drawn->object == NULL) {
        return -1;
    }
    look_at(drawn, (uintptr_t)drawn->object - ctm_object_preheader(drawn->object));
    if (kind == DICT) {
        /* Keys have a free list of their own, if all of them are text. */
        PyObject *key = PyUnicode_New(0, 0);
        int result = key == NULL ? -1 : PyDict_SetItem(drawn->object, key, Py_None);
        Py_XDECREF(key);
        if (result < 0) {
            Py_DECREF(drawn->object);
            return -1;
        }
        look_at(drawn, (uintptr_t)((PyDictObject *)drawn->object)->ma_keys);
    }
    return 0;
}

/* Draw objects of a kind until one is new: those that have no trace are appended to `kept`, the
 * others go back. -1 with MemoryError. */
static int withhold(int kind, struct drawn *drawn, PyObject *kept)
{
    size_t length = 0;
    int result = 0;
    do {
        result = draw(kind, &drawn[length]);
        length += result == 0 ? 1 : 0;
    } while (result == 0 && !drawn[length - 1].is_new && length < MOST);
    /* If no call came to our hooks nothing is known: another tool has taken them away. */
    bool is_known = length > 0 && drawn[length - 1].is_new;
    for (size_t i = 0; i < length; i++) {
        if (result == 0 && is_known && drawn[i].has_no_trace) {
            result = PyList_Append(kept, drawn[i].object);
        }
        Py_DECREF(drawn[i].object);
    }
    return result;
}

int ctm_free_lists_withhold(PyObject *kept)
{
    struct drawn *drawn = PyMem_RawMalloc(MOST * sizeof *drawn);
    if (drawn == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    int result = 0;
    for (int kind = 1; kind < KINDS && result == 0; kind++) {
        result = withhold(kind, drawn, kept);
    }
    PyMem_RawFree(drawn);
    return result;
}
