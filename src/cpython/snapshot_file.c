#include "cpython/snapshot_file.h"

#include <errno.h>
#include <string.h>

#include "cpython/plain_objects.h"
#include "cpython/snapshot_type.h"
#include "format/file.h"
#include "format/pickle.h"
#include "format/plain.h"

/* Raise what a function of format/file.h reported. `path` may be NULL. Always returns NULL. */
static PyObject *raise_file_error(PyTypeObject *type, const struct ctm_file_error *error,
                                  PyObject *path)
{
    struct ctm_types *types = ctm_types_of(type);
    if (types == NULL) {
        return NULL;
    }
    switch (error->code) {
    case CTM_ENOMEM:
        return PyErr_NoMemory();
    case CTM_EIO:
        errno = error->os_error;
        return PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
    case CTM_EINVAL:
        PyErr_SetString(PyExc_ValueError, error->text);
        return NULL;
    default:
        return path == NULL ? PyErr_Format(types->format_error, "%s", error->text)
                            : PyErr_Format(types->format_error, "%R: %s", path, error->text);
    }
}

/* ---- write ---- */

/* Of what was taken here: the interpreter's version. Of what somebody built by hand: nothing. */
static void put_about_here(struct ctm_buffer *out, const struct ctm_snapshot *s)
{
    static const char key[] = "python";
    if (s->info.time_ns == 0) {
        return;
    }
    const char *version = Py_GetVersion();
    ctm_plain_put_dict(out, 1);
    ctm_plain_put_text(out, key, strlen(key));
    ctm_plain_put_text(out, version, strcspn(version, " "));
}

static void put_about(struct ctm_buffer *out, struct ctm_table_object *self)
{
    if (self->about != NULL) {
        ctm_buffer_append(out, PyBytes_AS_STRING(self->about),
                          (size_t)PyBytes_GET_SIZE(self->about));
    } else {
        put_about_here(out, self->snapshot);
    }
}

static int make_metadata(struct ctm_table_object *self, PyObject *attributes,
                         struct ctm_metadata *metadata)
{
    *metadata = (struct ctm_metadata){.about = {.length = 0}};
    put_about(&metadata->about, self);
    if (metadata->about.error != CTM_OK) {
        ctm_raise(metadata->about.error);
    } else if (ctm_plain_from_dict(attributes, &metadata->attributes) == 0) {
        return 0;
    }
    ctm_metadata_free(metadata);
    return -1;
}

const char ctm_table_about_doc[] =
    "about($self, /)\n--\n\n"
    "Return what a snapshot file says, or would say, of the traced program, as a dict.";

PyObject *ctm_table_about(PyObject *object, PyObject *unused)
{
    (void)unused;
    struct ctm_types *types = ctm_types_of(Py_TYPE(object));
    if (types == NULL) {
        return NULL;
    }
    struct ctm_buffer about = {.length = 0};
    put_about(&about, (struct ctm_table_object *)object);
    PyObject *dict = about.error == CTM_OK
                         ? ctm_plain_to_dict(about.bytes, about.length, types->format_error)
                         : ctm_raise(about.error);
    ctm_buffer_free(&about);
    return dict;
}

const char ctm_table_with_about_doc[] =
    "with_about($self, about, /)\n--\n\n"
    "Return a table of the same traces, whose about() is this dict of plain data.";

PyObject *ctm_table_with_about(PyObject *object, PyObject *about)
{
    struct ctm_types *types = ctm_types_of(Py_TYPE(object));
    if (types == NULL) {
        return NULL;
    }
    if (!PyDict_Check(about)) {
        return PyErr_Format(PyExc_TypeError, "expected a dict, not %.200s",
                            Py_TYPE(about)->tp_name);
    }
    PyObject *bytes = ctm_plain_bytes(about);
    if (bytes == NULL) {
        return NULL;
    }
    struct ctm_snapshot *snapshot = ((struct ctm_table_object *)object)->snapshot;
    PyObject *table = ctm_snapshot_object_new(types, ctm_snapshot_ref(snapshot));
    if (table == NULL) {
        Py_DECREF(bytes);
        return NULL;
    }
    ((struct ctm_table_object *)table)->about = bytes;
    return table;
}

const char ctm_table_encode_doc[] =
    "encode($self, attributes, /)\n--\n\n"
    "Return the bytes of a snapshot file. The dict has str keys and plain data.";

PyObject *ctm_table_encode(PyObject *object, PyObject *attributes)
{
    struct ctm_table_object *self = (struct ctm_table_object *)object;
    struct ctm_metadata metadata;
    if (!PyDict_Check(attributes)) {
        return PyErr_Format(PyExc_TypeError, "expected a dict, not %.200s",
                            Py_TYPE(attributes)->tp_name);
    }
    if (make_metadata(self, attributes, &metadata) < 0) {
        return NULL;
    }
    struct ctm_buffer bytes = {.length = 0};
    struct ctm_file_error error = {.code = CTM_OK};
    PyThreadState *thread = PyEval_SaveThread();
    int status = ctm_file_encode(self->snapshot, &metadata, 0, &bytes, &error);
    PyEval_RestoreThread(thread);
    ctm_metadata_free(&metadata);
    PyObject *result = status == CTM_OK ? PyBytes_FromStringAndSize((const char *)bytes.bytes,
                                                                    (Py_ssize_t)bytes.length)
                                        : raise_file_error(Py_TYPE(object), &error, NULL);
    ctm_buffer_free(&bytes);
    return result;
}

const char ctm_table_write_doc[] = "write($self, path, attributes, fsync, /)\n--\n\n"
                                   "Write a snapshot file, all or nothing.";

PyObject *ctm_table_write(PyObject *object, PyObject *args)
{
    struct ctm_table_object *self = (struct ctm_table_object *)object;
    PyObject *path;
    PyObject *attributes;
    int fsync;
    struct ctm_metadata metadata;
    PyObject *bytes_path = NULL;
    if (!PyArg_ParseTuple(args, "OO!p:write", &path, &PyDict_Type, &attributes, &fsync) ||
        !PyUnicode_FSConverter(path, &bytes_path)) {
        return NULL;
    }
    if (make_metadata(self, attributes, &metadata) < 0) {
        Py_DECREF(bytes_path);
        return NULL;
    }
    struct ctm_file_error error = {.code = CTM_OK};
    const char *name = PyBytes_AS_STRING(bytes_path);
    PyThreadState *thread = PyEval_SaveThread();
    int status =
        ctm_file_write(self->snapshot, &metadata, name, fsync ? CTM_FILE_FSYNC : 0, &error);
    PyEval_RestoreThread(thread);
    ctm_metadata_free(&metadata);
    Py_DECREF(bytes_path);
    if (status != CTM_OK) {
        return raise_file_error(Py_TYPE(object), &error, path);
    }
    Py_RETURN_NONE;
}

/* ---- read ---- */

static PyObject *make_table(struct ctm_types *types, struct ctm_snapshot *snapshot,
                            const struct ctm_buffer *about)
{
    PyObject *table = ctm_snapshot_object_new(types, snapshot);
    if (table == NULL || about->length == 0) {
        return table;
    }
    PyObject *bytes =
        PyBytes_FromStringAndSize((const char *)about->bytes, (Py_ssize_t)about->length);
    if (bytes == NULL) {
        Py_DECREF(table);
        return NULL;
    }
    ((struct ctm_table_object *)table)->about = bytes;
    return table;
}

/* (table, attributes). The snapshot's reference is consumed, also on failure. */
static PyObject *make_result(PyTypeObject *type, struct ctm_snapshot *snapshot,
                             const struct ctm_metadata *metadata)
{
    struct ctm_types *types = ctm_types_of(type);
    if (types == NULL) {
        ctm_snapshot_unref(snapshot);
        return NULL;
    }
    PyObject *table = make_table(types, snapshot, &metadata->about);
    if (table == NULL) {
        return NULL;
    }
    PyObject *attributes = ctm_plain_to_dict(metadata->attributes.bytes,
                                             metadata->attributes.length, types->format_error);
    if (attributes == NULL) {
        Py_DECREF(table);
        return NULL;
    }
    return Py_BuildValue("NN", table, attributes);
}

/* A snapshot file's bytes, or a dump's of the standard library. `path`, for errors, may be NULL. */
static PyObject *decode(PyTypeObject *type, const uint8_t *bytes, size_t length, PyObject *path)
{
    struct ctm_snapshot *snapshot = NULL;
    struct ctm_metadata metadata = {.about = {.length = 0}};
    struct ctm_file_error error = {.code = CTM_OK};
    struct ctm_limits limits = ctm_limits_default;
    PyThreadState *thread = PyEval_SaveThread();
    int status = ctm_pickle_is_one(bytes, length)
                     ? ctm_pickle_read(bytes, length, limits, &snapshot, &metadata, &error)
                     : ctm_file_decode(bytes, length, limits, &snapshot, &metadata, &error);
    PyEval_RestoreThread(thread);
    if (status != CTM_OK) {
        return raise_file_error(type, &error, path);
    }
    PyObject *result = make_result(type, snapshot, &metadata);
    ctm_metadata_free(&metadata);
    return result;
}

const char ctm_table_decode_doc[] =
    "decode($type, bytes, /)\n--\n\n"
    "Return (table, attributes) of the bytes of a snapshot file or of a dump of the\n"
    "standard library. FormatError if they are neither.";

PyObject *ctm_table_decode(PyObject *type, PyObject *bytes)
{
    if (!PyBytes_Check(bytes)) {
        return PyErr_Format(PyExc_TypeError, "expected bytes, not %.200s", Py_TYPE(bytes)->tp_name);
    }
    return decode((PyTypeObject *)type, (const uint8_t *)PyBytes_AS_STRING(bytes),
                  (size_t)PyBytes_GET_SIZE(bytes), NULL);
}

const char ctm_table_read_doc[] =
    "read($type, path, /)\n--\n\n"
    "Return (table, attributes) of a snapshot file, or None if it begins as a dump of the\n"
    "standard library does: its bytes are for decode(). FormatError if it is neither.";

PyObject *ctm_table_read(PyObject *type, PyObject *path)
{
    PyObject *bytes_path = NULL;
    if (!PyUnicode_FSConverter(path, &bytes_path)) {
        return NULL;
    }
    const char *name = PyBytes_AS_STRING(bytes_path);
    struct ctm_buffer bytes = {.length = 0};
    struct ctm_file_error error = {.code = CTM_OK};
    PyObject *result;
    PyThreadState *thread = PyEval_SaveThread();
    int status = ctm_file_load(name, ctm_limits_default, &bytes, &error);
    PyEval_RestoreThread(thread);
    if (status != CTM_OK) {
        result = raise_file_error((PyTypeObject *)type, &error, path);
    } else if (ctm_pickle_is_one(bytes.bytes, bytes.length)) {
        result = Py_NewRef(Py_None);
    } else {
        result = decode((PyTypeObject *)type, bytes.bytes, bytes.length, path);
    }
    Py_DECREF(bytes_path);
    ctm_buffer_free(&bytes);
    return result;
}

/* ---- pickle and copy ---- */

const char ctm_table_restore_doc[] = "_restore($type, bytes, /)\n--\n\n"
                                     "Return the table that was pickled.";

PyObject *ctm_table_restore(PyObject *type, PyObject *bytes)
{
    PyObject *result = ctm_table_decode(type, bytes);
    if (result == NULL) {
        return NULL;
    }
    PyObject *table = Py_NewRef(PyTuple_GET_ITEM(result, 0));
    Py_DECREF(result);
    return table;
}

static PyObject *encode_alone(PyObject *object)
{
    PyObject *attributes = PyDict_New();
    if (attributes == NULL) {
        return NULL;
    }
    PyObject *bytes = ctm_table_encode(object, attributes);
    Py_DECREF(attributes);
    return bytes;
}

PyObject *ctm_table_reduce(PyObject *object, PyObject *unused)
{
    (void)unused;
    PyObject *type = (PyObject *)Py_TYPE(object);
    PyObject *bytes = encode_alone(object);
    if (bytes != NULL) {
        return Py_BuildValue("N(N)", PyObject_GetAttrString(type, "_restore"), bytes);
    }
    if (!PyErr_ExceptionMatches(PyExc_ValueError)) {
        return NULL;
    }
    /* Sums that no file can hold: by its traces, then. */
    PyErr_Clear();
    PyObject *traces = PySequence_List(object);
    return traces == NULL ? NULL : Py_BuildValue("O(N)", type, traces);
}
