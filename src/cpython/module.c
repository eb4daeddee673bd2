/* The module `ctracemalloc._engine`: arguments in, objects out. What it does is behind hooks.h. */
#include <Python.h>

#include "base/pages.h"
#include "base/platform.h"
#include "cpython/block_frames.h"
#include "cpython/compat.h"
#include "cpython/domains.h"
#include "cpython/free_lists.h"
#include "cpython/hooks.h"
#include "cpython/key_texts.h"
#include "cpython/module.h"
#include "cpython/saving.h"
#include "cpython/snapshot_type.h"

enum { LARGEST_NFRAME = UINT16_MAX };

static struct PyModuleDef module_def;

static struct ctm_module_state *state_of(PyObject *module)
{
    return PyModule_GetState(module);
}

struct ctm_types *ctm_types_of(PyTypeObject *type)
{
    PyObject *module = PyType_GetModuleByDef(type, &module_def);
    return module == NULL ? NULL : &state_of(module)->types;
}

/* ---- start ---- */

static int parse_truth(PyObject *value, bool *option)
{
    int truth = PyObject_IsTrue(value);
    if (truth < 0) {
        return -1;
    }
    *option = truth != 0;
    return 0;
}

static int parse_churn_lines(PyObject *value, uint32_t *lines)
{
    if (!PyLong_Check(value)) {
        PyErr_Format(PyExc_TypeError, "churn_lines must be an int, not %.200s",
                     Py_TYPE(value)->tp_name);
        return -1;
    }
    int overflow;
    long number = PyLong_AsLongAndOverflow(value, &overflow);
    if (overflow != 0 || number < 0 || number > CTM_FOLDED_LINES_LARGEST) {
        PyErr_Format(PyExc_ValueError, "churn_lines must be in range [0; %d]",
                     CTM_FOLDED_LINES_LARGEST);
        return -1;
    }
    *lines = (uint32_t)number;
    return 0;
}

/* The keyword-only options, which stdlib's start() does not have. */
static int parse_option(PyObject *name, PyObject *value, struct ctm_start_options *options)
{
    if (PyUnicode_CompareWithASCIIString(name, "total_nframe") == 0) {
        return parse_truth(value, &options->total_nframe);
    }
    if (PyUnicode_CompareWithASCIIString(name, "follow_reuse") == 0) {
        return parse_truth(value, &options->follow_reuse);
    }
    if (PyUnicode_CompareWithASCIIString(name, "churn_lines") == 0) {
        return parse_churn_lines(value, &options->churn_lines);
    }
    if (PyUnicode_CompareWithASCIIString(name, "nframe") == 0) {
        /* Word for word what stdlib says, which has no keywords at all. */
        PyErr_SetString(PyExc_TypeError, "_tracemalloc.start() takes no keyword arguments");
    } else {
        PyErr_Format(PyExc_TypeError,
                     "start() got an unexpected keyword argument '%U': there are total_nframe, "
                     "follow_reuse and churn_lines",
                     name);
    }
    return -1;
}

static int parse_nframe(PyObject *value, uint32_t *nframe)
{
    int overflow;
    long number = PyLong_AsLongAndOverflow(value, &overflow);
    if (number == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (overflow != 0 || number > INT_MAX || number < INT_MIN) {
        PyErr_SetString(PyExc_OverflowError, "Python int too large to convert to C int");
        return -1;
    }
    if (number < 1 || number > LARGEST_NFRAME) {
        PyErr_Format(PyExc_ValueError, "the number of frames must be in range [1; %d]",
                     LARGEST_NFRAME);
        return -1;
    }
    *nframe = (uint32_t)number;
    return 0;
}

PyDoc_STRVAR(start_doc, "start($module, nframe=1, /, *, total_nframe=True, follow_reuse=True, "
                        "churn_lines=65536)\n"
                        "--\n"
                        "\n"
                        "Start tracing Python memory allocations.\n"
                        "\n"
                        "Also set the maximum number of frames stored in the traceback of a trace\n"
                        "to nframe. Does nothing if memory is already traced.\n"
                        "\n"
                        "total_nframe=False leaves out the depth of the whole stack: cheaper in\n"
                        "deep recursion. follow_reuse=False leaves blocks that the interpreter\n"
                        "takes from its free lists at the line that first allocated them: cheaper\n"
                        "for programs that make many floats, tuples, lists and dicts.\n"
                        "churn_lines is how many lines of code that is gone keep their churn\n"
                        "apart, for about 80 bytes each; that of more is known by file.");

static PyObject *start(PyObject *module, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    (void)module;
    struct ctm_start_options options = CTM_START_DEFAULTS;
    Py_ssize_t keywords = names == NULL ? 0 : PyTuple_GET_SIZE(names);
    for (Py_ssize_t i = 0; i < keywords; i++) {
        if (parse_option(PyTuple_GET_ITEM(names, i), args[count + i], &options) < 0) {
            return NULL;
        }
    }
    if (count > 1) {
        PyErr_Format(PyExc_TypeError, "start expected at most 1 argument, got %zd", count);
        return NULL;
    }
    if (count == 1 && parse_nframe(args[0], &options.nframe) < 0) {
        return NULL;
    }
    if (ctm_hooks_start(&options) < 0) {
        return NULL;
    }
    ctm_domains_relay();
    Py_RETURN_NONE;
}

/* ---- the rest of stdlib's functions ---- */

PyDoc_STRVAR(stop_doc, "stop($module, /)\n"
                       "--\n"
                       "\n"
                       "Stop tracing Python memory allocations.\n"
                       "\n"
                       "Also clear traces of memory blocks allocated by Python.");

static PyObject *stop(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    ctm_hooks_stop();
    Py_RETURN_NONE;
}

PyDoc_STRVAR(is_tracing_doc, "is_tracing($module, /)\n"
                             "--\n"
                             "\n"
                             "Return True if Python memory allocations are traced.");

static PyObject *is_tracing(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyBool_FromLong(ctm_hooks_tracing());
}

PyDoc_STRVAR(clear_traces_doc, "clear_traces($module, /)\n"
                               "--\n"
                               "\n"
                               "Clear traces of memory blocks allocated by Python.");

static PyObject *clear_traces(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    if (ctm_hooks_restore() < 0 || ctm_hooks_clear_traces() < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(reset_peak_doc, "reset_peak($module, /)\n"
                             "--\n"
                             "\n"
                             "Set the peak size of traced memory to its current size.\n"
                             "\n"
                             "Does nothing if memory is not traced.");

static PyObject *reset_peak(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    ctm_hooks_reset_peak();
    Py_RETURN_NONE;
}

PyDoc_STRVAR(
    reset_churn_doc,
    "reset_churn($module, /)\n"
    "--\n"
    "\n"
    "Begin anew to count what is allocated and reused: what take_snapshot(at='churn') and\n"
    "take_snapshot(at='reuse') show.\n"
    "\n"
    "Does nothing if memory is not traced.");

static PyObject *reset_churn(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    ctm_hooks_reset_churn();
    Py_RETURN_NONE;
}

PyDoc_STRVAR(get_traced_memory_doc,
             "get_traced_memory($module, /)\n"
             "--\n"
             "\n"
             "Return the current and the peak size of traced memory blocks, in bytes, as a tuple.");

static PyObject *get_traced_memory(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    if (ctm_hooks_restore() < 0) {
        return NULL;
    }
    struct ctm_memory memory = ctm_hooks_memory();
    return Py_BuildValue("(KK)", (unsigned long long)memory.current,
                         (unsigned long long)memory.peak);
}

PyDoc_STRVAR(get_tracemalloc_memory_doc,
             "get_tracemalloc_memory($module, /)\n"
             "--\n"
             "\n"
             "Return the resident memory that the tracer holds to store traces, in bytes.\n"
             "\n"
             "A system call for each of its mappings.");

static PyObject *get_tracemalloc_memory(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyLong_FromSize_t(ctm_hooks_tracer_memory());
}

PyDoc_STRVAR(get_traceback_limit_doc,
             "get_traceback_limit($module, /)\n"
             "--\n"
             "\n"
             "Return the maximum number of frames stored in the traceback of a trace.\n"
             "\n"
             "By default, a trace of an allocated memory block only stores the most recent frame:\n"
             "the limit is 1.");

static PyObject *get_traceback_limit(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyLong_FromUnsignedLong(ctm_hooks_options().nframe);
}

/* ---- traces ---- */

/* A SnapshotTable. The caller has seen that we trace. */
static PyObject *take(PyObject *module, enum ctm_kind kind)
{
    struct ctm_snapshot *snapshot;
    int error = ctm_hooks_snapshot(kind, &snapshot);
    if (error < 0) {
        return ctm_raise(error);
    }
    return ctm_snapshot_object_new(&state_of(module)->types, snapshot);
}

PyDoc_STRVAR(
    take_table_doc,
    "_take_table($module, kind='live', /)\n"
    "--\n"
    "\n"
    "Return a SnapshotTable of the blocks of a kind ('live', 'peak', 'churn' or 'reuse'), or\n"
    "None if memory is not traced.");

static PyObject *take_table(PyObject *module, PyObject *args)
{
    const char *name = "live";
    enum ctm_kind kind;
    if (!PyArg_ParseTuple(args, "|s:_take_table", &name) || ctm_kind_parse(name, &kind) < 0 ||
        ctm_hooks_restore() < 0) {
        return NULL;
    }
    if (!ctm_hooks_tracing()) {
        Py_RETURN_NONE;
    }
    return take(module, kind);
}

PyDoc_STRVAR(get_traces_doc,
             "_get_traces($module, /)\n"
             "--\n"
             "\n"
             "Return the traces of all memory blocks as a list of (domain, size, frames,\n"
             "total_nframe), an empty list if memory is not traced.");

static PyObject *get_traces(PyObject *module, PyObject *unused)
{
    (void)unused;
    if (ctm_hooks_restore() < 0) {
        return NULL;
    }
    if (!ctm_hooks_tracing()) {
        return PyList_New(0);
    }
    PyObject *table = take(module, CTM_KIND_LIVE);
    if (table == NULL) {
        return NULL;
    }
    PyObject *traces = PySequence_List(table);
    Py_DECREF(table);
    return traces;
}

PyDoc_STRVAR(
    get_object_traceback_doc,
    "_get_object_traceback($module, obj, /)\n"
    "--\n"
    "\n"
    "Return the frames of the stack where the object's block was allocated, newest first,\n"
    "as a tuple of (filename, lineno).\n"
    "\n"
    "Return None if the block has no trace.");

static PyObject *get_object_traceback(PyObject *module, PyObject *object)
{
    (void)module;
    if (ctm_hooks_restore() < 0) {
        return NULL;
    }
    if (!ctm_hooks_tracing()) {
        Py_RETURN_NONE;
    }
    return ctm_block_frames(0, (uintptr_t)object - ctm_object_preheader(object));
}

/* ---- beyond stdlib ---- */

PyDoc_STRVAR(
    allow_files_doc,
    "_allow_files($module, more, /)\n"
    "--\n"
    "\n"
    "Let the process have more open files than its own limit says, as far as the system's\n"
    "goes; fewer, if negative. Return by how many the limit was changed.");

static PyObject *allow_files(PyObject *module, PyObject *argument)
{
    (void)module;
    long more = PyLong_AsLong(argument);
    if (more == -1 && PyErr_Occurred()) {
        return NULL;
    }
    return PyLong_FromLong(ctm_os_allow_files(more));
}

PyDoc_STRVAR(overlook_doc,
             "_overlook($module, function, /)\n"
             "--\n"
             "\n"
             "Call a function, and return its result. What it allocates in this thread leaves no\n"
             "trace. Nothing is collected meanwhile.");

static PyObject *overlook(PyObject *module, PyObject *function)
{
    ctm_hooks_begin_overlooking();
    /* The finalizers that the collector would call are the program's. */
    int collects = PyGC_Disable();
    PyObject *result = PyObject_CallNoArgs(function);
    if (result != NULL && ctm_hooks_tracing() &&
        ctm_free_lists_withhold(state_of(module)->withheld) < 0) {
        Py_CLEAR(result);
    }
    if (collects != 0) {
        (void)PyGC_Enable();
    }
    ctm_hooks_end_overlooking();
    return result;
}

PyDoc_STRVAR(get_dropped_doc,
             "get_dropped($module, /)\n"
             "--\n"
             "\n"
             "Return how many allocations left no trace since start(), because the tracer had no\n"
             "memory for it.");

static PyObject *get_dropped(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyLong_FromUnsignedLongLong(ctm_hooks_dropped());
}

PyDoc_STRVAR(get_lost_doc,
             "get_lost($module, /)\n"
             "--\n"
             "\n"
             "Return how many traces were thrown away since start(), because another tool had\n"
             "removed our hooks and the blocks could have changed unseen.");

static PyObject *get_lost(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyLong_FromUnsignedLongLong(ctm_hooks_lost());
}

static const char *place_name(enum ctm_hook_place place)
{
    switch (place) {
    case CTM_HOOK_ON_TOP:
        return "on top";
    case CTM_HOOK_BELOW:
        return "below another";
    case CTM_HOOK_ABSENT:
        break;
    }
    return "absent";
}

PyDoc_STRVAR(
    hooks_info_doc,
    "_hooks_info($module, /)\n"
    "--\n"
    "\n"
    "Return where the hooks are: a dict of 'raw', 'mem', 'obj' ('on top', 'below another'\n"
    "or 'absent'), 'ref_tracer' (bool), 'relay' (how many calls of loaded libraries\n"
    "are led to us, how many could not be, and whether those of libraries loaded later are),\n"
    "and the options of the last start().");

static PyObject *hooks_info(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    struct ctm_hooks_info info = ctm_hooks_info();
    struct ctm_start_options options = ctm_hooks_options();
    struct ctm_relay_info relay = ctm_domains_info();
    return Py_BuildValue(
        "{s:s, s:s, s:s, s:O, s:(nnO), s:I, s:O, s:O, s:I}", "raw", place_name(info.domains[0]),
        "mem", place_name(info.domains[1]), "obj", place_name(info.domains[2]), "ref_tracer",
        info.ref_tracer ? Py_True : Py_False, "relay", (Py_ssize_t)relay.slots,
        (Py_ssize_t)relay.refused, relay.later ? Py_True : Py_False, "nframe",
        (unsigned int)options.nframe, "total_nframe", options.total_nframe ? Py_True : Py_False,
        "follow_reuse", options.follow_reuse ? Py_True : Py_False, "churn_lines",
        (unsigned int)options.churn_lines);
}

PyDoc_STRVAR(
    is_churn_exact_doc,
    "is_churn_exact($module, /)\n"
    "--\n"
    "\n"
    "Return whether all of the churn is known by its line.\n"
    "\n"
    "False: stacks that were given back had more lines than are kept, so that some of\n"
    "their churn is known by its file only, or stands under '<given back>'. Sums over all\n"
    "are exact in any case.");

static PyObject *is_churn_exact(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyBool_FromLong(ctm_hooks_tables_info().folded_exact);
}

PyDoc_STRVAR(tables_info_doc,
             "_tables_info($module, /)\n"
             "--\n"
             "\n"
             "Return how much the tracer's tables hold, and how often they gave back what belongs\n"
             "to no live stack, as a dict.");

static PyObject *tables_info(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    struct ctm_tables_info info = ctm_hooks_tables_info();
    return Py_BuildValue(
        "{s:I,s:I,s:I,s:I,s:K,s:I,s:I}", "sites", (unsigned int)info.sites, "nodes",
        (unsigned int)info.nodes, "frames", (unsigned int)info.frames, "names",
        (unsigned int)info.names, "reclaims", (unsigned long long)info.reclaims, "folded_lines",
        (unsigned int)info.folded_lines, "folded_files", (unsigned int)info.folded_files);
}

PyDoc_STRVAR(mappings_doc, "_mappings($module, /)\n"
                           "--\n"
                           "\n"
                           "Return the tracer's mappings as a list of (address, size).");

static PyObject *mappings(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    struct ctm_mapping *items;
    size_t length;
    if (ctm_hooks_mappings(&items, &length) < 0) {
        return PyErr_NoMemory();
    }
    PyObject *list = PyList_New((Py_ssize_t)length);
    for (size_t i = 0; list != NULL && i < length; i++) {
        PyObject *entry = Py_BuildValue("(KK)", (unsigned long long)(uintptr_t)items[i].address,
                                        (unsigned long long)items[i].size);
        if (entry == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, entry);
        }
    }
    free(items);
    return list;
}

#ifdef CTM_DEBUG
PyDoc_STRVAR(check_doc, "_check($module, /)\n"
                        "--\n"
                        "\n"
                        "Walk all invariants of the tracer; return None, or which one is broken.");

static PyObject *check(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return Py_BuildValue("z", ctm_hooks_check());
}
#endif

/* ---- the module ---- */

static PyMethodDef methods[] = {
    {"start", (PyCFunction)(void (*)(void))start, METH_FASTCALL | METH_KEYWORDS, start_doc},
    {"stop", stop, METH_NOARGS, stop_doc},
    {"is_tracing", is_tracing, METH_NOARGS, is_tracing_doc},
    {"clear_traces", clear_traces, METH_NOARGS, clear_traces_doc},
    {"reset_peak", reset_peak, METH_NOARGS, reset_peak_doc},
    {"reset_churn", reset_churn, METH_NOARGS, reset_churn_doc},
    {"get_traced_memory", get_traced_memory, METH_NOARGS, get_traced_memory_doc},
    {"get_tracemalloc_memory", get_tracemalloc_memory, METH_NOARGS, get_tracemalloc_memory_doc},
    {"get_traceback_limit", get_traceback_limit, METH_NOARGS, get_traceback_limit_doc},
    {"_take_table", take_table, METH_VARARGS, take_table_doc},
    {"_get_traces", get_traces, METH_NOARGS, get_traces_doc},
    {"_get_object_traceback", get_object_traceback, METH_O, get_object_traceback_doc},
    {"_allow_files", allow_files, METH_O, allow_files_doc},
    {"_overlook", overlook, METH_O, overlook_doc},
    {"get_dropped", get_dropped, METH_NOARGS, get_dropped_doc},
    {"get_lost", get_lost, METH_NOARGS, get_lost_doc},
    {"_hooks_info", hooks_info, METH_NOARGS, hooks_info_doc},
    {"is_churn_exact", is_churn_exact, METH_NOARGS, is_churn_exact_doc},
    {"_tables_info", tables_info, METH_NOARGS, tables_info_doc},
    {"_mappings", mappings, METH_NOARGS, mappings_doc},
#ifdef CTM_DEBUG
    {"_check", check, METH_NOARGS, check_doc},
#endif
    {"_follow_path", ctm_follow_path_function, METH_O, ctm_follow_path_doc},
    {"_save", ctm_save_function, METH_VARARGS, ctm_save_doc},
    {"module_name", ctm_module_name_function, METH_O, ctm_module_name_doc},
    {NULL, NULL, 0, NULL},
};

static int exec_module(PyObject *module)
{
    if (ctm_hooks_init() < 0 || ctm_domains_add(module) < 0) {
        return -1;
    }
    state_of(module)->withheld = PyList_New(0);
    if (state_of(module)->withheld == NULL) {
        return -1;
    }
    return ctm_types_init(module, &state_of(module)->types);
}

static int traverse(PyObject *module, visitproc visit, void *arg)
{
    Py_VISIT(state_of(module)->withheld);
    return ctm_types_traverse(&state_of(module)->types, visit, arg);
}

static int clear(PyObject *module)
{
    Py_CLEAR(state_of(module)->withheld);
    ctm_types_clear(&state_of(module)->types);
    return 0;
}

static void free_module(void *module)
{
    (void)clear(module);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)exec_module},
#ifdef Py_MOD_MULTIPLE_INTERPRETERS_SUPPORTED
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_SUPPORTED},
#endif
    {0, NULL},
};

PyDoc_STRVAR(module_doc, "The C part of ctracemalloc: allocator hooks, tracer and snapshots.");

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,  .m_name = "ctracemalloc._engine",
    .m_doc = module_doc,    .m_size = sizeof(struct ctm_module_state),
    .m_methods = methods,   .m_slots = slots,
    .m_traverse = traverse, .m_clear = clear,
    .m_free = free_module,
};

PyMODINIT_FUNC PyInit__engine(void);

PyMODINIT_FUNC PyInit__engine(void)
{
    return PyModuleDef_Init(&module_def);
}
