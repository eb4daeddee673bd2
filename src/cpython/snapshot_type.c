#include "cpython/snapshot_type.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cpython/snapshot_build.h"
#include "cpython/snapshot_equal.h"

int ctm_kind_parse(const char *name, enum ctm_kind *kind)
{
    for (enum ctm_kind i = CTM_KIND_LIVE; i < CTM_KIND_COUNT; i++) {
        if (strcmp(name, ctm_kind_name(i)) == 0) {
            *kind = i;
            return 0;
        }
    }
    PyErr_Format(PyExc_ValueError, "unknown kind of snapshot: '%.100s'", name);
    return -1;
}

/* 0 if the single blocks are known, else -1 with a ValueError. */
static int need_blocks(const struct ctm_table_object *self)
{
    enum ctm_kind kind = self->snapshot->info.kind;
    if (kind == CTM_KIND_LIVE) {
        return 0;
    }
    PyErr_Format(PyExc_ValueError,
                 "a snapshot of the %s knows the bytes and blocks of each traceback, but no single "
                 "blocks: use statistics() or compare_to()",
                 ctm_kind_name(kind));
    return -1;
}

/* Consumes both references, also on failure. `tuples` may be NULL with an exception. */
static PyObject *make_table(PyTypeObject *type, struct ctm_snapshot *s, struct ctm_tuples *tuples)
{
    struct ctm_table_object *self = NULL;
    if (tuples != NULL) {
        self = (struct ctm_table_object *)type->tp_alloc(type, 0);
    }
    if (self == NULL) {
        ctm_tuples_unref(tuples);
        ctm_snapshot_unref(s);
        return NULL;
    }
    self->tuples = tuples;
    self->snapshot = s;
    return (PyObject *)self;
}

PyObject *ctm_snapshot_object_new(struct ctm_types *types, struct ctm_snapshot *s)
{
    return make_table(types->table, s, ctm_tuples_new(s));
}

PyObject *ctm_table_derive(struct ctm_table_object *from, struct ctm_snapshot *s)
{
    PyObject *object = make_table(Py_TYPE(from), s, ctm_tuples_ref(from->tuples));
    if (object != NULL) {
        ((struct ctm_table_object *)object)->about = Py_XNewRef(from->about);
    }
    return object;
}

struct ctm_table_object *ctm_table_check(struct ctm_types *types, PyObject *object)
{
    if (!Py_IS_TYPE(object, types->table)) {
        PyErr_Format(PyExc_TypeError, "expected a SnapshotTable, not %.200s",
                     Py_TYPE(object)->tp_name);
        return NULL;
    }
    return (struct ctm_table_object *)object;
}

static void table_dealloc(PyObject *object)
{
    struct ctm_table_object *self = (struct ctm_table_object *)object;
    PyTypeObject *type = Py_TYPE(object);
    ctm_tuples_unref(self->tuples);
    ctm_snapshot_unref(self->snapshot);
    Py_XDECREF(self->about);
    free(self->ends);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyObject *table_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"", "nframe", NULL};
    PyObject *traces = NULL;
    unsigned int nframe = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$I:SnapshotTable", keywords, &traces,
                                     &nframe)) {
        return NULL;
    }
    struct ctm_info info = {.nframe = nframe};
    struct ctm_snapshot *snapshot = NULL;
    if (ctm_snapshot_from_traces(traces, &info, &snapshot) < 0) {
        return NULL;
    }
    return make_table(type, snapshot, ctm_tuples_new(snapshot));
}

static PyObject *table_repr(PyObject *object)
{
    struct ctm_table_object *self = (struct ctm_table_object *)object;
    if (self->snapshot->info.kind != CTM_KIND_LIVE) {
        return PyUnicode_FromFormat("<SnapshotTable kind=%s blocks=%llu>",
                                    ctm_kind_name(self->snapshot->info.kind),
                                    (unsigned long long)self->snapshot->trace_count);
    }
    return PyUnicode_FromFormat("<SnapshotTable len=%llu>",
                                (unsigned long long)self->snapshot->trace_count);
}

static Py_ssize_t table_length(PyObject *object)
{
    struct ctm_table_object *self = (struct ctm_table_object *)object;
    if (need_blocks(self) < 0) {
        return -1;
    }
    if (self->snapshot->trace_count > PY_SSIZE_T_MAX) {
        PyErr_SetString(PyExc_OverflowError, "cannot fit 'int' into an index-sized integer");
        return -1;
    }
    return (Py_ssize_t)self->snapshot->trace_count;
}

/* Needed only where rows stand for more than one trace. */
static int make_ends(struct ctm_table_object *self)
{
    const struct ctm_snapshot *s = self->snapshot;
    if (self->ends != NULL || s->row_count == s->trace_count) {
        return 0;
    }
    uint64_t *ends = malloc(s->row_count * sizeof *ends);
    if (ends == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    uint64_t end = 0;
    for (size_t i = 0; i < s->row_count; i++) {
        end += s->rows[i].count;
        ends[i] = end;
    }
    self->ends = ends;
    return 0;
}

/* The row of the trace at an index that is in range; make_ends was called. */
static const struct ctm_row *find_row(const struct ctm_table_object *self, uint64_t index)
{
    const struct ctm_snapshot *s = self->snapshot;
    if (self->ends == NULL) {
        return &s->rows[index];
    }
    size_t low = 0;
    size_t high = s->row_count - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->ends[middle] > index) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return &s->rows[low];
}

static PyObject *get_slice(struct ctm_table_object *self, PyObject *slice)
{
    Py_ssize_t start = 0;
    Py_ssize_t stop = 0;
    Py_ssize_t step = 0;
    Py_ssize_t length = table_length((PyObject *)self);
    if (length < 0 || PySlice_Unpack(slice, &start, &stop, &step) < 0 || make_ends(self) < 0) {
        return NULL;
    }
    length = PySlice_AdjustIndices(length, &start, &stop, step);
    PyObject *list = PyList_New(length);
    if (list == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < length; i++) {
        const struct ctm_row *row = find_row(self, (uint64_t)(start + i * step));
        PyObject *trace = ctm_tuples_trace(self->tuples, row);
        if (trace == NULL) {
            Py_DECREF(list);
            return NULL;
        }
        PyList_SET_ITEM(list, i, trace);
    }
    return list;
}

/* What sq_item is: a negative index has had the length added. */
static PyObject *table_item(PyObject *object, Py_ssize_t index)
{
    struct ctm_table_object *self = (struct ctm_table_object *)object;
    if (need_blocks(self) < 0) {
        return NULL;
    }
    if (index < 0 || (uint64_t)index >= self->snapshot->trace_count) {
        PyErr_SetString(PyExc_IndexError, "list index out of range");
        return NULL;
    }
    if (make_ends(self) < 0) {
        return NULL;
    }
    return ctm_tuples_trace(self->tuples, find_row(self, (uint64_t)index));
}

static PyObject *get_trace(PyObject *object, PyObject *key)
{
    Py_ssize_t index = PyNumber_AsSsize_t(key, PyExc_IndexError);
    if (index == -1 && PyErr_Occurred()) {
        return NULL;
    }
    Py_ssize_t length = table_length(object);
    if (length < 0) {
        return NULL;
    }
    return table_item(object, index < 0 ? index + length : index);
}

static PyObject *table_subscript(PyObject *object, PyObject *key)
{
    if (PySlice_Check(key)) {
        return get_slice((struct ctm_table_object *)object, key);
    }
    if (PyIndex_Check(key)) {
        return get_trace(object, key);
    }
    return PyErr_Format(PyExc_TypeError, "list indices must be integers or slices, not %.200s",
                        Py_TYPE(key)->tp_name);
}

static PyObject *table_iter(PyObject *object)
{
    struct ctm_table_object *self = (struct ctm_table_object *)object;
    return need_blocks(self) < 0 ? NULL : ctm_table_iterate(self, CTM_ITERATE_TRACES);
}

/* What traces must have to equal one: nothing else is made into tuples to be compared. */
struct wanted {
    bool numbers; /* domain and size are known */
    uint64_t domain;
    uint64_t size;
};

/* A number that no trace has becomes UINT64_MAX, which no trace has either. */
static uint64_t wanted_number(PyObject *number)
{
    uint64_t value = PyLong_AsUnsignedLongLong(number);
    PyErr_Clear();
    return value;
}

static struct wanted look_at_wanted(PyObject *trace)
{
    struct wanted wanted = {.numbers = false};
    if (PyTuple_CheckExact(trace) && PyTuple_GET_SIZE(trace) == 4 &&
        PyLong_CheckExact(PyTuple_GET_ITEM(trace, 0)) &&
        PyLong_CheckExact(PyTuple_GET_ITEM(trace, 1))) {
        wanted.numbers = true;
        wanted.domain = wanted_number(PyTuple_GET_ITEM(trace, 0));
        wanted.size = wanted_number(PyTuple_GET_ITEM(trace, 1));
    }
    return wanted;
}

static int table_contains(PyObject *object, PyObject *trace)
{
    struct ctm_table_object *self = (struct ctm_table_object *)object;
    const struct ctm_snapshot *s = self->snapshot;
    if (need_blocks(self) < 0) {
        return -1;
    }
    struct wanted wanted = look_at_wanted(trace);
    for (size_t i = 0; i < s->row_count; i++) {
        const struct ctm_row *row = &s->rows[i];
        if (wanted.numbers && (row->domain != wanted.domain || row->size != wanted.size)) {
            continue;
        }
        PyObject *own = ctm_tuples_trace(self->tuples, row);
        if (own == NULL) {
            return -1;
        }
        int equal = PyObject_RichCompareBool(own, trace, Py_EQ);
        Py_DECREF(own);
        if (equal != 0) {
            return equal;
        }
    }
    return 0;
}

static int equal_to_list(struct ctm_table_object *self, PyObject *list)
{
    if (self->snapshot->info.kind != CTM_KIND_LIVE ||
        (uint64_t)PyList_GET_SIZE(list) != self->snapshot->trace_count) {
        return 0;
    }
    PyObject *own = PySequence_List((PyObject *)self);
    if (own == NULL) {
        return -1;
    }
    int equal = PyObject_RichCompareBool(own, list, Py_EQ);
    Py_DECREF(own);
    return equal;
}

/* Equal as the list of its traces is. */
static PyObject *table_richcompare(PyObject *object, PyObject *other, int operation)
{
    struct ctm_table_object *self = (struct ctm_table_object *)object;
    int equal = 0;
    if (operation != Py_EQ && operation != Py_NE) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    if (Py_IS_TYPE(other, Py_TYPE(object))) {
        equal = ctm_snapshots_equal(self->snapshot, ((struct ctm_table_object *)other)->snapshot);
        if (equal < 0) {
            return ctm_raise(equal);
        }
    } else if (PyList_Check(other)) {
        equal = equal_to_list(self, other);
        if (equal < 0) {
            return NULL;
        }
    } else {
        Py_RETURN_NOTIMPLEMENTED;
    }
    return PyBool_FromLong((equal != 0) == (operation == Py_EQ));
}

PyDoc_STRVAR(table_doc,
             "SnapshotTable(traces, /, *, nframe=0)\n--\n\n"
             "An immutable sequence of traces (domain, size, frames, total_nframe), kept as\n"
             "counted rows over shared tables.\n\n"
             "Raises ValueError, with the reason, if a trace is not of plain int, str and tuple\n"
             "in their usual ranges.");

static PyType_Slot table_slots[] = {
    {Py_tp_doc, (void *)table_doc},
    {Py_tp_new, table_new},
    {Py_tp_dealloc, table_dealloc},
    {Py_tp_repr, table_repr},
    {Py_tp_hash, PyObject_HashNotImplemented},
    {Py_tp_richcompare, table_richcompare},
    {Py_tp_iter, table_iter},
    {Py_tp_methods, ctm_table_methods},
    {Py_sq_contains, table_contains},
    {Py_sq_length, table_length},
    {Py_sq_item, table_item},
    {Py_mp_length, table_length},
    {Py_mp_subscript, table_subscript},
    {0, NULL},
};

PyType_Spec ctm_table_spec = {
    .name = "ctracemalloc._engine.SnapshotTable",
    .basicsize = sizeof(struct ctm_table_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_SEQUENCE | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = table_slots,
};
