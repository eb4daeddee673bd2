#include "cpython/trace_types.h"

#include <stdlib.h>

#include "cpython/types.h"
#include "snapshot/module_name.h"

/* The arrays come from malloc: what reads the tracer's tables should not show up in them. */
struct ctm_tuples {
    size_t references;
    struct ctm_snapshot *empty; /* has the tables and no rows */
    PyObject **texts;           /* by string id; NULL, or entries NULL: not made yet */
    PyObject **frames;          /* by frame id */
    PyObject **stacks;          /* by stack id */
};

struct ctm_tuples *ctm_tuples_new(struct ctm_snapshot *s)
{
    struct ctm_tuples *tuples = calloc(1, sizeof *tuples);
    if (tuples == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    int status = ctm_snapshot_with_rows(s, NULL, 0, &tuples->empty);
    if (status != CTM_OK) {
        free(tuples);
        ctm_raise(status);
        return NULL;
    }
    tuples->references = 1;
    return tuples;
}

struct ctm_tuples *ctm_tuples_ref(struct ctm_tuples *tuples)
{
    tuples->references++;
    return tuples;
}

static void release_all(PyObject **objects, size_t count)
{
    if (objects != NULL) {
        for (size_t i = 0; i < count; i++) {
            Py_XDECREF(objects[i]);
        }
        free(objects);
    }
}

void ctm_tuples_unref(struct ctm_tuples *tuples)
{
    if (tuples == NULL || --tuples->references > 0) {
        return;
    }
    const struct ctm_tables *t = tuples->empty->tables;
    release_all(tuples->stacks, t->stack_count);
    release_all(tuples->frames, t->frame_count);
    release_all(tuples->texts, t->string_count);
    ctm_snapshot_unref(tuples->empty);
    free(tuples);
}

/* The place of an entry in an array of kept objects. NULL with an exception. */
static PyObject **kept(PyObject ***objects, size_t count, size_t index)
{
    if (*objects == NULL) {
        *objects = calloc(count, sizeof(PyObject *));
        if (*objects == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
    }
    return &(*objects)[index];
}

/* Keep an object that was just made, unless the making of it (by way of the garbage collector) led
 * here a second time. */
static PyObject *keep(PyObject **place, PyObject *made)
{
    if (made == NULL) {
        return NULL;
    }
    if (*place == NULL) {
        *place = made;
    } else {
        Py_DECREF(made);
    }
    return Py_NewRef(*place);
}

/* What holds nothing but numbers and text is in no cycle: spare the collector its visits. */
static PyObject *untracked(PyObject *tuple)
{
    if (tuple != NULL) {
        PyObject_GC_UnTrack(tuple);
    }
    return tuple;
}

PyObject *ctm_tuples_text(struct ctm_tuples *tuples, uint32_t string)
{
    const struct ctm_tables *t = tuples->empty->tables;
    PyObject **place = kept(&tuples->texts, t->string_count, string);
    if (place == NULL) {
        return NULL;
    }
    if (*place != NULL) {
        return Py_NewRef(*place);
    }
    struct ctm_string text = t->strings[string];
    return keep(place, PyUnicode_DecodeUTF8(text.bytes, (Py_ssize_t)text.length, "surrogatepass"));
}

PyObject *ctm_tuples_module(struct ctm_tuples *tuples, uint32_t file)
{
    struct ctm_string name = tuples->empty->tables->strings[file];
    char *room = malloc(name.length + 1);
    if (room == NULL) {
        return PyErr_NoMemory();
    }
    struct ctm_string module = ctm_module_name(name, room);
    PyObject *text = PyUnicode_DecodeUTF8(module.bytes, (Py_ssize_t)module.length, "surrogatepass");
    free(room);
    return text;
}

PyObject *ctm_tuples_frame(PyObject *filename, uint32_t line, PyObject *name)
{
    PyObject *number = PyLong_FromUnsignedLong(line);
    if (number == NULL) {
        return NULL;
    }
    PyObject *frame =
        name == NULL ? PyTuple_Pack(2, filename, number) : PyTuple_Pack(3, filename, number, name);
    Py_DECREF(number);
    return untracked(frame);
}

static PyObject *get_frame(struct ctm_tuples *tuples, uint32_t id)
{
    const struct ctm_tables *t = tuples->empty->tables;
    PyObject **place = kept(&tuples->frames, t->frame_count, id);
    if (place == NULL) {
        return NULL;
    }
    if (*place != NULL) {
        return Py_NewRef(*place);
    }
    struct ctm_frame frame = t->frames[id];
    PyObject *filename = ctm_tuples_text(tuples, frame.file);
    if (filename == NULL) {
        return NULL;
    }
    PyObject *pair = ctm_tuples_frame(filename, frame.line, NULL);
    Py_DECREF(filename);
    return keep(place, pair);
}

static PyObject *make_named_frame(struct ctm_tuples *tuples, uint32_t id)
{
    struct ctm_frame frame = tuples->empty->tables->frames[id];
    PyObject *tuple = NULL;
    PyObject *filename = ctm_tuples_text(tuples, frame.file);
    PyObject *name = ctm_tuples_text(tuples, frame.name);
    if (filename != NULL && name != NULL) {
        tuple = ctm_tuples_frame(filename, frame.line, name);
    }
    Py_XDECREF(filename);
    Py_XDECREF(name);
    return tuple;
}

/* Make the frames of a stack by `make` of their ids. */
static PyObject *make_stack(struct ctm_tuples *tuples, uint32_t stack, bool oldest_first,
                            PyObject *(*make)(struct ctm_tuples *tuples, uint32_t id))
{
    const struct ctm_tables *t = tuples->empty->tables;
    Py_ssize_t depth = 0;
    for (uint32_t node = t->stacks[stack].node; node != CTM_NO_NODE; node = t->nodes[node].parent) {
        depth++;
    }
    PyObject *frames = PyTuple_New(depth);
    if (frames == NULL) {
        return NULL;
    }
    uint32_t node = t->stacks[stack].node;
    for (Py_ssize_t i = 0; i < depth; i++) {
        PyObject *frame = make(tuples, t->nodes[node].frame);
        if (frame == NULL) {
            Py_DECREF(frames);
            return NULL;
        }
        PyTuple_SET_ITEM(frames, oldest_first ? depth - 1 - i : i, frame);
        node = t->nodes[node].parent;
    }
    /* The empty tuple is shared by all of Python, and never tracked. */
    return depth == 0 ? frames : untracked(frames);
}

PyObject *ctm_tuples_stack(struct ctm_tuples *tuples, uint32_t stack)
{
    PyObject **place = kept(&tuples->stacks, tuples->empty->tables->stack_count, stack);
    if (place == NULL) {
        return NULL;
    }
    if (*place != NULL) {
        return Py_NewRef(*place);
    }
    return keep(place, make_stack(tuples, stack, false, get_frame));
}

PyObject *ctm_tuples_stack_oldest_first(struct ctm_tuples *tuples, uint32_t stack)
{
    return make_stack(tuples, stack, true, get_frame);
}

/* The reference to the frames is consumed, also on failure. */
static PyObject *make_trace(struct ctm_tuples *tuples, const struct ctm_row *row, PyObject *frames)
{
    PyObject *trace = NULL;
    uint32_t total = tuples->empty->tables->stacks[row->stack].total_nframe;
    PyObject *domain = PyLong_FromUnsignedLong(row->domain);
    PyObject *size = PyLong_FromUnsignedLongLong(row->size);
    PyObject *total_nframe =
        total == CTM_TOTAL_UNKNOWN ? Py_NewRef(Py_None) : PyLong_FromUnsignedLong(total);
    if (domain != NULL && size != NULL && frames != NULL && total_nframe != NULL) {
        trace = untracked(PyTuple_Pack(4, domain, size, frames, total_nframe));
    }
    Py_XDECREF(domain);
    Py_XDECREF(size);
    Py_XDECREF(frames);
    Py_XDECREF(total_nframe);
    return trace;
}

PyObject *ctm_tuples_trace(struct ctm_tuples *tuples, const struct ctm_row *row)
{
    return make_trace(tuples, row, ctm_tuples_stack(tuples, row->stack));
}

PyObject *ctm_tuples_named_trace(struct ctm_tuples *tuples, const struct ctm_row *row)
{
    return make_trace(tuples, row, make_stack(tuples, row->stack, false, make_named_frame));
}
