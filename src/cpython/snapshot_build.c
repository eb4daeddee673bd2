#include "cpython/snapshot_build.h"

#include <stdbool.h>
#include <stdlib.h>

#include "cpython/types.h"

/* From objects that live as long as the map to the ids that they got. */
struct identity_map {
    struct identity_entry *entries; /* open addressing; at most half are used */
    size_t capacity;                /* a power of two */
    size_t used;
};

struct identity_entry {
    const void *object; /* NULL: free */
    uint32_t id;
};

struct build {
    struct ctm_builder *builder;
    struct identity_map texts;
    struct identity_map frames;
    struct identity_map nodes; /* tuples of frames */
    Py_ssize_t index;          /* of the trace that is looked at */
};

static size_t identity_slot(const struct identity_map *map, const void *object)
{
    size_t hash = (size_t)((uintptr_t)object >> 4) * (size_t)UINT64_C(0x9E3779B97F4A7C15);
    size_t at = hash >> 20 & (map->capacity - 1);
    while (map->entries[at].object != NULL && map->entries[at].object != object) {
        at = (at + 1) & (map->capacity - 1);
    }
    return at;
}

static bool identity_find(const struct identity_map *map, const void *object, uint32_t *id)
{
    if (map->capacity == 0) {
        return false;
    }
    size_t at = identity_slot(map, object);
    *id = map->entries[at].id;
    return map->entries[at].object != NULL;
}

static int identity_grow(struct identity_map *map)
{
    struct identity_map larger = {.used = map->used};
    larger.capacity = map->capacity == 0 ? 1024 : map->capacity * 2;
    larger.entries = calloc(larger.capacity, sizeof *larger.entries);
    if (larger.entries == NULL) {
        return CTM_ENOMEM;
    }
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->entries[i].object != NULL) {
            larger.entries[identity_slot(&larger, map->entries[i].object)] = map->entries[i];
        }
    }
    free(map->entries);
    *map = larger;
    return CTM_OK;
}

static int identity_add(struct identity_map *map, const void *object, uint32_t id)
{
    if (map->used >= map->capacity / 2) {
        int status = identity_grow(map);
        if (status != CTM_OK) {
            return status;
        }
    }
    map->entries[identity_slot(map, object)] = (struct identity_entry){object, id};
    map->used++;
    return CTM_OK;
}

/* Raise for a code of the builder; 0 if it is CTM_OK, else -1. */
static int check(int status)
{
    if (status != CTM_OK) {
        ctm_raise(status);
        return -1;
    }
    return 0;
}

static int refuse(const struct build *build, const char *what, PyObject *value)
{
    PyErr_Format(PyExc_ValueError, "trace %zd: %s, not %.200R", build->index, what, value);
    return -1;
}

/* An exact int from 0 to `most`. */
static int take_number(const struct build *build, PyObject *value, uint64_t most, const char *what,
                       uint64_t *number)
{
    if (!PyLong_CheckExact(value)) {
        return refuse(build, what, value);
    }
    *number = PyLong_AsUnsignedLongLong(value);
    if (*number == UINT64_MAX && PyErr_Occurred()) {
        PyErr_Clear();
        return refuse(build, what, value);
    }
    return *number <= most ? 0 : refuse(build, what, value);
}

static int intern_text(struct build *build, PyObject *text, uint32_t *id)
{
    if (PyUnicode_IS_ASCII(text)) {
        return check(ctm_builder_string(build->builder, PyUnicode_DATA(text),
                                        (size_t)PyUnicode_GET_LENGTH(text), id));
    }
    PyObject *bytes = PyUnicode_AsEncodedString(text, "utf-8", "surrogatepass");
    if (bytes == NULL) {
        return -1;
    }
    int status = ctm_builder_string(build->builder, PyBytes_AS_STRING(bytes),
                                    (size_t)PyBytes_GET_SIZE(bytes), id);
    Py_DECREF(bytes);
    return check(status);
}

static int take_text(struct build *build, PyObject *text, uint32_t *id)
{
    if (identity_find(&build->texts, text, id)) {
        return 0;
    }
    if (!PyUnicode_CheckExact(text)) {
        return refuse(build, "a file name must be a str", text);
    }
    if (intern_text(build, text, id) < 0) {
        return -1;
    }
    return check(identity_add(&build->texts, text, *id));
}

static int take_frame(struct build *build, PyObject *pair, uint32_t *id)
{
    if (identity_find(&build->frames, pair, id)) {
        return 0;
    }
    if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2) {
        return refuse(build, "a frame must be a tuple (filename, lineno)", pair);
    }
    struct ctm_frame frame = {0};
    uint64_t line = 0;
    if (take_text(build, PyTuple_GET_ITEM(pair, 0), &frame.file) < 0 ||
        take_number(build, PyTuple_GET_ITEM(pair, 1), UINT32_MAX,
                    "a line must be an int from 0 to 4294967295", &line) < 0) {
        return -1;
    }
    frame.line = (uint32_t)line;
    if (check(ctm_builder_frame(build->builder, frame, id)) < 0) {
        return -1;
    }
    return check(identity_add(&build->frames, pair, *id));
}

static int take_frames(struct build *build, PyObject *frames, uint32_t *node)
{
    if (identity_find(&build->nodes, frames, node)) {
        return 0;
    }
    if (!PyTuple_CheckExact(frames)) {
        return refuse(build, "frames must be a tuple", frames);
    }
    *node = CTM_NO_NODE;
    for (Py_ssize_t i = PyTuple_GET_SIZE(frames); i-- > 0;) {
        uint32_t frame = 0;
        if (take_frame(build, PyTuple_GET_ITEM(frames, i), &frame) < 0 ||
            check(ctm_builder_node(build->builder, *node, frame, node)) < 0) {
            return -1;
        }
    }
    return check(identity_add(&build->nodes, frames, *node));
}

static int take_total(struct build *build, PyObject *value, uint32_t *total)
{
    if (value == Py_None) {
        *total = CTM_TOTAL_UNKNOWN;
        return 0;
    }
    uint64_t number = 0;
    if (take_number(build, value, UINT32_MAX - 1,
                    "total_nframe must be None or an int from 0 to 4294967294", &number) < 0) {
        return -1;
    }
    *total = (uint32_t)number;
    return 0;
}

static int take_trace(struct build *build, PyObject *trace)
{
    if (!PyTuple_CheckExact(trace) || PyTuple_GET_SIZE(trace) != 4) {
        return refuse(build, "expected a tuple (domain, size, frames, total_nframe)", trace);
    }
    uint64_t domain = 0;
    struct ctm_stack stack = {0};
    struct ctm_row row = {.count = 1};
    if (take_number(build, PyTuple_GET_ITEM(trace, 0), UINT32_MAX,
                    "a domain must be an int from 0 to 4294967295", &domain) < 0 ||
        take_number(build, PyTuple_GET_ITEM(trace, 1), INT64_MAX,
                    "a size must be an int from 0 to 9223372036854775807", &row.size) < 0 ||
        take_frames(build, PyTuple_GET_ITEM(trace, 2), &stack.node) < 0 ||
        take_total(build, PyTuple_GET_ITEM(trace, 3), &stack.total_nframe) < 0 ||
        check(ctm_builder_stack(build->builder, stack, &row.stack)) < 0) {
        return -1;
    }
    row.domain = (uint32_t)domain;
    return check(ctm_builder_row(build->builder, row));
}

static int take_all(struct build *build, PyObject *traces)
{
    for (; build->index < PyTuple_GET_SIZE(traces); build->index++) {
        if (take_trace(build, PyTuple_GET_ITEM(traces, build->index)) < 0) {
            return -1;
        }
    }
    return 0;
}

int ctm_snapshot_from_traces(PyObject *traces, const struct ctm_info *info,
                             struct ctm_snapshot **out)
{
    struct build build = {.index = 0};
    int result = -1;
    /* A tuple of our own: nobody can change it, and what is in it lives as long as the maps. */
    PyObject *fixed = PySequence_Tuple(traces);
    if (fixed == NULL) {
        return -1;
    }
    if (check(ctm_builder_new(&build.builder)) < 0 || take_all(&build, fixed) < 0) {
        goto out;
    }
    int status = ctm_builder_finish(build.builder, info, out);
    build.builder = NULL;
    result = check(status);
out:
    ctm_builder_free(build.builder);
    free(build.texts.entries);
    free(build.frames.entries);
    free(build.nodes.entries);
    Py_DECREF(fixed);
    return result;
}
