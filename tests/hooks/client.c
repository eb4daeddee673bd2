/* A module that reports its memory by ctracemalloc.h. Built by test_domains.py. */
#include <ctracemalloc.h>
#include <pthread.h>

static const struct ctracemalloc_api *tracer;
static char block[64];

static PyObject *find(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    tracer = ctracemalloc_api();
    return PyBool_FromLong(tracer != NULL);
}

static PyObject *track(PyObject *module, PyObject *size)
{
    (void)module;
    return PyLong_FromLong(ctracemalloc_track(tracer, 77, block, PyLong_AsSize_t(size)));
}

static PyObject *untrack(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyLong_FromLong(ctracemalloc_untrack(tracer, 77, block));
}

static void *untrack_in_thread(void *result)
{
    *(int *)result = ctracemalloc_untrack(tracer, 77, block);
    return NULL;
}

static PyObject *untrack_elsewhere(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    pthread_t thread;
    int result = -100;
    if (pthread_create(&thread, NULL, untrack_in_thread, &result) == 0) {
        pthread_join(thread, NULL);
    }
    return PyLong_FromLong(result);
}

static PyMethodDef methods[] = {
    {"find", find, METH_NOARGS, NULL},
    {"track", track, METH_O, NULL},
    {"untrack", untrack, METH_NOARGS, NULL},
    {"untrack_elsewhere", untrack_elsewhere, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "ctm_client", .m_size = -1,
                                        .m_methods = methods};

PyMODINIT_FUNC PyInit_ctm_client(void)
{
    return PyModule_Create(&definition);
}
