/*
 * A module for the tests of the hooks: what only C code can do to an interpreter's allocators.
 *
 * Built by conftest.py for the interpreter that runs the tests.
 */
#include <Python.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- raw blocks from threads ---- */

struct job {
    size_t size;
    size_t count;
    size_t freed; /* of `count`, how many are freed again */
    void **blocks;
};

static void *allocate_raw(void *argument)
{
    struct job *job = argument;
    for (size_t i = 0; i < job->count; i++) {
        job->blocks[i] = PyMem_RawMalloc(job->size);
    }
    for (size_t i = 0; i < job->freed; i++) {
        PyMem_RawFree(job->blocks[i]);
    }
    return NULL;
}

static PyObject *capsule_of(struct job *job)
{
    PyObject *addresses = PyList_New(0);
    for (size_t i = job->freed; addresses != NULL && i < job->count; i++) {
        PyObject *address = PyLong_FromVoidPtr(job->blocks[i]);
        if (address == NULL || PyList_Append(addresses, address) < 0) {
            Py_CLEAR(addresses);
        }
        Py_XDECREF(address);
    }
    free(job->blocks);
    return addresses;
}

/* raw_in_foreign_thread(size, count, freed): a C thread that Python never saw allocates while the
 * caller holds the GIL and waits. Returns the addresses that are left. */
static PyObject *raw_in_foreign_thread(PyObject *module, PyObject *args)
{
    (void)module;
    struct job job = {0};
    if (!PyArg_ParseTuple(args, "nnn", &job.size, &job.count, &job.freed)) {
        return NULL;
    }
    job.blocks = calloc(job.count, sizeof *job.blocks);
    pthread_t thread;
    pthread_create(&thread, NULL, allocate_raw, &job);
    pthread_join(thread, NULL);
    return capsule_of(&job);
}

#if PY_VERSION_HEX < 0x030C0000
/* raw_beside_unreadable_state(size, count, freed): the same while the thread state that is attached
 * is memory that nobody may read, as another thread's is that ends. */
static PyObject *raw_beside_unreadable_state(PyObject *module, PyObject *args)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *unreadable = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (unreadable == MAP_FAILED) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    struct job job = {0};
    if (!PyArg_ParseTuple(args, "nnn", &job.size, &job.count, &job.freed)) {
        return NULL;
    }
    job.blocks = calloc(job.count, sizeof *job.blocks);
    pthread_t thread;
    PyThreadState *own = PyThreadState_Swap(unreadable);
    pthread_create(&thread, NULL, allocate_raw, &job);
    pthread_join(thread, NULL);
    PyThreadState_Swap(own);
    munmap(unreadable, page);
    return capsule_of(&job);
}
#endif

/* raw_detached(size, count, freed): the calling thread allocates with the GIL released. */
static PyObject *raw_detached(PyObject *module, PyObject *args)
{
    (void)module;
    struct job job = {0};
    if (!PyArg_ParseTuple(args, "nnn", &job.size, &job.count, &job.freed)) {
        return NULL;
    }
    job.blocks = calloc(job.count, sizeof *job.blocks);
    Py_BEGIN_ALLOW_THREADS
    allocate_raw(&job);
    Py_END_ALLOW_THREADS
    return capsule_of(&job);
}

/* ---- a thread that Python never saw, by steps ---- */

struct visitor {
    pthread_t thread;
    pthread_barrier_t step;
    PyObject *function;
    struct job job;
};

static struct visitor visitor;

static void *visit(void *unused)
{
    (void)unused;
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *result = PyObject_CallNoArgs(visitor.function);
    if (result == NULL) {
        PyErr_Print();
    }
    Py_XDECREF(result);
    PyGILState_Release(state);
    pthread_barrier_wait(&visitor.step);
    pthread_barrier_wait(&visitor.step);
    return allocate_raw(&visitor.job);
}

/* visitor_calls(function): a C thread attaches, calls, and gives its thread state back. */
static PyObject *visitor_calls(PyObject *module, PyObject *function)
{
    (void)module;
    visitor.function = Py_NewRef(function);
    pthread_barrier_init(&visitor.step, NULL, 2);
    pthread_create(&visitor.thread, NULL, visit, NULL);
    Py_BEGIN_ALLOW_THREADS
    pthread_barrier_wait(&visitor.step);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

/* visitor_allocates(size, count): it allocates raw blocks, and ends. Returns their addresses. */
static PyObject *visitor_allocates(PyObject *module, PyObject *args)
{
    (void)module;
    if (!PyArg_ParseTuple(args, "nn", &visitor.job.size, &visitor.job.count)) {
        return NULL;
    }
    visitor.job.blocks = calloc(visitor.job.count, sizeof *visitor.job.blocks);
    Py_BEGIN_ALLOW_THREADS
    pthread_barrier_wait(&visitor.step);
    pthread_join(visitor.thread, NULL);
    Py_END_ALLOW_THREADS
    Py_CLEAR(visitor.function);
    return capsule_of(&visitor.job);
}

/* ---- single calls ---- */

enum domain { RAW, MEM, OBJ };

static void *call_malloc(int domain, size_t size)
{
    return domain == RAW   ? PyMem_RawMalloc(size)
           : domain == MEM ? PyMem_Malloc(size)
                           : PyObject_Malloc(size);
}

static void *call_realloc(int domain, void *block, size_t size)
{
    return domain == RAW   ? PyMem_RawRealloc(block, size)
           : domain == MEM ? PyMem_Realloc(block, size)
                           : PyObject_Realloc(block, size);
}

static void call_free(int domain, void *block)
{
    if (domain == RAW) {
        PyMem_RawFree(block);
    } else if (domain == MEM) {
        PyMem_Free(block);
    } else {
        PyObject_Free(block);
    }
}

static PyObject *py_malloc(PyObject *module, PyObject *args)
{
    (void)module;
    int domain;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "in", &domain, &size)) {
        return NULL;
    }
    return PyLong_FromVoidPtr(call_malloc(domain, (size_t)size));
}

static PyObject *py_calloc(PyObject *module, PyObject *args)
{
    (void)module;
    int domain;
    Py_ssize_t count;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "inn", &domain, &count, &size)) {
        return NULL;
    }
    void *block = domain == RAW   ? PyMem_RawCalloc((size_t)count, (size_t)size)
                  : domain == MEM ? PyMem_Calloc((size_t)count, (size_t)size)
                                  : PyObject_Calloc((size_t)count, (size_t)size);
    return PyLong_FromVoidPtr(block);
}

/* Returns the new address, 0 if the call failed. */
static PyObject *py_realloc(PyObject *module, PyObject *args)
{
    (void)module;
    int domain;
    PyObject *address;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "iOn", &domain, &address, &size)) {
        return NULL;
    }
    return PyLong_FromVoidPtr(call_realloc(domain, PyLong_AsVoidPtr(address), (size_t)size));
}

static PyObject *py_free(PyObject *module, PyObject *args)
{
    (void)module;
    int domain;
    PyObject *address;
    if (!PyArg_ParseTuple(args, "iO", &domain, &address)) {
        return NULL;
    }
    call_free(domain, PyLong_AsVoidPtr(address));
    Py_RETURN_NONE;
}

/* ---- another hooker ---- */

/* What a layer does beside handing calls on. */
enum habit {
    NO_HABIT,
    CACHE_SMALL, /* serves the smallest blocks itself */
    KEEP_BOOKS,  /* takes raw memory for a moment at each malloc */
    LOG_FREES,   /* takes raw memory at a free, and gives it back at the next malloc */
    GROW_LOG,    /* ... where it is moved before */
    CACHE_LARGE, /* serves one block of 512 KiB and more itself */
};

struct layer {
    PyMemAllocatorEx below;
    size_t calls;
    bool fail_realloc;
    bool wrong_ctx; /* a call came with a ctx that is not ours */
    void *again;    /* what the next malloc hands out a second time */
    bool on;
    enum habit habit;
};

/* One for each domain, and its twin: see layer_change. */
static struct layer layers[6];

/* Of all three domains, once layer_refuse was called: */
static struct {
    long asked; /* pieces of memory */
    long nth;   /* which of them is refused; 0: none */
} layer_requests;

static bool layer_refuses(void)
{
    return ++layer_requests.asked == layer_requests.nth;
}

static struct layer *layer_of(void *ctx)
{
    struct layer *layer = ctx;
    if (layer < layers || layer >= layers + 6) {
        layers[0].wrong_ctx = true;
        return &layers[OBJ];
    }
    layer->calls++;
    return layer;
}

enum { SMALL = 8, SMALL_BLOCKS = 64 };
static union {
    char block[SMALL];
    max_align_t align;
} small_blocks[SMALL_BLOCKS];
static bool small_used[SMALL_BLOCKS];

static void *take_small(size_t size)
{
    for (int i = 0; size <= SMALL && i < SMALL_BLOCKS; i++) {
        if (!small_used[i]) {
            small_used[i] = true;
            return small_blocks[i].block;
        }
    }
    return NULL;
}

static bool give_small(const void *block)
{
    uintptr_t offset = (uintptr_t)block - (uintptr_t)small_blocks;
    if (offset >= sizeof small_blocks) {
        return false;
    }
    small_used[offset / sizeof *small_blocks] = false;
    return true;
}

enum { LARGE = 1 << 19 };
static void *large_block;

static void *take_large(size_t size)
{
    if (size < LARGE || large_block != NULL) {
        return NULL;
    }
    large_block = malloc(size);
    return large_block;
}

static bool give_large(void *block)
{
    if (block == NULL || block != large_block) {
        return false;
    }
    free(block);
    large_block = NULL;
    return true;
}

enum { LOG_SIZE = 54321 };
static void *frees_log;
static void *volatile hole;

static void log_free(void)
{
    if (frees_log == NULL) {
        frees_log = PyMem_RawMalloc(LOG_SIZE);
    }
}

static void close_log(bool grow)
{
    if (grow && frees_log != NULL) {
        void *moved = PyMem_RawRealloc(frees_log, 2 * LOG_SIZE);
        if (moved == NULL) {
            return;
        }
        frees_log = moved;
    }
    if (frees_log != NULL) {
        PyMem_RawFree(frees_log);
        frees_log = NULL;
        hole = malloc(LOG_SIZE); /* the next log lies elsewhere */
    }
}

static void *layer_malloc(void *ctx, size_t size)
{
    struct layer *layer = layer_of(ctx);
    if (layer->habit == KEEP_BOOKS) {
        PyMem_RawFree(PyMem_RawMalloc(24));
    } else if (layer->habit == LOG_FREES || layer->habit == GROW_LOG) {
        close_log(layer->habit == GROW_LOG);
    }
    void *cached = layer->habit == CACHE_SMALL   ? take_small(size)
                   : layer->habit == CACHE_LARGE ? take_large(size)
                                                 : NULL;
    if (cached != NULL) {
        return cached;
    }
    if (layer->again != NULL) {
        void *block = layer->again;
        layer->again = NULL;
        return block;
    }
    return layer_refuses() ? NULL : layer->below.malloc(layer->below.ctx, size);
}

static void *layer_calloc(void *ctx, size_t count, size_t size)
{
    struct layer *layer = layer_of(ctx);
    return layer_refuses() ? NULL : layer->below.calloc(layer->below.ctx, count, size);
}

static void *layer_realloc(void *ctx, void *block, size_t size)
{
    struct layer *layer = layer_of(ctx);
    if ((layer->fail_realloc && block != NULL) || layer_refuses()) {
        return NULL;
    }
    if (give_small(block)) {
        void *moved = layer->below.malloc(layer->below.ctx, size);
        return moved == NULL ? NULL : memcpy(moved, block, size < SMALL ? size : SMALL);
    }
    return layer->below.realloc(layer->below.ctx, block, size);
}

static void layer_free(void *ctx, void *block)
{
    struct layer *layer = layer_of(ctx);
    if (layer->habit == LOG_FREES || layer->habit == GROW_LOG) {
        log_free();
    }
    if (!give_small(block) && !give_large(block)) {
        layer->below.free(layer->below.ctx, block);
    }
}

static const PyMemAllocatorDomain domains[3] = {PYMEM_DOMAIN_RAW, PYMEM_DOMAIN_MEM,
                                                PYMEM_DOMAIN_OBJ};

/* layer_on(domain, habit): hook a domain, by default all three of them. layer_off(): put back what
 * was there, whatever is on top. */
static PyObject *layer_on(PyObject *module, PyObject *args)
{
    (void)module;
    int only = -1;
    int habit = NO_HABIT;
    if (!PyArg_ParseTuple(args, "|ii", &only, &habit)) {
        return NULL;
    }
    for (int i = 0; i < 3; i++) {
        if (only >= 0 && i != only) {
            continue;
        }
        layers[i] = (struct layer){.on = true, .habit = (enum habit)habit};
        PyMem_GetAllocator(domains[i], &layers[i].below);
        PyMemAllocatorEx ours = {&layers[i], layer_malloc, layer_calloc, layer_realloc, layer_free};
        PyMem_SetAllocator(domains[i], &ours);
    }
    Py_RETURN_NONE;
}

static PyObject *layer_off(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    for (int i = 0; i < 3; i++) {
        if (layers[i].on) {
            PyMem_SetAllocator(domains[i], &layers[i].below);
        }
    }
    Py_RETURN_NONE;
}

static void *other_malloc(void *ctx, size_t size)
{
    return layer_malloc(ctx, size);
}

static void *other_calloc(void *ctx, size_t count, size_t size)
{
    return layer_calloc(ctx, count, size);
}

static void *other_realloc(void *ctx, void *block, size_t size)
{
    return layer_realloc(ctx, block, size);
}

static void other_free(void *ctx, void *block)
{
    layer_free(ctx, block);
}

/* layer_change(domain, part): put another ctx (0) or function (1 to 4: malloc, calloc, realloc,
 * free) into a layer that is on top; all else of it stays. */
static PyObject *layer_change(PyObject *module, PyObject *args)
{
    (void)module;
    int domain;
    int part;
    if (!PyArg_ParseTuple(args, "ii", &domain, &part)) {
        return NULL;
    }
    PyMemAllocatorEx top;
    PyMem_GetAllocator(domains[domain], &top);
    layers[3 + domain] = layers[domain];
    top.ctx = part == 0 ? &layers[3 + domain] : top.ctx;
    top.malloc = part == 1 ? other_malloc : top.malloc;
    top.calloc = part == 2 ? other_calloc : top.calloc;
    top.realloc = part == 3 ? other_realloc : top.realloc;
    top.free = part == 4 ? other_free : top.free;
    PyMem_SetAllocator(domains[domain], &top);
    Py_RETURN_NONE;
}

static PyObject *layer_fail_realloc(PyObject *module, PyObject *value)
{
    (void)module;
    for (int i = 0; i < 3; i++) {
        layers[i].fail_realloc = value == Py_True;
    }
    Py_RETURN_NONE;
}

/* layer_refuse(nth): from now on, count what is asked for, and refuse the nth of it; 0: nothing. */
static PyObject *layer_refuse(PyObject *module, PyObject *nth)
{
    (void)module;
    layer_requests.asked = 0;
    layer_requests.nth = PyLong_AsLong(nth);
    Py_RETURN_NONE;
}

static PyObject *layer_asked(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    long asked = layer_requests.asked;
    layer_requests.nth = 0;
    return PyLong_FromLong(asked);
}

/* malloc_again(domain, address, size): our layer hands out a block a second time, as if it had been
 * freed below whatever is on top of the layer. */
static PyObject *malloc_again(PyObject *module, PyObject *args)
{
    (void)module;
    int domain;
    PyObject *address;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "iOn", &domain, &address, &size)) {
        return NULL;
    }
    layers[domain].again = PyLong_AsVoidPtr(address);
    return PyLong_FromVoidPtr(call_malloc(domain, (size_t)size));
}

static PyObject *layer_info(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return Py_BuildValue("(nnnO)", (Py_ssize_t)layers[0].calls, (Py_ssize_t)layers[1].calls,
                         (Py_ssize_t)layers[2].calls, layers[0].wrong_ctx ? Py_True : Py_False);
}

/* The function pointers and ctx of a domain's allocator: (ctx, malloc, calloc, realloc, free). */
static PyObject *allocator_of(PyObject *module, PyObject *domain)
{
    (void)module;
    PyMemAllocatorEx top;
    PyMem_GetAllocator(domains[PyLong_AsLong(domain)], &top);
    return Py_BuildValue("(NNNNN)", PyLong_FromVoidPtr(top.ctx),
                         PyLong_FromVoidPtr((void *)(uintptr_t)top.malloc),
                         PyLong_FromVoidPtr((void *)(uintptr_t)top.calloc),
                         PyLong_FromVoidPtr((void *)(uintptr_t)top.realloc),
                         PyLong_FromVoidPtr((void *)(uintptr_t)top.free));
}

static PyMemAllocatorEx kept[3];

/* keep_allocator(domain): remember what is on top, as a tool does that hooks there.
 * put_back_allocator(domain): as it does when it goes. */
static PyObject *keep_allocator(PyObject *module, PyObject *domain)
{
    (void)module;
    long i = PyLong_AsLong(domain);
    PyMem_GetAllocator(domains[i], &kept[i]);
    Py_RETURN_NONE;
}

static PyObject *put_back_allocator(PyObject *module, PyObject *domain)
{
    (void)module;
    long i = PyLong_AsLong(domain);
    PyMem_SetAllocator(domains[i], &kept[i]);
    Py_RETURN_NONE;
}

/* ---- another ref tracer ---- */

#if PY_VERSION_HEX >= 0x030D0000
static size_t births;
static int cookie;
static size_t removals;
static bool wrong_data;

static int count_births(PyObject *object, PyRefTracerEvent event, void *data)
{
    removals += object == NULL;
    births += event == PyRefTracer_CREATE;
    wrong_data = wrong_data || data != &cookie;
    return 0;
}

static PyObject *ref_tracer_on(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    births = 0;
    removals = 0;
    return PyRefTracer_SetTracer(count_births, &cookie) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *ref_tracer_off(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyRefTracer_SetTracer(NULL, NULL) < 0 ? NULL : Py_NewRef(Py_None);
}

/* (births counted, whether the tracer in place is ours, whether its data was wrong, how often it
 * was told that it was replaced) */
static PyObject *ref_tracer_info(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    void *data;
    bool ours = PyRefTracer_GetTracer(&data) == count_births && data == &cookie;
    return Py_BuildValue("(nOOn)", (Py_ssize_t)births, ours ? Py_True : Py_False,
                         wrong_data ? Py_True : Py_False, (Py_ssize_t)removals);
}

/* Two that hand on what they are told to whom they found. */
static struct link {
    PyRefTracer next;
    void *next_data;
    size_t births;
} links[2];

static int count_and_hand_on(PyObject *object, PyRefTracerEvent event, void *data)
{
    struct link *link = data;
    link->births += event == PyRefTracer_CREATE && object != NULL;
    return link->next == NULL ? 0 : link->next(object, event, link->next_data);
}

static int hand_on_without_data_0(PyObject *object, PyRefTracerEvent event, void *data)
{
    return data != NULL ? -1 : count_and_hand_on(object, event, &links[0]);
}

static int hand_on_without_data_1(PyObject *object, PyRefTracerEvent event, void *data)
{
    return data != NULL ? -1 : count_and_hand_on(object, event, &links[1]);
}

/* link_on(number, with_data): it comes in front of whoever is there. */
static PyObject *link_on(PyObject *module, PyObject *args)
{
    (void)module;
    int number;
    int with_data;
    if (!PyArg_ParseTuple(args, "ip", &number, &with_data)) {
        return NULL;
    }
    struct link *link = &links[number];
    link->births = 0;
    link->next = PyRefTracer_GetTracer(&link->next_data);
    int result = with_data
                     ? PyRefTracer_SetTracer(count_and_hand_on, link)
                     : PyRefTracer_SetTracer(
                           number == 0 ? hand_on_without_data_0 : hand_on_without_data_1, NULL);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *link_births(PyObject *module, PyObject *number)
{
    (void)module;
    return PyLong_FromSize_t(links[PyLong_AsLong(number)].births);
}

/* ref_tracer_torn(object): whoever is in place is told of it with the data of somebody else, as by
 * one who reads the pair while it is written. */
static PyObject *ref_tracer_torn(PyObject *module, PyObject *object)
{
    (void)module;
    void *data;
    PyRefTracer tracer = PyRefTracer_GetTracer(&data);
    return PyLong_FromLong(tracer(object, PyRefTracer_CREATE, &links[1]));
}

/* What the tracer in place is registered with. */
static PyObject *ref_tracer_data(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    void *data;
    (void)PyRefTracer_GetTracer(&data);
    return PyLong_FromVoidPtr(data);
}

/* Tell whichever tracer is in place of events that it cannot know. */
static PyObject *ref_tracer_strange_events(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    void *data;
    PyRefTracer tracer = PyRefTracer_GetTracer(&data);
    int result = tracer(NULL, PyRefTracer_CREATE, data);
    result |= tracer(NULL, (PyRefTracerEvent)2, data);
    result |= tracer(NULL, (PyRefTracerEvent)99, data);
    return PyLong_FromLong(result);
}
#endif

static PyMethodDef methods[] = {
    {"raw_in_foreign_thread", raw_in_foreign_thread, METH_VARARGS, NULL},
#if PY_VERSION_HEX < 0x030C0000
    {"raw_beside_unreadable_state", raw_beside_unreadable_state, METH_VARARGS, NULL},
#endif
    {"raw_detached", raw_detached, METH_VARARGS, NULL},
    {"visitor_calls", visitor_calls, METH_O, NULL},
    {"visitor_allocates", visitor_allocates, METH_VARARGS, NULL},
    {"malloc", py_malloc, METH_VARARGS, NULL},
    {"calloc", py_calloc, METH_VARARGS, NULL},
    {"realloc", py_realloc, METH_VARARGS, NULL},
    {"free", py_free, METH_VARARGS, NULL},
    {"layer_on", layer_on, METH_VARARGS, NULL},
    {"layer_off", layer_off, METH_NOARGS, NULL},
    {"layer_change", layer_change, METH_VARARGS, NULL},
    {"layer_fail_realloc", layer_fail_realloc, METH_O, NULL},
    {"malloc_again", malloc_again, METH_VARARGS, NULL},
    {"layer_refuse", layer_refuse, METH_O, NULL},
    {"layer_asked", layer_asked, METH_NOARGS, NULL},
    {"layer_info", layer_info, METH_NOARGS, NULL},
    {"allocator_of", allocator_of, METH_O, NULL},
    {"keep_allocator", keep_allocator, METH_O, NULL},
    {"put_back_allocator", put_back_allocator, METH_O, NULL},
#if PY_VERSION_HEX >= 0x030D0000
    {"ref_tracer_on", ref_tracer_on, METH_NOARGS, NULL},
    {"ref_tracer_off", ref_tracer_off, METH_NOARGS, NULL},
    {"ref_tracer_info", ref_tracer_info, METH_NOARGS, NULL},
    {"link_on", link_on, METH_VARARGS, NULL},
    {"link_births", link_births, METH_O, NULL},
    {"ref_tracer_torn", ref_tracer_torn, METH_O, NULL},
    {"ref_tracer_data", ref_tracer_data, METH_NOARGS, NULL},
    {"ref_tracer_strange_events", ref_tracer_strange_events, METH_NOARGS, NULL},
#endif
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "ctm_native",
                                        .m_methods = methods, .m_slots = slots};

PyMODINIT_FUNC PyInit_ctm_native(void)
{
    return PyModuleDef_Init(&definition);
}
