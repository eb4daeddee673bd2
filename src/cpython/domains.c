#include "cpython/domains.h"

#include <ctracemalloc.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "base/redirect.h"
#include "cpython/block_frames.h"
#include "cpython/hooks.h"

enum { NOT_TRACING = -2, REDIRECTS = 3 };

typedef int (*track_function)(unsigned int domain, uintptr_t address, size_t size);
typedef int (*untrack_function)(unsigned int domain, uintptr_t address);
typedef PyObject *(*get_traceback_function)(unsigned int domain, uintptr_t address);

/* By the GIL, apart from the functions: those are written once, before anybody is led here. */
static struct {
    track_function track;
    untrack_function untrack;
    get_traceback_function get_traceback; /* NULL: this interpreter has none */
    struct ctm_redirected done;
    uint64_t loads; /* of libraries, when we last looked */
} interpreter;

static size_t redirect_count(void)
{
    return interpreter.get_traceback == NULL ? REDIRECTS - 1 : REDIRECTS;
}

/* ---- the relay: called by any thread, with the GIL or without ---- */

static int relay_track(unsigned int domain, uintptr_t address, size_t size)
{
    int ours = ctm_hooks_track(domain, address, size);
    int theirs = interpreter.track(domain, address, size);
    return ours == NOT_TRACING ? theirs : ours;
}

static int relay_untrack(unsigned int domain, uintptr_t address)
{
    int ours = ctm_hooks_untrack(domain, address);
    int theirs = interpreter.untrack(domain, address);
    return ours == NOT_TRACING ? theirs : ours;
}

/* The question that belongs to the reports; with the GIL. */
static PyObject *relay_get_traceback(unsigned int domain, uintptr_t address)
{
    return ctm_hooks_tracing() ? ctm_block_frames(domain, address)
                               : interpreter.get_traceback(domain, address);
}

static void find_functions(void)
{
    /* Our own slots will be redirected with all others; and a program's stub leads to us then. */
    uintptr_t track = ctm_redirect_target("PyTraceMalloc_Track", (uintptr_t)PyTraceMalloc_Track);
    uintptr_t untrack =
        ctm_redirect_target("PyTraceMalloc_Untrack", (uintptr_t)PyTraceMalloc_Untrack);
    /* No part of the documented API: it may be gone one day. */
    const char *name = "_PyTraceMalloc_GetTraceback";
    uintptr_t get_traceback = ctm_redirect_target(name, (uintptr_t)dlsym(RTLD_DEFAULT, name));
    memcpy(&interpreter.track, &track, sizeof track);
    memcpy(&interpreter.untrack, &untrack, sizeof untrack);
    memcpy(&interpreter.get_traceback, &get_traceback, sizeof get_traceback);
}

void ctm_domains_relay(void)
{
    if (interpreter.track == NULL) {
        find_functions();
    }
    uint64_t loads = ctm_redirect_loads();
    if (loads == interpreter.loads) {
        return;
    }
    interpreter.loads = loads;
    const struct ctm_redirect redirects[REDIRECTS] = {
        {"PyTraceMalloc_Track", (uintptr_t)interpreter.track, (uintptr_t)relay_track},
        {"PyTraceMalloc_Untrack", (uintptr_t)interpreter.untrack, (uintptr_t)relay_untrack},
        {"_PyTraceMalloc_GetTraceback", (uintptr_t)interpreter.get_traceback,
         (uintptr_t)relay_get_traceback},
    };
    ctm_redirect_calls(redirects, redirect_count(), &interpreter.done);
}

struct ctm_relay_info ctm_domains_info(void)
{
    return (struct ctm_relay_info){
        .slots = interpreter.done.slots,
        .refused = interpreter.done.refused,
        .later = interpreter.done.symbols == redirect_count(),
    };
}

/* ---- our own API ---- */

static const struct ctracemalloc_api api = {
    .version = CTRACEMALLOC_API_VERSION,
    .size = sizeof api,
    .track = ctm_hooks_track,
    .untrack = ctm_hooks_untrack,
};

/* Of an integer of any type, numpy's among them. -1 with an exception. */
static int parse_word(PyObject *value, size_t *word)
{
    PyObject *number = PyNumber_Index(value);
    *word = number == NULL ? (size_t)-1 : PyLong_AsSize_t(number);
    Py_XDECREF(number);
    return *word == (size_t)-1 && PyErr_Occurred() ? -1 : 0;
}

static int parse_domain(PyObject *value, unsigned int *domain)
{
    size_t number;
    if (parse_word(value, &number) < 0) {
        return -1;
    }
    if (number > UINT_MAX) {
        PyErr_Format(PyExc_OverflowError, "domain must be in range [0; %u], not %zu", UINT_MAX,
                     number);
        return -1;
    }
    *domain = (unsigned int)number;
    return 0;
}

static bool has_arguments(const char *function, Py_ssize_t given, Py_ssize_t wanted)
{
    if (given != wanted) {
        PyErr_Format(PyExc_TypeError, "%s expected %zd arguments, got %zd", function, wanted,
                     given);
    }
    return given == wanted;
}

PyDoc_STRVAR(track_doc,
             "track($module, domain, address, size, /)\n"
             "--\n"
             "\n"
             "Report a live block of memory that does not come from Python's allocators.\n"
             "\n"
             "It counts as size bytes of the domain, with the traceback of this call; a block\n"
             "that was there at the address is replaced. Return whether it was noted: False if\n"
             "memory is not traced, or if there was no memory for the trace (get_dropped()).");

static PyObject *track(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    unsigned int domain;
    size_t address;
    size_t size;
    if (!has_arguments("track", count, 3) || parse_domain(args[0], &domain) < 0 ||
        parse_word(args[1], &address) < 0 || parse_word(args[2], &size) < 0) {
        return NULL;
    }
    return PyBool_FromLong(ctm_hooks_track(domain, address, size) == 0);
}

PyDoc_STRVAR(untrack_doc,
             "untrack($module, domain, address, /)\n"
             "--\n"
             "\n"
             "Report that a block is gone. Nothing if the address has no trace in the domain.");

static PyObject *untrack(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    unsigned int domain;
    size_t address;
    if (!has_arguments("untrack", count, 2) || parse_domain(args[0], &domain) < 0 ||
        parse_word(args[1], &address) < 0) {
        return NULL;
    }
    (void)ctm_hooks_untrack(domain, address); /* not tracing: there is no trace either */
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"track", (PyCFunction)(void (*)(void))track, METH_FASTCALL, track_doc},
    {"untrack", (PyCFunction)(void (*)(void))untrack, METH_FASTCALL, untrack_doc},
    {NULL, NULL, 0, NULL},
};

int ctm_domains_add(PyObject *module)
{
    if (PyModule_AddFunctions(module, methods) < 0) {
        return -1;
    }
    /* A capsule's pointer is not const; nobody writes there. */
    PyObject *capsule = PyCapsule_New((void *)(uintptr_t)&api, CTRACEMALLOC_API_NAME, NULL);
    if (capsule == NULL) {
        return -1;
    }
    int result = PyModule_AddObjectRef(module, "C_API", capsule);
    Py_DECREF(capsule);
    return result;
}
