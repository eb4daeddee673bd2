/* Iterators over a SnapshotTable. */
#include "cpython/snapshot_type.h"

struct table_iterator {
    PyObject_HEAD
    struct ctm_table_object *table; /* NULL when all is done */
    PyObject *trace;                /* of the row `at`; NULL: not made yet */
    size_t at;                      /* index of a row */
    uint64_t left;                  /* traces of that row that were not handed out yet */
    enum ctm_iterate over;
};

PyObject *ctm_table_iterate(struct ctm_table_object *table, enum ctm_iterate over)
{
    struct ctm_types *types = ctm_types_of(Py_TYPE(table));
    if (types == NULL) {
        return NULL;
    }
    PyTypeObject *type = types->table_iterator;
    struct table_iterator *self = (struct table_iterator *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->table = (struct ctm_table_object *)Py_NewRef(table);
    self->left = table->snapshot->row_count > 0 ? table->snapshot->rows[0].count : 0;
    self->over = over;
    return (PyObject *)self;
}

static void iterator_dealloc(PyObject *object)
{
    struct table_iterator *self = (struct table_iterator *)object;
    PyTypeObject *type = Py_TYPE(object);
    Py_XDECREF(self->trace);
    Py_XDECREF(self->table);
    type->tp_free(object);
    Py_DECREF(type);
}

static void next_row(struct table_iterator *self)
{
    const struct ctm_snapshot *s = self->table->snapshot;
    Py_CLEAR(self->trace);
    self->at++;
    self->left = self->at < s->row_count ? s->rows[self->at].count : 0;
}

/* Blocks of one row are equal: they are handed out as one object. */
static PyObject *next_trace(struct table_iterator *self, const struct ctm_row *row)
{
    if (self->trace == NULL) {
        self->trace = ctm_tuples_trace(self->table->tuples, row);
        if (self->trace == NULL) {
            return NULL;
        }
    }
    PyObject *trace = Py_NewRef(self->trace);
    self->left--;
    if (self->left == 0) {
        next_row(self);
    }
    return trace;
}

static PyObject *next_counted(struct table_iterator *self, const struct ctm_row *row)
{
    PyObject *trace = self->over == CTM_ITERATE_ROWS
                          ? ctm_tuples_trace(self->table->tuples, row)
                          : ctm_tuples_named_trace(self->table->tuples, row);
    if (trace == NULL) {
        return NULL;
    }
    next_row(self);
    return Py_BuildValue("NK", trace, (unsigned long long)row->count);
}

static PyObject *iterator_next(PyObject *object)
{
    struct table_iterator *self = (struct table_iterator *)object;
    if (self->table == NULL) {
        return NULL;
    }
    const struct ctm_snapshot *s = self->table->snapshot;
    if (self->at == s->row_count) {
        Py_CLEAR(self->table);
        return NULL;
    }
    const struct ctm_row *row = &s->rows[self->at];
    return self->over == CTM_ITERATE_TRACES ? next_trace(self, row) : next_counted(self, row);
}

static PyObject *iterator_length_hint(PyObject *object, PyObject *unused)
{
    struct table_iterator *self = (struct table_iterator *)object;
    (void)unused;
    uint64_t left = 0;
    if (self->table != NULL) {
        const struct ctm_snapshot *s = self->table->snapshot;
        if (self->over != CTM_ITERATE_TRACES) {
            left = s->row_count - self->at;
        } else if (self->at == 0) {
            left = s->trace_count;
        }
    }
    return PyLong_FromUnsignedLongLong(left > PY_SSIZE_T_MAX ? 0 : left);
}

static PyMethodDef iterator_methods[] = {
    {"__length_hint__", iterator_length_hint, METH_NOARGS,
     "How many are left, where that is known; else 0."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot iterator_slots[] = {
    {Py_tp_dealloc, iterator_dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, iterator_next},
    {Py_tp_methods, iterator_methods},
    {0, NULL},
};

PyType_Spec ctm_table_iterator_spec = {
    .name = "ctracemalloc._engine.SnapshotTableIterator",
    .basicsize = sizeof(struct table_iterator),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = iterator_slots,
};
