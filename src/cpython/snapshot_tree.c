#include "cpython/snapshot_tree.h"

#include "cpython/key_texts.h"
#include "cpython/snapshot_type.h"
#include "snapshot/tree.h"

static PyObject *make_frame(struct ctm_tuples *tuples, enum ctm_key key, struct ctm_frame frame)
{
    struct ctm_key_texts texts;
    if (ctm_key_texts_init(&texts, tuples, key, frame) < 0) {
        return NULL;
    }
    PyObject *tuple = ctm_tuples_frame(texts.filename, frame.line, texts.name);
    ctm_key_texts_clear(&texts);
    return tuple;
}

static PyObject *list_frames(struct ctm_tuples *tuples, enum ctm_key key,
                             const struct ctm_tree *tree)
{
    PyObject *list = PyList_New((Py_ssize_t)tree->frame_count);
    for (uint32_t i = 0; list != NULL && i < tree->frame_count; i++) {
        PyObject *frame = make_frame(tuples, key, tree->frames[i]);
        if (frame == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, frame);
        }
    }
    return list;
}

static PyObject *make_column(const void *items, size_t count, size_t size)
{
    return PyBytes_FromStringAndSize(items, (Py_ssize_t)(count * size));
}

static PyObject *tree_to_tuple(struct ctm_tuples *tuples, enum ctm_key key,
                               const struct ctm_tree *tree)
{
    size_t count = tree->node_count;
    /* What is NULL with an exception fails the whole. */
    return Py_BuildValue("(NNNNNNNN)", list_frames(tuples, key, tree),
                         make_column(tree->parents, count, sizeof *tree->parents),
                         make_column(tree->labels, count, sizeof *tree->labels),
                         make_column(tree->ends, count, sizeof *tree->ends),
                         make_column(tree->sizes, count, sizeof *tree->sizes),
                         make_column(tree->counts, count, sizeof *tree->counts),
                         make_column(tree->own_sizes, count, sizeof *tree->own_sizes),
                         make_column(tree->own_counts, count, sizeof *tree->own_counts));
}

const char ctm_table_tree_doc[] =
    "tree($self, key_type, inverted, /)\n--\n\n"
    "Return the traces as a tree of calls, (frames, parents, labels, ends, sizes, counts,\n"
    "own_sizes, own_counts): a list of tuples, and bytes of native uint32_t (parents,\n"
    "labels, ends) or uint64_t (the others) with an item for each node in pre-order.\n"
    "By 'lineno', frames are told apart by file, line and function. OverflowError if a sum\n"
    "does not fit 64 bits.";

PyObject *ctm_table_tree(PyObject *object, PyObject *args)
{
    struct ctm_table_object *self = (struct ctm_table_object *)object;
    const char *name;
    int inverted;
    enum ctm_key key;
    if (!PyArg_ParseTuple(args, "sp:tree", &name, &inverted) || ctm_key_parse(name, &key) < 0) {
        return NULL;
    }
    if (key == CTM_KEY_TRACEBACK) {
        PyErr_SetString(PyExc_ValueError, "a tree has no key_type 'traceback'");
        return NULL;
    }
    key = key == CTM_KEY_LINENO ? CTM_KEY_FRAME : key;
    struct ctm_tree tree = {.node_count = 0};
    PyThreadState *thread = PyEval_SaveThread();
    int status = ctm_tree_make(self->snapshot, key, inverted != 0, &tree);
    PyEval_RestoreThread(thread);
    if (status != CTM_OK) {
        return ctm_raise(status);
    }
    PyObject *result = tree_to_tuple(self->tuples, key, &tree);
    ctm_tree_free(&tree);
    return result;
}
