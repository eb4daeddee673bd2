/*
 * Hooks that do nothing: what any tracer costs before it has done anything, since the interpreter
 * calls it and it calls on. Built into a benchmark's venv by its "prepare".
 */
#include <Python.h>

#define DOMAINS 3

/* The allocators that were there. */
static PyMemAllocatorEx wrapped[DOMAINS];

static void *pass_malloc(void *ctx, size_t size)
{
    const PyMemAllocatorEx *inner = ctx;
    return inner->malloc(inner->ctx, size);
}

static void *pass_calloc(void *ctx, size_t count, size_t size)
{
    const PyMemAllocatorEx *inner = ctx;
    return inner->calloc(inner->ctx, count, size);
}

static void *pass_realloc(void *ctx, void *block, size_t size)
{
    const PyMemAllocatorEx *inner = ctx;
    return inner->realloc(inner->ctx, block, size);
}

static void pass_free(void *ctx, void *block)
{
    const PyMemAllocatorEx *inner = ctx;
    inner->free(inner->ctx, block);
}

#if PY_VERSION_HEX >= 0x030D0000
static int ignore_reference(PyObject *object, PyRefTracerEvent event, void *data)
{
    (void)object;
    (void)event;
    (void)data;
    return 0;
}

static int trace_references(void)
{
    return PyRefTracer_SetTracer(ignore_reference, NULL);
}
#else
static int trace_references(void)
{
    PyErr_SetString(PyExc_NotImplementedError, "before 3.13 no tool is told of reuse");
    return -1;
}
#endif

static PyObject *start(PyObject *module, PyObject *args)
{
    (void)module;
    int follow_reuse;
    if (!PyArg_ParseTuple(args, "p", &follow_reuse)) {
        return NULL;
    }
    for (int domain = 0; domain < DOMAINS; domain++) {
        PyMemAllocatorEx hooks = {&wrapped[domain], pass_malloc, pass_calloc, pass_realloc,
                                  pass_free};
        PyMem_GetAllocator((PyMemAllocatorDomain)domain, &wrapped[domain]);
        PyMem_SetAllocator((PyMemAllocatorDomain)domain, &hooks);
    }
    if (follow_reuse && trace_references() < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"start", start, METH_VARARGS, "Hook all allocators, and references if told so; once."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "noop_hooks",
    .m_size = -1,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit_noop_hooks(void)
{
    return PyModule_Create(&definition);
}
