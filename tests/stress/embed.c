/*
 * A program that embeds the interpreter and brings it up and down; run by test_embed.py.
 *
 *     embed SCENARIO FOLDER    the folder, or folders, where the modules are
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LIVES = 5, KEPT = 200, WAIT_US = 500 };

static const char *folders;
static _Atomic bool done;

static void initialize(void)
{
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    config.install_signal_handlers = 0;
    PyStatus status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) {
        Py_ExitStatusException(status);
    }
}

static void run(const char *code)
{
    static const char set_path[] =
        "import site\nfor folder in '%s'.split(':'): site.addsitedir(folder)\n";
    char path[8192];
    snprintf(path, sizeof path, set_path, folders);
    if (PyRun_SimpleString(path) != 0 || PyRun_SimpleString(code) != 0) {
        fprintf(stderr, "embed: this failed:\n%s\n", code);
        exit(1);
    }
}

static void finalize(void)
{
    if (Py_FinalizeEx() != 0) {
        fprintf(stderr, "embed: Py_FinalizeEx failed\n");
        exit(1);
    }
}

static const char *start_and_look =
    "import ctracemalloc as t\n"
    "assert not t.is_tracing(), 'still from the last life'\n"
    "assert t.get_traced_memory() == (0, 0)\n"
    "t.start(5)\n"
    "kept = [bytes(70_000 + i) for i in range(50)]\n"
    "floats = [float(i) for i in range(1000)]\n"
    "found = [s for _, s, f, _ in t._get_traces() if f[0][0] == '<string>' and s > 70_000]\n"
    "assert len(found) == 50, len(found)\n"
    "snapshot = t.take_snapshot()\n"
    "assert snapshot.statistics('lineno')\n";

/* Life after life: tracing ends with each, and begins in the next with nothing left. Blocks that
 * were traced are freed in between, by nobody's hooks. */
static void lives(void)
{
    for (int life = 0; life < LIVES; life++) {
        void *blocks[KEPT];
        initialize();
        run(start_and_look);
        for (int i = 0; i < KEPT; i++) {
            blocks[i] = PyMem_RawMalloc(1000);
        }
        if (life % 2 == 0) {
            run("t.stop()\n");
        }
        finalize();
        for (int i = 0; i < KEPT; i++) {
            blocks[i] = PyMem_RawRealloc(blocks[i], 2000);
            PyMem_RawFree(blocks[i]);
        }
    }
}

static void *allocate_for_ever(void *unused)
{
    (void)unused;
    while (!atomic_load(&done)) {
        void *block = PyMem_RawMalloc(100);
        block = PyMem_RawRealloc(block, 5000);
        PyMem_RawFree(block);
    }
    return NULL;
}

/* The interpreter goes down and up under threads that Python never saw. */
static void lives_among_threads(void)
{
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        if (pthread_create(&threads[i], NULL, allocate_for_ever, NULL) != 0) {
            perror("pthread_create");
            exit(1);
        }
    }
    lives();
    atomic_store(&done, true);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
}

/* Subinterpreters with the shared GIL: each may import the module, and end before the others. */
static void subinterpreters(void)
{
    initialize();
    run("import ctracemalloc as t\nt.start(5)\n");
    PyThreadState *main_state = PyThreadState_Get();
    PyThreadState *states[3];
    for (int i = 0; i < 3; i++) {
        states[i] = Py_NewInterpreter();
        if (states[i] == NULL) {
            fprintf(stderr, "embed: Py_NewInterpreter failed\n");
            exit(1);
        }
        run("import ctracemalloc as t\n"
            "assert t.is_tracing()\n"
            "kept = [bytes(80_000 + i) for i in range(20)]\n"
            "found = [s for _, s, f, _ in t._get_traces() if 80_000 < s < 80_100]\n"
            "assert len(found) >= 20, len(found)\n"
            "t.take_snapshot().statistics('traceback')\n"
            "def deep(n): return deep(n - 1) if n else bytes(90_000)\n"
            "more = deep(50)\n");
    }
    for (int i = 0; i < 3; i++) {
        /* Not in the order of their birth. */
        PyThreadState_Swap(states[(i + 1) % 3]);
        Py_EndInterpreter(states[(i + 1) % 3]);
    }
    PyThreadState_Swap(main_state);
    /* File names of code that is gone are still those that were. */
    run("found = [f for _, s, f, _ in t._get_traces()]\n"
        "assert all(isinstance(f[0][0], str) for f in found)\n"
        "assert not [s for _, s, _, _ in t._get_traces() if 80_000 < s < 80_100]\n");
    finalize();
}

#if PY_VERSION_HEX >= 0x030C0000

enum { ISOLATED = 4, ROUNDS = 3 };

/* The isolated interpreters keep a hundred blocks anew each time that this grows; 0: the end. */
static _Atomic int turn = 1;
/* How many of them have kept those of this turn. */
static _Atomic int arrived;

static const char *keep_and_churn =
    "try:\n"
    "    import ctracemalloc\n"
    "except ImportError as error:\n"
    "    assert 'does not support loading in subinterpreters' in str(error), error\n"
    "else:\n"
    "    raise AssertionError('loaded where it cannot be')\n"
    "source = '''\n"
    "def keep(): return [bytes(90_000 + number) for _ in range(100)]\n"
    "def churn():\n"
    "    some = [[float(i), (i, str(i)), {i: i}] for i in range(300)]\n"
    "    for i in range(300): some.append(bytes(i * 9))\n"
    "'''\n"
    "exec(compile(source, f'interpreter {number}', 'exec'))\n";

/* A thread whose interpreter has a GIL of its own: it runs at the same time as all others. */
static void *live_isolated(void *number)
{
    PyThreadState *outside = PyThreadState_New(PyInterpreterState_Main());
    PyEval_RestoreThread(outside);
    const PyInterpreterConfig config = {
        .allow_threads = 1, .check_multi_interp_extensions = 1, .gil = PyInterpreterConfig_OWN_GIL};
    PyThreadState *inside = NULL;
    PyStatus status = Py_NewInterpreterFromConfig(&inside, &config);
    if (PyStatus_Exception(status)) {
        Py_ExitStatusException(status);
    }
    char name[32];
    snprintf(name, sizeof name, "number = %d\n", *(const int *)number);
    run(name);
    run(keep_and_churn);
    int seen = 0;
    for (int now; (now = atomic_load(&turn)) != 0;) {
        if (now != seen) {
            run("kept = None\nkept = keep()\n");
            seen = now;
            atomic_fetch_add(&arrived, 1);
        }
        run("churn()\n");
    }
    Py_EndInterpreter(inside);
    PyEval_RestoreThread(outside);
    PyThreadState_Clear(outside);
    PyThreadState_DeleteCurrent();
    return NULL;
}

static void wait_for_all(void)
{
    PyThreadState *state = PyEval_SaveThread();
    while (atomic_load(&arrived) < ISOLATED) {
        usleep(WAIT_US);
    }
    PyEval_RestoreThread(state);
}

static const char *look_and_upset =
    "import sys\n"
    "import ctracemalloc as t\n"
    "def kept():\n"
    "    sizes = {sys.getsizeof(bytes(90_000 + n)): n for n in range(4)}\n"
    "    found = [(sizes[s], f) for _, s, f, _ in t._get_traces() if s in sizes]\n"
    "    for n, frames in found: assert frames[0] == (f'interpreter {n}', 2), frames\n"
    "    assert t.get_dropped() == t.get_lost() == 0\n"
    "    return [sum(n == number for n, _ in found) for number in range(4)]\n"
    "def look():\n"
    "    for _ in range(10):\n"
    "        assert kept() == [100] * 4, kept()\n"
    "        t.take_snapshot().statistics('traceback')\n"
    "        t.reset_peak()\n"
    "def upset():\n"
    "    for i in range(100):\n"
    "        t.start(1 + i % 30)\n"
    "        if i % 5 == 0: t.take_snapshot()\n"
    "        if i % 3: t.clear_traces()\n"
    "        if i % 2: t.stop()\n"
    "    t.stop()\n"
    "t.start(5)\n";

/* Subinterpreters with a GIL of their own: each is refused the module, all are traced, whatever the
 * main interpreter does in the meantime; and what they free is known as freed. */
static void isolated(void)
{
    pthread_t threads[ISOLATED];
    int numbers[ISOLATED];
    initialize();
    run(look_and_upset);
    for (int i = 0; i < ISOLATED; i++) {
        numbers[i] = i;
        if (pthread_create(&threads[i], NULL, live_isolated, &numbers[i]) != 0) {
            perror("pthread_create");
            exit(1);
        }
    }
    for (int round = 0; round < ROUNDS; round++) {
        wait_for_all();
        run("look()\nupset()\nt.start(5)\n");
        atomic_store(&arrived, 0);
        atomic_fetch_add(&turn, 1);
    }
    wait_for_all();
    run("look()\n");
    atomic_store(&turn, 0);
    PyThreadState *state = PyEval_SaveThread();
    for (int i = 0; i < ISOLATED; i++) {
        pthread_join(threads[i], NULL);
    }
    PyEval_RestoreThread(state);
    run("assert kept() == [0] * 4, kept()\n");
    finalize();
}

#endif

typedef int (*track_function)(unsigned int, uintptr_t, size_t);

/* Bound to its place (-no-pie), the program makes of this a stub that all others call. */
static __attribute__((noinline)) track_function track_address(void)
{
    return PyTraceMalloc_Track;
}

/* What the program and others report, and what of it is left. */
static void reports(void)
{
    initialize();
    run("import ctracemalloc as t\n"
        "import ctypes\n"
        "t.start(5)\n"
        "others = ctypes.pythonapi.PyTraceMalloc_Track\n"
        "others.argtypes = [ctypes.c_uint, ctypes.c_size_t, ctypes.c_size_t]\n"
        "assert others(7, 0x1000, 100) == 0\n");
    if (PyTraceMalloc_Track(7, 0x2000, 200) != 0 || track_address()(7, 0x3000, 300) != 0) {
        fprintf(stderr, "embed: a report was not taken\n");
        exit(1);
    }
    run("found = sorted(trace[1] for trace in t._get_traces() if trace[0] == 7)\n"
        "assert found == [100, 200, 300], found\n");
    if (PyTraceMalloc_Untrack(7, 0x2000) != 0) {
        fprintf(stderr, "embed: a block was not taken back\n");
        exit(1);
    }
    run("found = sorted(trace[1] for trace in t._get_traces() if trace[0] == 7)\n"
        "assert found == [100, 300], found\n"
        "assert t._engine._hooks_info()['relay'][2]\n");
    finalize();
}

enum { DAEMONS = 4, ENOUGH = 20000 };

static _Atomic unsigned long daemon_calls[DAEMONS];

/* allocate(number): without the GIL, and for ever: it never comes back to an interpreter. */
static PyObject *allocate(PyObject *module, PyObject *number)
{
    (void)module;
    _Atomic unsigned long *calls = &daemon_calls[PyLong_AsLong(number) % DAEMONS];
    Py_BEGIN_ALLOW_THREADS;
    for (;;) {
        void *block = PyMem_RawMalloc(2053);
        block = PyMem_RawRealloc(block, 5000);
        PyMem_RawFree(block);
        atomic_fetch_add(calls, 1);
    }
    Py_END_ALLOW_THREADS;
    Py_RETURN_NONE;
}

static PyObject *make_daemon_module(void)
{
    static PyMethodDef methods[] = {{"allocate", allocate, METH_O, NULL}, {NULL, NULL, 0, NULL}};
    static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "daemons",
                                            .m_size = -1, .m_methods = methods};
    return PyModule_Create(&definition);
}

static void wait_for_daemons(void)
{
    for (int i = 0; i < DAEMONS; i++) {
        unsigned long least = atomic_load(&daemon_calls[i]) + ENOUGH;
        while (atomic_load(&daemon_calls[i]) < least) {
            usleep(WAIT_US);
        }
    }
}

/* Threads that are in C code while the interpreter ends, and after: it frees their states, which
 * nobody may read then. A sanitizer would see it. */
static void daemons(void)
{
    PyImport_AppendInittab("daemons", make_daemon_module);
    initialize();
    run("import ctracemalloc as t, daemons, threading\n"
        "t.start(5)\n"
        "def down(n, number): return down(n - 1, number) if n else daemons.allocate(number)\n"
        "for number in range(4):\n"
        "    threading.Thread(target=down, args=(40, number), daemon=True).start()\n");
    PyThreadState *state = PyEval_SaveThread();
    wait_for_daemons();
    PyEval_RestoreThread(state);
    run("found = [f for _, s, f, _ in t._get_traces() if s in (2053, 5000)]\n"
        "assert {f[0][0] for f in found} <= {'<string>'}, found\n");
    finalize();
    wait_for_daemons();
    /* Their stacks are still in use: no destructor may run. */
    _exit(0);
}

/* One that has no interpreter any more, and one that has had none yet. */
static void allocators_without_interpreter(void)
{
    void *early = PyMem_RawMalloc(100);
    initialize();
    run(start_and_look);
    void *middle = PyMem_RawMalloc(100);
    early = PyMem_RawRealloc(early, 10000);
    finalize();
    PyMem_RawFree(early);
    PyMem_RawFree(middle);
    PyMem_RawFree(PyMem_RawMalloc(100));
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "embed SCENARIO FOLDER\n");
        return 2;
    }
    folders = argv[2];
    if (strcmp(argv[1], "lives") == 0) {
        lives();
    } else if (strcmp(argv[1], "threads") == 0) {
        lives_among_threads();
    } else if (strcmp(argv[1], "subinterpreters") == 0) {
        subinterpreters();
#if PY_VERSION_HEX >= 0x030C0000
    } else if (strcmp(argv[1], "isolated") == 0) {
        isolated();
#endif
    } else if (strcmp(argv[1], "daemons") == 0) {
        daemons();
    } else if (strcmp(argv[1], "reports") == 0) {
        reports();
    } else if (strcmp(argv[1], "allocators") == 0) {
        allocators_without_interpreter();
    } else {
        fprintf(stderr, "embed: no scenario is called %s\n", argv[1]);
        return 2;
    }
    return 0;
}
