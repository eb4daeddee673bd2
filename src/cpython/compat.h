/*
 * Which interpreters this builds for, and public API that not all of them have.
 *
 * Version conditions stand here and, for struct layouts, in interpreter_frame.h, frames.c and
 * frames_check.c: nowhere else.
 */
#ifndef CTM_CPYTHON_COMPAT_H
#define CTM_CPYTHON_COMPAT_H

#include <Python.h>
#include <stdbool.h>

#if PY_VERSION_HEX < 0x030B0000
#error "ctracemalloc supports CPython 3.11 to 3.15: this one is older"
#endif
#if PY_VERSION_HEX >= 0x03100000
#error "ctracemalloc supports CPython 3.11 to 3.15: this one is newer and was never tested"
#endif
#ifdef Py_GIL_DISABLED
#error "ctracemalloc does not support free-threaded builds of CPython yet"
#endif

/* Whether the attached thread state is kept once for the process and not for each thread, so that a
 * detached thread cannot be asked for its own. */
#define CTM_ONE_ATTACHED_STATE (PY_VERSION_HEX < 0x030C0000)

/* The thread state that is attached, NULL if none is. 3.11: whoever's holds the GIL, maybe another
 * thread's. 3.12+: the calling thread's. */
static inline PyThreadState *ctm_attached_state(void)
{
#if PY_VERSION_HEX >= 0x030D0000
    return PyThreadState_GetUnchecked();
#else
    return _PyThreadState_UncheckedGet();
#endif
}

/* Whether the interpreter is at its end, and detached threads do not come back to it. */
static inline bool ctm_is_finalizing(void)
{
#if PY_VERSION_HEX >= 0x030D0000
    return Py_IsFinalizing() != 0;
#else
    return _Py_IsFinalizing() != 0;
#endif
}

#if PY_VERSION_HEX >= 0x030D0000
#define CTM_HAVE_REF_TRACER 1
#else
#define CTM_HAVE_REF_TRACER 0
/* Never called: it keeps the callers free of conditions. */
typedef enum { PyRefTracer_CREATE = 0 } PyRefTracerEvent;
typedef int (*PyRefTracer)(PyObject *, PyRefTracerEvent, void *);
static inline int PyRefTracer_SetTracer(PyRefTracer tracer, void *data)
{
    (void)tracer;
    (void)data;
    return 0;
}
static inline PyRefTracer PyRefTracer_GetTracer(void **data)
{
    *data = NULL;
    return NULL;
}
#endif

/* Bytes between the start of an object's block and the object. */
static inline size_t ctm_object_preheader(const PyObject *object)
{
    unsigned long flags = Py_TYPE(object)->tp_flags; /* PyType_GetFlags is a call */
#if PY_VERSION_HEX >= 0x030C0000
    const unsigned long managed = Py_TPFLAGS_MANAGED_DICT | Py_TPFLAGS_MANAGED_WEAKREF;
#else
    const unsigned long managed = 1UL << 4; /* Py_TPFLAGS_MANAGED_DICT, not public in 3.11 */
#endif
    size_t size = 0;
    if ((flags & (Py_TPFLAGS_HAVE_GC | managed)) != 0) {
        size += (flags & Py_TPFLAGS_HAVE_GC) != 0 ? 2 * sizeof(void *) : 0;
        size += (flags & managed) != 0 ? 2 * sizeof(void *) : 0;
    }
    return size;
}

#endif
