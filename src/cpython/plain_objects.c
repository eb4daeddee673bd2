#include "cpython/plain_objects.h"

#include <stdbool.h>
#include <stdlib.h>

#include "cpython/types.h"
#include "format/plain.h"

enum { MOST_ALIKE = 64 }; /* keys of a dict with the same hash */

/* ---- failures ---- */

/* Make an exception of this kind say where it came from. `format` takes the key and what it said.
 */
static void name_key(PyObject *key, PyObject *kind, const char *format)
{
    if (!PyErr_ExceptionMatches(kind)) {
        return;
    }
    PyObject *type;
    PyObject *value;
    PyObject *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_Format(kind, format, key, value);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
}

/* ---- to bytes ---- */

/* At most CTM_PLAIN_DEPTH deep. NOLINTBEGIN(misc-no-recursion) */

static int put_value(struct ctm_buffer *out, PyObject *value, unsigned depth);

static int refuse_value(PyObject *value)
{
    PyErr_Format(PyExc_ValueError, "%.100s is not plain data", Py_TYPE(value)->tp_name);
    return -1;
}

/* An int that does not fit 64 bits. Nothing may be called once something has raised. */
static int put_long_int(struct ctm_buffer *out, PyObject *value)
{
    PyObject *to_bytes = PyObject_GetAttrString(value, "to_bytes");
    PyObject *bits = to_bytes == NULL ? NULL : PyObject_CallMethod(value, "bit_length", NULL);
    size_t length = bits == NULL ? 0 : PyLong_AsSize_t(bits) / 8 + 1;
    PyObject *args = bits == NULL ? NULL : Py_BuildValue("(ns)", (Py_ssize_t)length, "little");
    PyObject *options = args == NULL ? NULL : Py_BuildValue("{s:O}", "signed", Py_True);
    PyObject *bytes = options == NULL ? NULL : PyObject_Call(to_bytes, args, options);
    int result = bytes == NULL ? -1 : 0;
    if (bytes != NULL) {
        ctm_plain_put_int(out, (const uint8_t *)PyBytes_AS_STRING(bytes),
                          (size_t)PyBytes_GET_SIZE(bytes));
    }
    Py_XDECREF(bytes);
    Py_XDECREF(options);
    Py_XDECREF(args);
    Py_XDECREF(bits);
    Py_XDECREF(to_bytes);
    return result;
}

static int put_int(struct ctm_buffer *out, PyObject *value)
{
    int overflow = 0;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow != 0) {
        return put_long_int(out, value);
    }
    if (number == -1 && PyErr_Occurred()) {
        return -1;
    }
    ctm_plain_put_int64(out, number);
    return 0;
}

static int put_text(struct ctm_buffer *out, PyObject *text)
{
    PyObject *bytes = PyUnicode_AsEncodedString(text, "utf-8", "surrogatepass");
    if (bytes == NULL) {
        return -1;
    }
    ctm_plain_put_text(out, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    Py_DECREF(bytes);
    return 0;
}

static int put_items(struct ctm_buffer *out, PyObject *tuple, unsigned depth)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
        if (put_value(out, PyTuple_GET_ITEM(tuple, i), depth) < 0) {
            return -1;
        }
    }
    return 0;
}

/* A copy is written: meanwhile the collector may run code that changes the list. */
static int put_list(struct ctm_buffer *out, PyObject *list, unsigned depth)
{
    PyObject *items = PyList_AsTuple(list);
    if (items == NULL) {
        return -1;
    }
    ctm_plain_put_list(out, (uint64_t)PyTuple_GET_SIZE(items));
    int result = put_items(out, items, depth);
    Py_DECREF(items);
    return result;
}

static int put_dict(struct ctm_buffer *out, PyObject *dict, unsigned depth)
{
    PyObject *items = PyDict_Items(dict);
    if (items == NULL) {
        return -1;
    }
    int result = 0;
    ctm_plain_put_dict(out, (uint64_t)PyList_GET_SIZE(items));
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(items); i++) {
        result = put_items(out, PyList_GET_ITEM(items, i), depth);
    }
    Py_DECREF(items);
    return result;
}

static int put_container(struct ctm_buffer *out, PyObject *value, unsigned depth)
{
    if (depth == CTM_PLAIN_DEPTH) {
        PyErr_Format(PyExc_ValueError, "it is nested deeper than %d levels", CTM_PLAIN_DEPTH);
        return -1;
    }
    if (PyList_CheckExact(value)) {
        return put_list(out, value, depth + 1);
    }
    if (PyTuple_CheckExact(value)) {
        ctm_plain_put_tuple(out, (uint64_t)PyTuple_GET_SIZE(value));
        return put_items(out, value, depth + 1);
    }
    if (PyDict_CheckExact(value)) {
        return put_dict(out, value, depth + 1);
    }
    return refuse_value(value);
}

/* `depth`: in how many containers the value is. */
static int put_value(struct ctm_buffer *out, PyObject *value, unsigned depth)
{
    if (value == Py_None) {
        ctm_plain_put_none(out);
    } else if (PyBool_Check(value)) {
        ctm_plain_put_bool(out, value == Py_True);
    } else if (PyFloat_CheckExact(value)) {
        ctm_plain_put_float(out, PyFloat_AS_DOUBLE(value));
    } else if (PyBytes_CheckExact(value)) {
        ctm_plain_put_bytes(out, PyBytes_AS_STRING(value), (size_t)PyBytes_GET_SIZE(value));
    } else if (PyLong_CheckExact(value)) {
        return put_int(out, value);
    } else if (PyUnicode_CheckExact(value)) {
        return put_text(out, value);
    } else {
        return put_container(out, value, depth);
    }
    return 0;
}

/* NOLINTEND(misc-no-recursion) */

static int put_entry(struct ctm_buffer *out, PyObject *key, PyObject *value)
{
    if (!PyUnicode_CheckExact(key)) {
        return refuse_value(key);
    }
    return put_text(out, key) < 0 ? -1 : put_value(out, value, 1);
}

int ctm_plain_from_dict(PyObject *dict, struct ctm_buffer *out)
{
    PyObject *items = PyDict_Items(dict);
    if (items == NULL) {
        return -1;
    }
    int result = 0;
    ctm_plain_put_dict(out, (uint64_t)PyList_GET_SIZE(items));
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(items); i++) {
        PyObject *item = PyList_GET_ITEM(items, i);
        result = put_entry(out, PyTuple_GET_ITEM(item, 0), PyTuple_GET_ITEM(item, 1));
        if (result < 0) {
            name_key(PyTuple_GET_ITEM(item, 0), PyExc_ValueError,
                     "%.200R cannot be saved: %S (None, bool, int, float, str, bytes, and lists, "
                     "tuples and dicts of these can)");
        }
    }
    Py_DECREF(items);
    if (result == 0 && out->error != CTM_OK) {
        ctm_raise(out->error);
        result = -1;
    }
    return result;
}

PyObject *ctm_plain_bytes(PyObject *dict)
{
    struct ctm_buffer buffer = {.length = 0};
    PyObject *bytes = NULL;
    if (ctm_plain_from_dict(dict, &buffer) == 0) {
        bytes = PyBytes_FromStringAndSize((const char *)buffer.bytes, (Py_ssize_t)buffer.length);
    }
    ctm_buffer_free(&buffer);
    return bytes;
}

/* ---- from bytes ---- */

/* Whoever called has not checked the bytes. */
static PyObject *refuse_unchecked(const char *wrong)
{
    return PyErr_Format(PyExc_SystemError, "ctracemalloc: unchecked plain data: %s", wrong);
}

static PyObject *get_value(struct ctm_cursor *cursor, PyObject *format_error);

static PyObject *get_long_int(const struct ctm_plain_item *item)
{
    PyObject *bytes =
        PyBytes_FromStringAndSize((const char *)item->bytes, (Py_ssize_t)item->length);
    PyObject *args = bytes == NULL ? NULL : Py_BuildValue("(Os)", bytes, "little");
    PyObject *options = args == NULL ? NULL : Py_BuildValue("{s:O}", "signed", Py_True);
    PyObject *from_bytes =
        options == NULL ? NULL : PyObject_GetAttrString((PyObject *)&PyLong_Type, "from_bytes");
    PyObject *number = from_bytes == NULL ? NULL : PyObject_Call(from_bytes, args, options);
    Py_XDECREF(from_bytes);
    Py_XDECREF(options);
    Py_XDECREF(args);
    Py_XDECREF(bytes);
    return number;
}

static PyObject *get_int(const struct ctm_plain_item *item)
{
    if (item->length > sizeof(uint64_t)) {
        return get_long_int(item);
    }
    bool negative = item->length > 0 && item->bytes[item->length - 1] >= 0x80;
    uint64_t number = negative ? UINT64_MAX : 0;
    for (size_t i = item->length; i-- > 0;) {
        number = number << 8 | item->bytes[i];
    }
    return PyLong_FromLongLong((int64_t)number);
}

static int compare_hashes(const void *left, const void *right)
{
    Py_hash_t a = *(const Py_hash_t *)left;
    Py_hash_t b = *(const Py_hash_t *)right;
    return (a > b) - (a < b);
}

/*
 * Whether few enough keys are alike. Numbers hash to what their value says, so a file could hold
 * many whose hashes are equal, and each would be compared with all before it.
 */
static int check_hashes(PyObject *pairs, PyObject *format_error)
{
    int result = -1;
    size_t count = (size_t)PyList_GET_SIZE(pairs) / 2;
    if (count <= MOST_ALIKE) {
        return 0;
    }
    Py_hash_t *hashes = PyMem_New(Py_hash_t, count);
    if (hashes == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        hashes[i] = PyObject_Hash(PyList_GET_ITEM(pairs, (Py_ssize_t)(2 * i)));
        if (hashes[i] == -1) {
            goto out;
        }
    }
    qsort(hashes, count, sizeof *hashes, compare_hashes);
    for (size_t i = MOST_ALIKE; i < count; i++) {
        if (hashes[i] == hashes[i - MOST_ALIKE]) {
            PyErr_Format(format_error, "more than %d keys of a dict have the same hash",
                         MOST_ALIKE);
            goto out;
        }
    }
    result = 0;
out:
    PyMem_Free(hashes);
    return result;
}

/* At most CTM_PLAIN_DEPTH deep. NOLINTBEGIN(misc-no-recursion) */

static PyObject *get_list(struct ctm_cursor *cursor, PyObject *format_error, uint64_t count)
{
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (uint64_t i = 0; list != NULL && i < count; i++) {
        PyObject *value = get_value(cursor, format_error);
        if (value == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, value);
        }
    }
    return list;
}

static PyObject *get_tuple(struct ctm_cursor *cursor, PyObject *format_error, uint64_t count)
{
    PyObject *list = get_list(cursor, format_error, count);
    if (list == NULL) {
        return NULL;
    }
    PyObject *tuple = PyList_AsTuple(list);
    Py_DECREF(list);
    return tuple;
}

/* Keys and values by turns, checked: a dict of theirs costs no more than they do. */
static int fill_dict(PyObject *dict, PyObject *pairs)
{
    for (Py_ssize_t i = 0; i + 1 < PyList_GET_SIZE(pairs); i += 2) {
        if (PyDict_SetItem(dict, PyList_GET_ITEM(pairs, i), PyList_GET_ITEM(pairs, i + 1)) < 0) {
            return -1;
        }
    }
    return 0;
}

static PyObject *get_dict(struct ctm_cursor *cursor, PyObject *format_error, uint64_t count)
{
    PyObject *dict = NULL;
    PyObject *pairs = get_list(cursor, format_error, 2 * count);
    if (pairs != NULL && check_hashes(pairs, format_error) == 0) {
        dict = PyDict_New();
    }
    if (dict != NULL && fill_dict(dict, pairs) < 0) {
        Py_CLEAR(dict);
    }
    Py_XDECREF(pairs);
    return dict;
}

/* The depth was checked before, so this does not recurse far. */
static PyObject *get_value(struct ctm_cursor *cursor, PyObject *format_error)
{
    struct ctm_plain_item item;
    const char *wrong = ctm_plain_next(cursor, &item);
    if (wrong != NULL) {
        return refuse_unchecked(wrong);
    }
    switch (item.kind) {
    case CTM_PLAIN_NONE:
        Py_RETURN_NONE;
    case CTM_PLAIN_FALSE:
        Py_RETURN_FALSE;
    case CTM_PLAIN_TRUE:
        Py_RETURN_TRUE;
    case CTM_PLAIN_INT:
        return get_int(&item);
    case CTM_PLAIN_FLOAT:
        return PyFloat_FromDouble(item.number);
    case CTM_PLAIN_TEXT:
        return PyUnicode_DecodeUTF8((const char *)item.bytes, (Py_ssize_t)item.length,
                                    "surrogatepass");
    case CTM_PLAIN_BYTES:
        return PyBytes_FromStringAndSize((const char *)item.bytes, (Py_ssize_t)item.length);
    case CTM_PLAIN_LIST:
        return get_list(cursor, format_error, item.count);
    case CTM_PLAIN_TUPLE:
        return get_tuple(cursor, format_error, item.count);
    case CTM_PLAIN_DICT:
        return get_dict(cursor, format_error, item.count);
    }
    Py_UNREACHABLE();
}

/* NOLINTEND(misc-no-recursion) */

static int get_entry(struct ctm_cursor *cursor, PyObject *format_error, PyObject *dict)
{
    int result = -1;
    PyObject *key = get_value(cursor, format_error);
    PyObject *value = key == NULL ? NULL : get_value(cursor, format_error);
    if (value != NULL) {
        result = PyDict_SetItem(dict, key, value);
    } else if (key != NULL) {
        name_key(key, format_error, "%.200R cannot be read: %S");
    }
    Py_XDECREF(key);
    Py_XDECREF(value);
    return result;
}

/* Its own keys are text, whose hashes nobody can foresee or aim at. */
PyObject *ctm_plain_to_dict(const uint8_t *bytes, size_t length, PyObject *format_error)
{
    struct ctm_cursor cursor = ctm_cursor_over(bytes, length);
    struct ctm_plain_item item = {.count = 0};
    const char *wrong = length == 0 ? NULL : ctm_plain_next(&cursor, &item);
    if (wrong != NULL) {
        return refuse_unchecked(wrong);
    }
    PyObject *dict = PyDict_New();
    for (uint64_t i = 0; dict != NULL && i < item.count; i++) {
        if (get_entry(&cursor, format_error, dict) < 0) {
            Py_CLEAR(dict);
        }
    }
    return dict;
}
