#include "cpython/stat_types.h"

#include <stdbool.h>
#include <stddef.h>

/* Of both types. An attribute that is NULL is not set. */
struct stat_object {
    PyObject_HEAD
    PyObject *traceback;
    PyObject *size;
    PyObject *count;
    PyObject *size_diff;
    PyObject *count_diff;
    /* While `pending`, what the traceback will be made of: see struct ctm_place_key. */
    bool pending;
    uint32_t number; /* line or stack id */
    PyObject *filename;
    PyObject *name;
    struct ctm_tuples *tuples;
};

/*
 * An instance that holds numbers and text alone is in no cycle, and the collector need not know it.
 * That ends when it gets to hold anything else.
 */
static void track(struct stat_object *self)
{
    if (!PyObject_GC_IsTracked((PyObject *)self)) {
        PyObject_GC_Track(self);
    }
}

static void forget_key(struct stat_object *self)
{
    self->pending = false;
    Py_CLEAR(self->filename);
    Py_CLEAR(self->name);
    ctm_tuples_unref(self->tuples);
    self->tuples = NULL;
}

static PyObject *make_frames(struct stat_object *self)
{
    if (self->filename != NULL) {
        PyObject *frame = ctm_tuples_frame(self->filename, self->number, self->name);
        return frame == NULL ? NULL : Py_BuildValue("(N)", frame);
    }
    if (self->tuples != NULL) {
        return ctm_tuples_stack_oldest_first(self->tuples, self->number);
    }
    return PyTuple_New(0);
}

/* Before ctm_use_classes, or after the interpreter has taken the module apart. */
static PyObject *refuse_classless(void)
{
    PyErr_SetString(PyExc_RuntimeError, "ctracemalloc is not there, not yet or no more");
    return NULL;
}

static PyObject *make_traceback(struct stat_object *self)
{
    struct ctm_types *types = ctm_types_of(Py_TYPE(self));
    if (types == NULL) {
        return NULL;
    }
    PyTypeObject *class = types->traceback;
    if (class == NULL) {
        return refuse_classless();
    }
    PyObject *frames = make_frames(self);
    if (frames == NULL) {
        return NULL;
    }
    PyObject *traceback = class->tp_alloc(class, 0);
    if (traceback != NULL && (PyObject_SetAttrString(traceback, "_frames", frames) < 0 ||
                              PyObject_SetAttrString(traceback, "_total_nframe", Py_None) < 0)) {
        Py_CLEAR(traceback);
    }
    Py_DECREF(frames);
    return traceback;
}

static int settle_traceback(struct stat_object *self)
{
    PyObject *traceback = make_traceback(self);
    if (traceback == NULL) {
        return -1;
    }
    if (self->pending) {
        forget_key(self);
        self->traceback = traceback;
        track(self);
    } else {
        /* The collector ran meanwhile, and what it called got here first. */
        Py_DECREF(traceback);
    }
    return 0;
}

/* What the closure of an attribute points to. */
struct attribute {
    const char *name;
    size_t offset; /* into struct stat_object */
};

static PyObject **attribute_place(PyObject *object, const struct attribute *attribute)
{
    return (PyObject **)((char *)object + attribute->offset);
}

static PyObject *refuse_unset(PyObject *object, const struct attribute *attribute)
{
    return PyErr_Format(PyExc_AttributeError, "'%.100s' object has no attribute '%s'",
                        Py_TYPE(object)->tp_name, attribute->name);
}

static PyObject *get_attribute(PyObject *object, void *closure)
{
    struct stat_object *self = (struct stat_object *)object;
    PyObject **place = attribute_place(object, closure);
    if (place == &self->traceback && self->pending && settle_traceback(self) < 0) {
        return NULL;
    }
    return *place != NULL ? Py_NewRef(*place) : refuse_unset(object, closure);
}

static int set_attribute(PyObject *object, PyObject *value, void *closure)
{
    struct stat_object *self = (struct stat_object *)object;
    PyObject **place = attribute_place(object, closure);
    bool pending = place == &self->traceback && self->pending;
    if (value == NULL && *place == NULL && !pending) {
        refuse_unset(object, closure);
        return -1;
    }
    if (pending) {
        forget_key(self);
    }
    Py_XINCREF(value);
    Py_XSETREF(*place, value);
    track(self);
    return 0;
}

static struct attribute traceback_attribute = {"traceback",
                                               offsetof(struct stat_object, traceback)};
static struct attribute size_attribute = {"size", offsetof(struct stat_object, size)};
static struct attribute count_attribute = {"count", offsetof(struct stat_object, count)};
static struct attribute size_diff_attribute = {"size_diff",
                                               offsetof(struct stat_object, size_diff)};
static struct attribute count_diff_attribute = {"count_diff",
                                                offsetof(struct stat_object, count_diff)};

static PyGetSetDef statistic_attributes[] = {
    {"traceback", get_attribute, set_attribute, "Traceback where the blocks were allocated.",
     &traceback_attribute},
    {"size", get_attribute, set_attribute, "Bytes of all blocks.", &size_attribute},
    {"count", get_attribute, set_attribute, "Number of blocks.", &count_attribute},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyGetSetDef diff_attributes[] = {
    {"traceback", get_attribute, set_attribute, "Traceback where the blocks were allocated.",
     &traceback_attribute},
    {"size", get_attribute, set_attribute, "Bytes of all blocks in the new snapshot.",
     &size_attribute},
    {"size_diff", get_attribute, set_attribute, "Bytes more than in the old snapshot.",
     &size_diff_attribute},
    {"count", get_attribute, set_attribute, "Number of blocks in the new snapshot.",
     &count_attribute},
    {"count_diff", get_attribute, set_attribute, "Number of blocks more than in the old snapshot.",
     &count_diff_attribute},
    {NULL, NULL, NULL, NULL, NULL},
};

static int stat_traverse(PyObject *object, visitproc visit, void *arg)
{
    struct stat_object *self = (struct stat_object *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->traceback);
    Py_VISIT(self->size);
    Py_VISIT(self->count);
    Py_VISIT(self->size_diff);
    Py_VISIT(self->count_diff);
    return 0;
}

static int stat_clear(PyObject *object)
{
    struct stat_object *self = (struct stat_object *)object;
    forget_key(self);
    Py_CLEAR(self->traceback);
    Py_CLEAR(self->size);
    Py_CLEAR(self->count);
    Py_CLEAR(self->size_diff);
    Py_CLEAR(self->count_diff);
    return 0;
}

static void stat_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    (void)stat_clear(object);
    type->tp_free(object);
    Py_DECREF(type);
}

PyDoc_STRVAR(statistic_doc, "The attributes of a Statistic.");
PyDoc_STRVAR(diff_doc, "The attributes of a StatisticDiff.");

static PyType_Slot statistic_slots[] = {
    {Py_tp_doc, (void *)statistic_doc}, {Py_tp_getset, statistic_attributes},
    {Py_tp_traverse, stat_traverse},    {Py_tp_clear, stat_clear},
    {Py_tp_dealloc, stat_dealloc},      {0, NULL},
};

static PyType_Slot diff_slots[] = {
    {Py_tp_doc, (void *)diff_doc}, {Py_tp_getset, diff_attributes}, {Py_tp_traverse, stat_traverse},
    {Py_tp_clear, stat_clear},     {Py_tp_dealloc, stat_dealloc},   {0, NULL},
};

PyType_Spec ctm_statistic_spec = {
    .name = "ctracemalloc._engine.StatisticFields",
    .basicsize = sizeof(struct stat_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = statistic_slots,
};

PyType_Spec ctm_diff_spec = {
    .name = "ctracemalloc._engine.StatisticDiffFields",
    .basicsize = sizeof(struct stat_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = diff_slots,
};

/* An instance without a call of the class: its numbers are still missing. */
static struct stat_object *new_pending(PyTypeObject *class, const struct ctm_place_key *key)
{
    if (class == NULL) {
        (void)refuse_classless();
        return NULL;
    }
    struct stat_object *self = PyObject_GC_New(struct stat_object, class);
    if (self == NULL) {
        return NULL;
    }
    self->traceback = NULL;
    self->size = NULL;
    self->count = NULL;
    self->size_diff = NULL;
    self->count_diff = NULL;
    self->pending = true;
    self->number = key->filename != NULL ? key->line : key->stack;
    self->filename = Py_XNewRef(key->filename);
    self->name = Py_XNewRef(key->name);
    self->tuples = key->tuples != NULL ? ctm_tuples_ref(key->tuples) : NULL;
    return self;
}

PyObject *ctm_statistic_new(struct ctm_types *types, const struct ctm_place_key *key, uint64_t size,
                            uint64_t count)
{
    struct stat_object *self = new_pending(types->statistic, key);
    if (self == NULL) {
        return NULL;
    }
    self->size = PyLong_FromUnsignedLongLong(size);
    self->count = PyLong_FromUnsignedLongLong(count);
    if (self->size == NULL || self->count == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

PyObject *ctm_diff_new(struct ctm_types *types, const struct ctm_place_key *key, uint64_t size,
                       int64_t size_diff, uint64_t count, int64_t count_diff)
{
    struct stat_object *self = new_pending(types->diff, key);
    if (self == NULL) {
        return NULL;
    }
    self->size = PyLong_FromUnsignedLongLong(size);
    self->size_diff = PyLong_FromLongLong(size_diff);
    self->count = PyLong_FromUnsignedLongLong(count);
    self->count_diff = PyLong_FromLongLong(count_diff);
    if (self->size == NULL || self->size_diff == NULL || self->count == NULL ||
        self->count_diff == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static bool adds_no_storage(PyObject *class, PyTypeObject *base)
{
    return PyType_Check(class) && PyType_IsSubtype((PyTypeObject *)class, base) &&
           ((PyTypeObject *)class)->tp_basicsize == base->tp_basicsize &&
           ((PyTypeObject *)class)->tp_dictoffset == 0 &&
           ((PyTypeObject *)class)->tp_weaklistoffset == 0;
}

int ctm_use_classes(struct ctm_types *types, PyObject *statistic, PyObject *diff,
                    PyObject *traceback)
{
    if (!adds_no_storage(statistic, types->statistic_fields) ||
        !adds_no_storage(diff, types->diff_fields) || !PyType_Check(traceback)) {
        PyErr_SetString(PyExc_TypeError,
                        "expected subclasses of StatisticFields and StatisticDiffFields that add "
                        "no storage, and a class of tracebacks");
        return -1;
    }
    Py_XSETREF(types->statistic, (PyTypeObject *)Py_NewRef(statistic));
    Py_XSETREF(types->diff, (PyTypeObject *)Py_NewRef(diff));
    Py_XSETREF(types->traceback, (PyTypeObject *)Py_NewRef(traceback));
    return 0;
}
