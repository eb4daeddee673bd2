/* What SnapshotTable computes: arguments in, the snapshot floor does the work, objects out. */
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "cpython/key_texts.h"
#include "cpython/snapshot_file.h"
#include "cpython/snapshot_merge.h"
#include "cpython/snapshot_tree.h"
#include "cpython/snapshot_type.h"
#include "cpython/stat_types.h"
#include "format/used.h"
#include "snapshot/diff.h"
#include "snapshot/filter.h"
#include "snapshot/group.h"

static struct ctm_table_object *table_of(PyObject *object)
{
    return (struct ctm_table_object *)object;
}

/* By the ids of a group or a diff. `texts` gets references that the key borrows. */
static int make_place_key(struct ctm_tuples *tuples, enum ctm_key by, bool no_frame,
                          struct ctm_frame frame, uint32_t stack, struct ctm_place_key *key,
                          struct ctm_key_texts *texts)
{
    *key = (struct ctm_place_key){.filename = NULL};
    *texts = (struct ctm_key_texts){.filename = NULL};
    if (no_frame) {
        return 0;
    }
    if (by == CTM_KEY_TRACEBACK) {
        key->tuples = tuples;
        key->stack = stack;
        return 0;
    }
    if (ctm_key_texts_init(texts, tuples, by, frame) < 0) {
        return -1;
    }
    key->filename = texts->filename;
    key->name = texts->name;
    key->line = frame.line;
    return 0;
}

/* ---- statistics ---- */

static enum ctm_counting counting_of(int cumulative, int once)
{
    return !cumulative ? CTM_AT_NEWEST : once ? CTM_AT_PLACES : CTM_AT_FRAMES;
}

static PyObject *statistic_from_group(struct ctm_types *types, struct ctm_tuples *tuples,
                                      enum ctm_key by, const struct ctm_group *group)
{
    struct ctm_place_key key;
    struct ctm_key_texts texts;
    if (make_place_key(tuples, by, group->no_frame, group->frame, group->stack, &key, &texts) < 0) {
        return NULL;
    }
    PyObject *statistic = ctm_statistic_new(types, &key, group->size, group->count);
    ctm_key_texts_clear(&texts);
    return statistic;
}

static PyObject *list_statistics(struct ctm_table_object *self, enum ctm_key by,
                                 const struct ctm_groups *groups)
{
    struct ctm_types *types = ctm_types_of(Py_TYPE(self));
    PyObject *list = types == NULL ? NULL : PyList_New((Py_ssize_t)groups->length);
    for (size_t i = 0; list != NULL && i < groups->length; i++) {
        PyObject *statistic = statistic_from_group(types, self->tuples, by, &groups->items[i]);
        if (statistic == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, statistic);
        }
    }
    return list;
}

PyDoc_STRVAR(statistics_doc,
             "statistics($self, key_type, cumulative, once=False, /)\n--\n\n"
             "Return a sorted list of Statistic. If `once`, a block counts once at each place in\n"
             "cumulative mode, however often it recurs, and traces without frames are a place.\n"
             "OverflowError if a sum does not fit 64 bits.");

static PyObject *statistics(PyObject *object, PyObject *args)
{
    struct ctm_table_object *self = table_of(object);
    const char *name;
    int cumulative;
    int once = 0;
    enum ctm_key by;
    if (!PyArg_ParseTuple(args, "sp|p:statistics", &name, &cumulative, &once) ||
        ctm_key_parse(name, &by) < 0) {
        return NULL;
    }
    struct ctm_groups groups = {.length = 0};
    PyThreadState *thread = PyEval_SaveThread();
    int status = ctm_group(self->snapshot, by, counting_of(cumulative, once), &groups);
    PyEval_RestoreThread(thread);
    if (status != CTM_OK) {
        return ctm_raise(status);
    }
    PyObject *list = list_statistics(self, by, &groups);
    ctm_groups_free(&groups);
    return list;
}

/* ---- compare ---- */

static PyObject *diff_to_object(struct ctm_types *types, struct ctm_tuples *tuples, enum ctm_key by,
                                const struct ctm_diff *diff)
{
    struct ctm_place_key key;
    struct ctm_key_texts texts;
    if (make_place_key(tuples, by, diff->no_frame, diff->frame, diff->stack, &key, &texts) < 0) {
        return NULL;
    }
    PyObject *object =
        ctm_diff_new(types, &key, diff->size, diff->size_diff, diff->count, diff->count_diff);
    ctm_key_texts_clear(&texts);
    return object;
}

static PyObject *list_diffs(struct ctm_table_object *now, struct ctm_table_object *old,
                            enum ctm_key by, const struct ctm_diffs *diffs)
{
    struct ctm_types *types = ctm_types_of(Py_TYPE(now));
    PyObject *list = types == NULL ? NULL : PyList_New((Py_ssize_t)diffs->length);
    for (size_t i = 0; list != NULL && i < diffs->length; i++) {
        const struct ctm_diff *diff = &diffs->items[i];
        struct ctm_tuples *tuples = diff->from_old ? old->tuples : now->tuples;
        PyObject *object = diff_to_object(types, tuples, by, diff);
        if (object == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, object);
        }
    }
    return list;
}

PyDoc_STRVAR(
    compare_doc,
    "compare($self, old, key_type, cumulative, once=False, /)\n--\n\n"
    "Return a sorted list of StatisticDiff; `once` as in statistics(). OverflowError if a\n"
    "sum or a difference does not fit 64 bits.");

static PyObject *compare(PyObject *object, PyObject *args)
{
    struct ctm_table_object *now = table_of(object);
    PyObject *argument;
    const char *name;
    int cumulative;
    int once = 0;
    enum ctm_key by;
    if (!PyArg_ParseTuple(args, "Osp|p:compare", &argument, &name, &cumulative, &once) ||
        ctm_key_parse(name, &by) < 0) {
        return NULL;
    }
    struct ctm_types *types = ctm_types_of(Py_TYPE(object));
    struct ctm_table_object *old = types == NULL ? NULL : ctm_table_check(types, argument);
    if (old == NULL) {
        return NULL;
    }
    struct ctm_diffs diffs = {.length = 0};
    PyThreadState *thread = PyEval_SaveThread();
    int status = ctm_diff(now->snapshot, old->snapshot, by, counting_of(cumulative, once), &diffs);
    PyEval_RestoreThread(thread);
    if (status != CTM_OK) {
        return ctm_raise(status);
    }
    PyObject *list = list_diffs(now, old, by, &diffs);
    ctm_diffs_free(&diffs);
    return list;
}

/* ---- filter ---- */

/* A filter's line or domain: None is any; an int that nothing can equal becomes UINT64_MAX. */
static int parse_optional(PyObject *value, bool *any, uint64_t *number)
{
    *any = value == Py_None;
    *number = 0;
    if (*any) {
        return 0;
    }
    *number = PyLong_AsUnsignedLongLong(value);
    if (*number == UINT64_MAX && PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_OverflowError)) {
            return -1;
        }
        PyErr_Clear();
    }
    return 0;
}

static int match_name(struct ctm_tuples *tuples, uint32_t string, PyObject *matcher, uint8_t *match)
{
    PyObject *name = ctm_tuples_text(tuples, string);
    if (name == NULL) {
        return -1;
    }
    PyObject *answer = PyObject_CallOneArg(matcher, name);
    Py_DECREF(name);
    if (answer == NULL) {
        return -1;
    }
    int truth = PyObject_IsTrue(answer);
    Py_DECREF(answer);
    *match = truth > 0;
    return truth < 0 ? -1 : 0;
}

/*
 * One byte for each string: whether the matcher takes it, a name of a file or, if `functions`, of a
 * function. Free with free(). NULL: an exception.
 */
static uint8_t *match_names(struct ctm_table_object *self, PyObject *matcher, bool functions)
{
    enum { UNSEEN = 2 };
    const struct ctm_tables *t = self->snapshot->tables;
    uint8_t *matches = malloc(t->string_count);
    if (matches == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    memset(matches, UNSEEN, t->string_count);
    for (size_t i = 0; i < t->frame_count; i++) {
        uint32_t string = functions ? t->frames[i].name : t->frames[i].file;
        if (matches[string] == UNSEEN &&
            match_name(self->tuples, string, matcher, &matches[string]) < 0) {
            free(matches);
            return NULL;
        }
    }
    return matches;
}

/* The memory behind a filter's matches. */
struct filter_matches {
    uint8_t *files;
    uint8_t *functions;
};

/* `*matches`, all zero, is the caller's to free, also on failure. */
static int parse_filter(struct ctm_table_object *self, PyObject *spec, struct ctm_filter *filter,
                        struct filter_matches *matches)
{
    int inclusive;
    int all_frames;
    PyObject *matcher;
    PyObject *line;
    PyObject *domain;
    PyObject *function_matcher = Py_None;
    if (!PyTuple_Check(spec)) {
        PyErr_SetString(PyExc_TypeError, "a filter must be a tuple");
        return -1;
    }
    if (!PyArg_ParseTuple(spec, "pOOpO|O:filter", &inclusive, &matcher, &line, &all_frames, &domain,
                          &function_matcher) ||
        parse_optional(line, &filter->any_line, &filter->line) < 0 ||
        parse_optional(domain, &filter->any_domain, &filter->domain) < 0) {
        return -1;
    }
    filter->inclusive = inclusive != 0;
    filter->all_frames = all_frames != 0;
    if (matcher == Py_None) {
        return 0;
    }
    matches->files = match_names(self, matcher, false);
    if (matches->files == NULL) {
        return -1;
    }
    filter->file_matches = matches->files;
    if (function_matcher != Py_None) {
        matches->functions = match_names(self, function_matcher, true);
        filter->name_matches = matches->functions;
        return matches->functions == NULL ? -1 : 0;
    }
    return 0;
}

static PyObject *apply_filters(struct ctm_table_object *self, const struct ctm_filter *filters,
                               size_t count)
{
    struct ctm_snapshot *kept = NULL;
    PyThreadState *thread = PyEval_SaveThread();
    int status = ctm_filter(self->snapshot, filters, count, &kept);
    PyEval_RestoreThread(thread);
    return status == CTM_OK ? ctm_table_derive(self, kept) : ctm_raise(status);
}

PyDoc_STRVAR(filter_doc,
             "filter($self, filters, /)\n--\n\n"
             "Return a SnapshotTable of the traces that pass the filters: a sequence of tuples\n"
             "(inclusive, matches, lineno, all_frames, domain, matches_function). `matches`,\n"
             "called once for each file name, says whether the filter means it; None leaves\n"
             "frames out of account. `matches_function` does so for names of functions; it may be\n"
             "None, which means any, or left out. `lineno` and `domain` are int, or None for any.");

static PyObject *filter(PyObject *object, PyObject *specs)
{
    struct ctm_table_object *self = table_of(object);
    PyObject *result = NULL;
    /* A copy: the matchers may run any code. */
    PyObject *fixed = PySequence_Tuple(specs);
    if (fixed == NULL) {
        return NULL;
    }
    size_t count = (size_t)PyTuple_GET_SIZE(fixed);
    struct ctm_filter *filters = calloc(count + 1, sizeof *filters);
    struct filter_matches *matches = calloc(count + 1, sizeof *matches);
    if (filters == NULL || matches == NULL) {
        PyErr_NoMemory();
        goto out;
    }
    for (size_t i = 0; i < count; i++) {
        PyObject *spec = PyTuple_GET_ITEM(fixed, (Py_ssize_t)i);
        if (parse_filter(self, spec, &filters[i], &matches[i]) < 0) {
            goto out;
        }
    }
    result = apply_filters(self, filters, count);
out:
    for (size_t i = 0; matches != NULL && i < count; i++) {
        free(matches[i].files);
        free(matches[i].functions);
    }
    free(matches);
    free(filters);
    Py_DECREF(fixed);
    return result;
}

/* ---- rows ---- */

PyDoc_STRVAR(select_doc, "select($self, keep, /)\n--\n\n"
                         "Return a SnapshotTable of the rows for which `keep`, bytes with one item "
                         "for each row, is not 0.");

static PyObject *select_rows(PyObject *object, PyObject *argument)
{
    struct ctm_table_object *self = table_of(object);
    const struct ctm_snapshot *s = self->snapshot;
    if (!PyBytes_Check(argument) || (size_t)PyBytes_GET_SIZE(argument) != s->row_count) {
        return PyErr_Format(PyExc_ValueError, "expected %zu bytes, one for each row", s->row_count);
    }
    const char *keep = PyBytes_AS_STRING(argument);
    struct ctm_row *rows = malloc((s->row_count + 1) * sizeof *rows);
    if (rows == NULL) {
        return PyErr_NoMemory();
    }
    size_t count = 0;
    for (size_t i = 0; i < s->row_count; i++) {
        if (keep[i] != 0) {
            rows[count++] = s->rows[i];
        }
    }
    struct ctm_snapshot *kept = NULL;
    int status = ctm_snapshot_with_rows(self->snapshot, rows, count, &kept);
    free(rows);
    return status == CTM_OK ? ctm_table_derive(self, kept) : ctm_raise(status);
}

PyDoc_STRVAR(rows_doc, "rows($self, /)\n--\n\n"
                       "Return an iterator over (trace, count), one for each row.");

static PyObject *rows(PyObject *object, PyObject *unused)
{
    (void)unused;
    return ctm_table_iterate(table_of(object), CTM_ITERATE_ROWS);
}

PyDoc_STRVAR(named_rows_doc,
             "named_rows($self, /)\n--\n\n"
             "Return an iterator as rows() does, over traces whose frames are tuples (filename,\n"
             "lineno, name).");

static PyObject *named_rows(PyObject *object, PyObject *unused)
{
    (void)unused;
    return ctm_table_iterate(table_of(object), CTM_ITERATE_NAMED_ROWS);
}

PyDoc_STRVAR(row_columns_doc,
             "row_columns($self, /)\n--\n\n"
             "Return the rows without their frames, (domains, stacks, sizes, counts): bytes of\n"
             "native uint32_t (domains, stacks: equal where they are the same) or uint64_t (the\n"
             "others) with an item for each row.");

static PyObject *row_columns(PyObject *object, PyObject *unused)
{
    (void)unused;
    const struct ctm_snapshot *s = table_of(object)->snapshot;
    enum { FIELDS = 4 };
    const struct {
        size_t offset;
        size_t size;
    } fields[FIELDS] = {
        {offsetof(struct ctm_row, domain), sizeof s->rows->domain},
        {offsetof(struct ctm_row, stack), sizeof s->rows->stack},
        {offsetof(struct ctm_row, size), sizeof s->rows->size},
        {offsetof(struct ctm_row, count), sizeof s->rows->count},
    };
    PyObject *columns[FIELDS] = {NULL};
    for (size_t i = 0; i < FIELDS; i++) {
        size_t size = fields[i].size;
        columns[i] = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(s->row_count * size));
        for (size_t row = 0; columns[i] != NULL && row < s->row_count; row++) {
            const char *from = (const char *)&s->rows[row] + fields[i].offset;
            memcpy(PyBytes_AS_STRING(columns[i]) + row * size, from, size);
        }
    }
    /* What is NULL with an exception fails the whole. */
    return Py_BuildValue("(NNNN)", columns[0], columns[1], columns[2], columns[3]);
}

PyDoc_STRVAR(domains_doc,
             "domains($self, /)\n--\n\nReturn a set of the domains that the traces are of.");

static PyObject *domains(PyObject *object, PyObject *unused)
{
    (void)unused;
    const struct ctm_snapshot *s = table_of(object)->snapshot;
    PyObject *set = PySet_New(NULL);
    for (size_t i = 0; set != NULL && i < s->row_count; i++) {
        /* Rows of one domain often come together. */
        if (i > 0 && s->rows[i].domain == s->rows[i - 1].domain) {
            continue;
        }
        PyObject *domain = PyLong_FromUnsignedLong(s->rows[i].domain);
        if (domain == NULL || PySet_Add(set, domain) < 0) {
            Py_CLEAR(set);
        }
        Py_XDECREF(domain);
    }
    return set;
}

PyDoc_STRVAR(stack_count_doc,
             "stack_count($self, /)\n--\n\nReturn how many different stacks the traces are of.");

static PyObject *stack_count(PyObject *object, PyObject *unused)
{
    (void)unused;
    struct ctm_used used;
    int status = ctm_used_find(table_of(object)->snapshot, &used);
    if (status != CTM_OK) {
        return ctm_raise(status);
    }
    PyObject *count = PyLong_FromUnsignedLong(used.stack_count);
    ctm_used_free(&used);
    return count;
}

PyDoc_STRVAR(copy_doc, "copy($self, /)\n--\n\nReturn a table of the same traces.");

static PyObject *copy(PyObject *object, PyObject *unused)
{
    (void)unused;
    struct ctm_table_object *self = table_of(object);
    return ctm_table_derive(self, ctm_snapshot_ref(self->snapshot));
}

/* ---- about ---- */

PyDoc_STRVAR(
    is_frameless_doc,
    "is_frameless($self, /)\n--\n\nReturn True if there may be a trace without any frame.");

static PyObject *is_frameless(PyObject *object, PyObject *unused)
{
    (void)unused;
    const struct ctm_tables *t = table_of(object)->snapshot->tables;
    for (size_t i = 0; i < t->stack_count; i++) {
        if (t->stacks[i].node == CTM_NO_NODE) {
            Py_RETURN_TRUE;
        }
    }
    Py_RETURN_FALSE;
}

PyDoc_STRVAR(info_doc,
             "info($self, /)\n--\n\n"
             "Return what was so at the moment of the snapshot, as a dict; 0 is unknown.");

static PyObject *info(PyObject *object, PyObject *unused)
{
    (void)unused;
    struct ctm_info info = table_of(object)->snapshot->info;
    return Py_BuildValue(
        "{s:K,s:K,s:K,s:K,s:K,s:K,s:I,s:I}", "time_ns", (unsigned long long)info.time_ns,
        "current_bytes", (unsigned long long)info.current_bytes, "current_blocks",
        (unsigned long long)info.current_blocks, "peak_bytes", (unsigned long long)info.peak_bytes,
        "dropped", (unsigned long long)info.dropped, "lost", (unsigned long long)info.lost,
        "nframe", (unsigned int)info.nframe, "pid", (unsigned int)info.pid);
}

PyDoc_STRVAR(kind_doc, "kind($self, /)\n--\n\n"
                       "Return what the blocks are: 'live', 'peak', 'churn' or 'reuse'.");

static PyObject *kind(PyObject *object, PyObject *unused)
{
    (void)unused;
    return PyUnicode_FromString(ctm_kind_name(table_of(object)->snapshot->info.kind));
}

PyDoc_STRVAR(memory_doc,
             "memory($self, /)\n--\n\n"
             "Return the bytes that the rows and the tables take; tables may be shared.");

static PyObject *memory(PyObject *object, PyObject *unused)
{
    (void)unused;
    return PyLong_FromSize_t(ctm_snapshot_memory(table_of(object)->snapshot));
}

PyDoc_STRVAR(use_classes_doc, "use_classes($type, statistic, statistic_diff, traceback, /)\n--\n\n"
                              "Set the classes that the results of this interpreter are made of.");

static PyObject *use_classes(PyObject *type, PyObject *args)
{
    PyObject *statistic;
    PyObject *diff;
    PyObject *traceback;
    if (!PyArg_ParseTuple(args, "OOO:use_classes", &statistic, &diff, &traceback)) {
        return NULL;
    }
    struct ctm_types *types = ctm_types_of((PyTypeObject *)type);
    if (types == NULL || ctm_use_classes(types, statistic, diff, traceback) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyMethodDef ctm_table_methods[] = {
    {"statistics", statistics, METH_VARARGS, statistics_doc},
    {"compare", compare, METH_VARARGS, compare_doc},
    {"tree", ctm_table_tree, METH_VARARGS, ctm_table_tree_doc},
    {"merge", ctm_table_merge, METH_VARARGS | METH_CLASS, ctm_table_merge_doc},
    {"filter", filter, METH_O, filter_doc},
    {"select", select_rows, METH_O, select_doc},
    {"rows", rows, METH_NOARGS, rows_doc},
    {"named_rows", named_rows, METH_NOARGS, named_rows_doc},
    {"row_columns", row_columns, METH_NOARGS, row_columns_doc},
    {"domains", domains, METH_NOARGS, domains_doc},
    {"stack_count", stack_count, METH_NOARGS, stack_count_doc},
    {"copy", copy, METH_NOARGS, copy_doc},
    {"__copy__", copy, METH_NOARGS, copy_doc},
    {"__reduce__", ctm_table_reduce, METH_NOARGS, "For pickle."},
    {"_restore", ctm_table_restore, METH_O | METH_CLASS, ctm_table_restore_doc},
    {"about", ctm_table_about, METH_NOARGS, ctm_table_about_doc},
    {"with_about", ctm_table_with_about, METH_O, ctm_table_with_about_doc},
    {"encode", ctm_table_encode, METH_O, ctm_table_encode_doc},
    {"write", ctm_table_write, METH_VARARGS, ctm_table_write_doc},
    {"decode", ctm_table_decode, METH_O | METH_CLASS, ctm_table_decode_doc},
    {"read", ctm_table_read, METH_O | METH_CLASS, ctm_table_read_doc},
    {"is_frameless", is_frameless, METH_NOARGS, is_frameless_doc},
    {"info", info, METH_NOARGS, info_doc},
    {"kind", kind, METH_NOARGS, kind_doc},
    {"memory", memory, METH_NOARGS, memory_doc},
    {"use_classes", use_classes, METH_VARARGS | METH_CLASS, use_classes_doc},
    {NULL, NULL, 0, NULL},
};
