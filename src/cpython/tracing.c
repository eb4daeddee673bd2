#include "base/platform.h"
#include "cpython/hook_chain.h"
#include "cpython/hooks_state.h"

/* ---- threads and forks ---- */

static void thread_ended(void *walker_pointer)
{
    struct ctm_walker *walker = walker_pointer;
    enum ctm_pass pass = ctm_gate_enter_mutex(&ctm_hooks.gate, false, NULL);
    ctm_thread_state.walker = NULL;
    ctm_set_walker_aside(walker);
    ctm_gate_leave(&ctm_hooks.gate, pass);
}

/* To be called whenever what it depends on has changed. Gate held, by mutex. */
static void allow_bias(void)
{
    ctm_gate_allow_bias(&ctm_hooks.gate, ctm_hooks.tracer.tracing && ctm_hooks.overlookers == 0);
}

static void before_fork(void)
{
    ctm_gate_fork_prepare(&ctm_hooks.gate);
}

static void after_fork_in_parent(void)
{
    ctm_gate_fork_parent(&ctm_hooks.gate);
}

static void after_fork_in_child(void)
{
    ctm_gate_fork_child(&ctm_hooks.gate);
    /* Of all threads only this one is left. */
    ctm_hooks.unused = NULL;
    for (struct ctm_walker *walker = ctm_hooks.walkers; walker != NULL; walker = walker->next) {
        if (walker != ctm_thread_state.walker) {
            ctm_set_walker_aside(walker);
        }
    }
    enum ctm_pass pass = ctm_gate_enter_mutex(&ctm_hooks.gate, false, NULL);
    ctm_hooks.overlookers = ctm_thread_state.overlooking != 0 ? 1 : 0;
    allow_bias();
    ctm_gate_leave(&ctm_hooks.gate, pass);
}

/* Gate held, by mutex. */
static void stop_tracer(void)
{
    ctm_tracer_stop(&ctm_hooks.tracer);
    allow_bias();
}

/* After the interpreter's end nobody may call into it from our hooks. */
static void at_exit(void)
{
    ctm_hooks.exit_registered = false;
    ctm_hooks.ending_registered = false;
    ctm_hooks.ending = false;
    ctm_hooks.ending_state = NULL;
    ctm_chain_leave();
    enum ctm_pass pass = ctm_gate_enter_mutex(&ctm_hooks.gate, false, NULL);
    stop_tracer();
    ctm_gate_leave(&ctm_hooks.gate, pass);
}

int ctm_hooks_init(void)
{
    if (ctm_hooks.initialised) {
        return 0;
    }
    ctm_gate_init(&ctm_hooks.gate);
    ctm_tracer_init(&ctm_hooks.tracer);
    ctm_pages_init(&ctm_hooks.walker_pages);
    ctm_capture_options_init(&ctm_hooks.capture, 1, true);
    ctm_frames_init();
    int error = pthread_key_create(&ctm_hooks.thread_key, thread_ended);
    if (error == 0) {
        error = ctm_os_at_fork(before_fork, after_fork_in_parent, after_fork_in_child);
    }
    if (error != 0) {
        errno = error;
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    ctm_hooks.initialised = true;
    return 0;
}

/* ---- start and stop ---- */

/* Captures, and deaths of states, were missed while our hooks were not called. Gate held. */
static void forget_what_was_seen(void)
{
    for (struct ctm_walker *walker = ctm_hooks.walkers; walker != NULL; walker = walker->next) {
        walker->sure_depth = 0;
        ctm_walker_set_attached(walker, NULL);
    }
}

/* Returns 0, or 1 if another thread has started it meanwhile; -1 with MemoryError. */
static int start_tracer(const struct ctm_start_options *options)
{
    enum ctm_pass pass = ctm_hooks_enter();
    if (ctm_hooks.tracer.tracing) {
        ctm_gate_leave(&ctm_hooks.gate, pass);
        return 1;
    }
    ctm_hooks.options = *options;
    ctm_capture_options_init(&ctm_hooks.capture, options->nframe, options->total_nframe);
    forget_what_was_seen();
    int error = CTM_OK;
    for (struct ctm_walker *walker = ctm_hooks.walkers; walker != NULL && error == CTM_OK;
         walker = walker->next) {
        error = ctm_walker_init(walker, &ctm_hooks.walker_pages, &ctm_hooks.capture);
    }
    if (error == CTM_OK) {
        ctm_hooks.tracer.churn_lines = options->churn_lines;
        error = ctm_tracer_start(&ctm_hooks.tracer);
    }
    allow_bias();
    ctm_gate_leave(&ctm_hooks.gate, pass);
    if (error < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

/* Run by `atexit`, while all states of threads are still there. */
static PyObject *note_ending(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    enum ctm_pass pass = ctm_hooks_enter();
    ctm_hooks.ending = true;
    ctm_hooks.ending_state = PyThreadState_Get();
    ctm_gate_leave(&ctm_hooks.gate, pass);
    Py_RETURN_NONE;
}

/* In a subinterpreter its own end would be told: the main interpreter is asked for it when it
 * starts to trace itself. */
static int register_ending(void)
{
    static PyMethodDef method = {"_note_ending", note_ending, METH_NOARGS, NULL};
    if (ctm_hooks.ending_registered || PyInterpreterState_Get() != PyInterpreterState_Main()) {
        return 0;
    }
    PyObject *atexit = PyImport_ImportModule("atexit");
    PyObject *function = atexit == NULL ? NULL : PyCFunction_New(&method, NULL);
    PyObject *result =
        function == NULL ? NULL : PyObject_CallMethod(atexit, "register", "O", function);
    ctm_hooks.ending_registered = result != NULL;
    Py_XDECREF(result);
    Py_XDECREF(function);
    Py_XDECREF(atexit);
    return ctm_hooks.ending_registered ? 0 : -1;
}

int ctm_hooks_start(const struct ctm_start_options *options)
{
    if (ctm_hooks.tracer.tracing) {
        return 0;
    }
    if (!ctm_hooks.checked) {
        if (ctm_frames_check() < 0) {
            return -1;
        }
        ctm_hooks.checked = true;
    }
    if (register_ending() < 0) {
        return -1;
    }
    if (!ctm_hooks.exit_registered) {
        if (Py_AtExit(at_exit) < 0) {
            PyErr_SetString(PyExc_RuntimeError,
                            "ctracemalloc: Py_AtExit has no free slot; start tracing earlier");
            return -1;
        }
        ctm_hooks.exit_registered = true;
    }
    int started = start_tracer(options);
    if (started != 0) {
        return started < 0 ? -1 : 0;
    }
    if (ctm_chain_join() < 0) {
        ctm_hooks_stop();
        return -1;
    }
    return 0;
}

void ctm_hooks_stop(void)
{
    if (!ctm_hooks.tracer.tracing) {
        return;
    }
    ctm_chain_leave_references();
    ctm_chain_leave();
    enum ctm_pass pass = ctm_hooks_enter();
    stop_tracer();
    ctm_gate_leave(&ctm_hooks.gate, pass);
}

static void count_overlooker(bool begins)
{
    enum ctm_pass pass = ctm_hooks_enter();
    ctm_hooks.overlookers = begins ? ctm_hooks.overlookers + 1 : ctm_hooks.overlookers - 1;
    allow_bias();
    ctm_gate_leave(&ctm_hooks.gate, pass);
}

bool ctm_hooks_overlooked_last(uintptr_t block)
{
    return ctm_thread_state.overlooked == block;
}

bool ctm_hooks_has_trace(uintptr_t block)
{
    struct ctm_block found;
    enum ctm_pass pass = ctm_hooks_enter();
    bool has = ctm_hooks.tracer.tracing && ctm_blocks_get(&ctm_hooks.tracer.blocks, block, &found);
    ctm_gate_leave(&ctm_hooks.gate, pass);
    return has;
}

void ctm_hooks_begin_overlooking(void)
{
    if (ctm_thread_state.overlooking++ == 0) {
        count_overlooker(true);
    }
}

void ctm_hooks_end_overlooking(void)
{
    if (--ctm_thread_state.overlooking == 0) {
        count_overlooker(false);
    }
}

bool ctm_hooks_tracing(void)
{
    return ctm_hooks.tracer.tracing;
}

struct ctm_start_options ctm_hooks_options(void)
{
    return ctm_hooks.options;
}

int ctm_hooks_clear_traces(void)
{
    enum ctm_pass pass = ctm_hooks_enter();
    int error = CTM_OK;
    if (ctm_hooks.tracer.tracing) {
        error = ctm_tracer_clear(&ctm_hooks.tracer);
        allow_bias();
    }
    ctm_gate_leave(&ctm_hooks.gate, pass);
    if (error < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

int ctm_hooks_restore(void)
{
    if (!ctm_hooks.tracer.tracing) {
        return 0;
    }
    if (ctm_chain_is_whole()) {
        return 0;
    }
    enum ctm_pass pass = ctm_hooks_enter();
    uint64_t blocks = ctm_sites_live_blocks(&ctm_hooks.tracer.sites);
    ctm_hooks.tracer.lost += blocks;
    forget_what_was_seen();
    ctm_gate_leave(&ctm_hooks.gate, pass);
    if (ctm_hooks_clear_traces() < 0 || ctm_chain_join() < 0) {
        return -1;
    }
    return PyErr_WarnFormat(PyExc_RuntimeWarning, 1,
                            "another tool had removed ctracemalloc's hooks: %llu traces were "
                            "dropped, tracing begins anew",
                            (unsigned long long)blocks);
}
