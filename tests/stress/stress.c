/*
 * The workers of run.py: threads that call Python's allocators as fast as they can, and keep book.
 *
 * Every block that a worker holds is a record, with what the tracer must know of it. Records are
 * swapped between workers, so that blocks are resized and freed by other threads than those that
 * made them. Workers park between two calls when they are told to: then, and only then, the book
 * is exact.
 */
#include <Python.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

enum {
    FOREIGN = 6,  /* threads that Python never saw */
    DETACHED = 5, /* Python's threads, without the GIL */
    ATTACHED = 5, /* Python's threads, with the GIL */
    WORKERS = FOREIGN + DETACHED + ATTACHED,
    HELD = 400,     /* blocks of a worker */
    SHARED = 64,    /* records that change hands */
    TURN = 500,     /* calls between two looks at `paused` */
    PARKED_US = 50, /* between two looks of a parked worker */
    DOMAINS = 3,
};

enum kind { BY_FOREIGN, BY_DETACHED, BY_ATTACHED };

struct record {
    void *block; /* NULL: none */
    size_t size;
    int domain;
    enum kind kind; /* of the thread that asked for it last */
    bool traced;    /* asked for since the book was opened */
};

struct worker {
    enum kind kind;
    uint64_t random;
    _Atomic uint64_t calls;
    struct record *held[HELD];
    pthread_t thread; /* of a foreign worker */
};

static struct worker workers[WORKERS];
static struct record records[WORKERS * HELD + 2 * SHARED];
/* RAW blocks may go to anybody, the others to threads with the GIL. */
static _Atomic(struct record *) raw_exchange[SHARED];
static _Atomic(struct record *) gil_exchange[SHARED];
static _Atomic bool paused = true;
static _Atomic bool ended;
static _Atomic int parked;

/* ---- a layer below the tracer's hooks, whose realloc fails on demand ---- */

static PyMemAllocatorEx below[DOMAINS];
static _Thread_local bool fail_realloc;

static void *layer_malloc(void *ctx, size_t size)
{
    const PyMemAllocatorEx *next = ctx;
    return next->malloc(next->ctx, size);
}

static void *layer_calloc(void *ctx, size_t count, size_t size)
{
    const PyMemAllocatorEx *next = ctx;
    return next->calloc(next->ctx, count, size);
}

static void *layer_realloc(void *ctx, void *block, size_t size)
{
    const PyMemAllocatorEx *next = ctx;
    if (fail_realloc) {
        return NULL;
    }
    return next->realloc(next->ctx, block, size);
}

static void layer_free(void *ctx, void *block)
{
    const PyMemAllocatorEx *next = ctx;
    next->free(next->ctx, block);
}

static void insert_layer(void)
{
    const PyMemAllocatorDomain domains[DOMAINS] = {PYMEM_DOMAIN_RAW, PYMEM_DOMAIN_MEM,
                                                   PYMEM_DOMAIN_OBJ};
    for (int i = 0; i < DOMAINS; i++) {
        PyMem_GetAllocator(domains[i], &below[i]);
        PyMemAllocatorEx layer = {&below[i], layer_malloc, layer_calloc, layer_realloc, layer_free};
        PyMem_SetAllocator(domains[i], &layer);
    }
}

/* ---- one call ---- */

static uint64_t next_random(struct worker *worker)
{
    worker->random += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = worker->random;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* Mostly small, often at the edges of pymalloc's classes, now and then large or nothing. */
static size_t random_size(uint64_t random)
{
    switch (random % 16) {
    case 0:
        return 0;
    case 1:
        return 511 + (random >> 8) % 4;
    case 2:
        return 4096 + (random >> 8) % 3;
    case 3:
        return (random >> 8) % 64 == 0 ? 200000 + (random >> 16) % 1000 : 1000;
    default:
        return (random >> 8) % 600;
    }
}

static void *call_malloc(int domain, size_t size)
{
    return domain == 0   ? PyMem_RawMalloc(size)
           : domain == 1 ? PyMem_Malloc(size)
                         : PyObject_Malloc(size);
}

static void *call_calloc(int domain, size_t count, size_t size)
{
    return domain == 0   ? PyMem_RawCalloc(count, size)
           : domain == 1 ? PyMem_Calloc(count, size)
                         : PyObject_Calloc(count, size);
}

static void *call_realloc(int domain, void *block, size_t size)
{
    return domain == 0   ? PyMem_RawRealloc(block, size)
           : domain == 1 ? PyMem_Realloc(block, size)
                         : PyObject_Realloc(block, size);
}

static void call_free(int domain, void *block)
{
    if (domain == 0) {
        PyMem_RawFree(block);
    } else if (domain == 1) {
        PyMem_Free(block);
    } else {
        PyObject_Free(block);
    }
}

static void note(struct worker *worker, struct record *record, void *block, size_t size)
{
    if (block == NULL) {
        Py_FatalError("stress: the machine has no memory");
    }
    record->block = block;
    record->size = size;
    record->kind = worker->kind;
    record->traced = true;
}

static void fill(struct worker *worker, struct record *record, uint64_t random)
{
    record->domain = worker->kind == BY_ATTACHED ? (int)(random % DOMAINS) : 0;
    size_t size = random_size(random >> 4);
    switch ((random >> 32) % 4) {
    case 0:
        note(worker, record, call_calloc(record->domain, 3, size / 3), size / 3 * 3);
        break;
    case 1:
        note(worker, record, call_realloc(record->domain, NULL, size), size);
        break;
    default:
        note(worker, record, call_malloc(record->domain, size), size);
    }
}

static void resize(struct worker *worker, struct record *record, uint64_t random)
{
    size_t size = random_size(random >> 4);
    if ((random >> 32) % 8 == 0) {
        fail_realloc = true;
        if (call_realloc(record->domain, record->block, size + 1) != NULL) {
            Py_FatalError("stress: a realloc that was to fail did not");
        }
        fail_realloc = false;
    } else {
        note(worker, record, call_realloc(record->domain, record->block, size), size);
    }
}

static void swap(struct worker *worker, struct record **place, uint64_t random)
{
    if (worker->kind == BY_ATTACHED && (*place)->block != NULL && (*place)->domain != 0) {
        *place = atomic_exchange(&gil_exchange[random % SHARED], *place);
    } else {
        *place = atomic_exchange(&raw_exchange[random % SHARED], *place);
    }
}

static void step(struct worker *worker)
{
    uint64_t random = next_random(worker);
    struct record **place = &worker->held[random % HELD];
    random >>= 10;
    if (random % 16 == 0) {
        swap(worker, place, random >> 4);
    }
    struct record *record = *place;
    random >>= 10;
    if (record->block == NULL) {
        fill(worker, record, random);
    } else if (random % 2 == 0) {
        call_free(record->domain, record->block);
        record->block = NULL;
    } else {
        resize(worker, record, random >> 1);
    }
    atomic_store_explicit(&worker->calls, worker->calls + 1, memory_order_relaxed);
}

static void turn(struct worker *worker)
{
    for (int i = 0; i < TURN; i++) {
        step(worker);
    }
}

/* Not to be called with the GIL. */
static void park_while_paused(void)
{
    if (atomic_load(&paused)) {
        atomic_fetch_add(&parked, 1);
        while (atomic_load(&paused)) {
            usleep(PARKED_US);
        }
        atomic_fetch_sub(&parked, 1);
    }
}

static void *work_without_state(void *context)
{
    while (!atomic_load(&ended)) {
        park_while_paused();
        turn(context);
    }
    return NULL;
}

/* ---- what run.py calls ---- */

/* begin(seed): once. The foreign workers start, parked. */
static PyObject *begin(PyObject *module, PyObject *seed)
{
    (void)module;
    uint64_t number = PyLong_AsUnsignedLongLongMask(seed);
    if (PyErr_Occurred()) {
        return NULL;
    }
    insert_layer();
    size_t next = 0;
    for (int i = 0; i < WORKERS; i++) {
        workers[i].kind = i < FOREIGN              ? BY_FOREIGN
                          : i < FOREIGN + DETACHED ? BY_DETACHED
                                                   : BY_ATTACHED;
        workers[i].random = number + ((uint64_t)i << 40);
        for (int k = 0; k < HELD; k++) {
            workers[i].held[k] = &records[next++];
        }
    }
    for (int i = 0; i < SHARED; i++) {
        atomic_store(&raw_exchange[i], &records[next++]);
        atomic_store(&gil_exchange[i], &records[next++]);
    }
    for (int i = 0; i < FOREIGN; i++) {
        int error = pthread_create(&workers[i].thread, NULL, work_without_state, &workers[i]);
        if (error != 0) {
            errno = error;
            return PyErr_SetFromErrno(PyExc_OSError);
        }
    }
    Py_RETURN_NONE;
}

/* work(index): be the worker of that index until the end. It makes no object, so that all that is
 * traced at the caller's line is the worker's. */
static PyObject *work(PyObject *module, PyObject *index)
{
    (void)module;
    long number = PyLong_AsLong(index);
    if (number < FOREIGN || number >= WORKERS) {
        PyErr_SetString(PyExc_ValueError, "no such worker");
        return NULL;
    }
    struct worker *worker = &workers[number];
    while (!atomic_load(&ended)) {
        PyThreadState *state = PyEval_SaveThread();
        park_while_paused();
        if (worker->kind == BY_DETACHED) {
            turn(worker);
        }
        PyEval_RestoreThread(state);
        if (worker->kind == BY_ATTACHED && !atomic_load(&paused)) {
            turn(worker);
        }
    }
    Py_RETURN_NONE;
}

static PyObject *pause_all(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    atomic_store(&paused, true);
    PyThreadState *state = PyEval_SaveThread();
    while (atomic_load(&parked) < WORKERS) {
        usleep(PARKED_US);
    }
    PyEval_RestoreThread(state);
    Py_RETURN_NONE;
}

static PyObject *resume_all(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    PyThreadState *state = PyEval_SaveThread();
    atomic_store(&paused, false);
    while (atomic_load(&parked) > 0) {
        usleep(PARKED_US);
    }
    PyEval_RestoreThread(state);
    Py_RETURN_NONE;
}

/* open_book(): all traces were cleared. To be called while the workers are parked. */
static PyObject *open_book(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        records[i].traced = false;
    }
    Py_RETURN_NONE;
}

/* book(): [(foreign, size), ...] of all blocks that must have a trace. */
static PyObject *book(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < sizeof records / sizeof *records; i++) {
        struct record record = records[i];
        if (record.block == NULL || !record.traced) {
            continue;
        }
        PyObject *entry = Py_BuildValue("(Nn)", PyBool_FromLong(record.kind == BY_FOREIGN),
                                        (Py_ssize_t)record.size);
        if (entry == NULL || PyList_Append(list, entry) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(entry);
    }
    return list;
}

static PyObject *calls(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    uint64_t sum = 0;
    for (int i = 0; i < WORKERS; i++) {
        sum += atomic_load_explicit(&workers[i].calls, memory_order_relaxed);
    }
    return PyLong_FromUnsignedLongLong(sum);
}

/* end(): the workers return; their blocks stay. To be called while they are parked. */
static PyObject *end(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    atomic_store(&ended, true);
    atomic_store(&paused, false);
    PyThreadState *state = PyEval_SaveThread();
    for (int i = 0; i < FOREIGN; i++) {
        pthread_join(workers[i].thread, NULL);
    }
    PyEval_RestoreThread(state);
    Py_RETURN_NONE;
}

/* free_all(): after end(). */
static PyObject *free_all(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        if (records[i].block != NULL) {
            call_free(records[i].domain, records[i].block);
            records[i].block = NULL;
        }
    }
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"begin", begin, METH_O, NULL},
    {"work", work, METH_O, NULL},
    {"pause", pause_all, METH_NOARGS, NULL},
    {"resume", resume_all, METH_NOARGS, NULL},
    {"open_book", open_book, METH_NOARGS, NULL},
    {"book", book, METH_NOARGS, NULL},
    {"calls", calls, METH_NOARGS, NULL},
    {"end", end, METH_NOARGS, NULL},
    {"free_all", free_all, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "ctm_stress", .m_size = -1,
                                        .m_methods = methods};

PyMODINIT_FUNC PyInit_ctm_stress(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module != NULL && (PyModule_AddIntConstant(module, "FOREIGN", FOREIGN) < 0 ||
                           PyModule_AddIntConstant(module, "WORKERS", WORKERS) < 0)) {
        Py_CLEAR(module);
    }
    return module;
}
