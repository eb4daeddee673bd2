/*
 * What the files of the hooks share: the one tracer of the process with what guards it, what the
 * calling thread is about, and the functions that are put in place.
 *
 *   hooks.c        the functions themselves, and what libraries report
 *   hook_chain.c   their place in the chain of each domain's allocators
 *   tracing.c      the life of tracing: start, stop, threads, forks, the interpreter's end
 *   tracing_info.c what can be asked of it
 */
#ifndef CTM_CPYTHON_HOOKS_STATE_H
#define CTM_CPYTHON_HOOKS_STATE_H

#include <Python.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/gate.h"
#include "cpython/compat.h"
#include "cpython/frames.h"
#include "cpython/hooks.h"
#include "engine/tracer.h"

/* Of the thread's state; an option of the build. */
#ifndef CTM_TLS_MODEL
#define CTM_TLS_MODEL "initial-exec"
#endif

enum { CTM_DOMAINS = 3 }; /* of allocators: raw, mem, obj */

/* Small and plain, since it is looked at in every call; anything large hangs on `walker`. */
struct ctm_thread_local {
    struct ctm_walker *walker;
    /* The block allocated last, for whose object's birth is not a reuse. */
    uintptr_t last_address;
    size_t last_size;
    /* Inside the wrapped allocator: what it allocates in turn is part of the same block. */
    bool inside;
    /* Inside too, but the thread looks for our hooks of a domain, here 1 + its number, else 0: they
     * answer by setting `found`. */
    uint8_t probed;
    bool found;
    /* So often told to overlook: what the thread allocates leaves no trace. Asked for
     * on the slow ways only, since the gate is not biased meanwhile. */
    uint32_t overlooking;
    uintptr_t overlooked; /* the last of these blocks */
};

extern _Thread_local struct ctm_thread_local ctm_thread_state
    __attribute__((tls_model(CTM_TLS_MODEL)));

/* The process has one set of allocators, so there is one tracer. Guarded by the gate, apart from
 * `gate` itself and what says otherwise. */
struct ctm_hooks {
    struct ctm_gate gate;
    struct ctm_tracer tracer;
    struct ctm_capture_options capture;
    struct ctm_pages walker_pages;
    struct ctm_walker *walkers; /* all of them */
    struct ctm_walker *unused;  /* of threads that are gone */
    uint32_t overlookers;       /* threads that are told to overlook */
    /* By the GIL: */
    struct ctm_start_options options;
    bool initialised;
    bool checked; /* the frame walk, once */
    /* With this life of the interpreter: */
    bool exit_registered;
    bool ending_registered; /* with the main interpreter, which may have come later */
    /* Set under the gate, for the rest of this life: */
    bool ending;
    PyThreadState *ending_state; /* of the thread that ends it */
    pthread_key_t thread_key;
};

extern struct ctm_hooks ctm_hooks;

/* What each domain's functions wrap; read without the gate, never freed. */
extern _Atomic(const PyMemAllocatorEx *) ctm_wrapped[CTM_DOMAINS];

static inline const PyMemAllocatorEx *ctm_inner(int domain)
{
    return atomic_load_explicit(&ctm_wrapped[domain], memory_order_acquire);
}

/*
 * A tracer of references that ours is, or was, in front of: read without the gate, never freed or
 * changed. The interpreter's pair of function and data is read in two steps, too: ours is
 * registered with the other's data, by which it knows in front of whom it was called, unless an
 * other's with the same data is among these; then with the address of this.
 */
struct ctm_next_ref_tracer {
    PyRefTracer tracer;
    void *data;
    void *key; /* what ours is registered with */
    const struct ctm_next_ref_tracer *older;
};

/* The newest; written with the GIL that all importers share. */
extern _Atomic(const struct ctm_next_ref_tracer *) ctm_next_ref_tracers;

/* Whom a registration of ours with that key is in front of; NULL: of none. */
const struct ctm_next_ref_tracer *ctm_next_of_registration(const void *key);

static inline struct ctm_seat *ctm_seat_of(const struct ctm_thread_local *self)
{
    return self->walker == NULL ? NULL : &self->walker->seat;
}

/* A walker has no thread: to be adopted by one that has none. Gate held. */
static inline void ctm_set_walker_aside(struct ctm_walker *walker)
{
    walker->next_unused = ctm_hooks.unused;
    ctm_hooks.unused = walker;
}

/* The GIL is held, so the caller is the owner unless its interpreter has a GIL of its own. The
 * mutex, not the bias: who waits for a long call should sleep. */
static inline enum ctm_pass ctm_hooks_enter(void)
{
    return ctm_gate_enter_mutex(&ctm_hooks.gate, ctm_state_has_main_gil(PyThreadState_Get()),
                                ctm_seat_of(&ctm_thread_state));
}

/* What is registered with the interpreter: by domain, with the ctx of what is wrapped; and the
 * tracer of references, alone or in front of another's. */
extern const PyMemAllocatorEx ctm_hook_functions[CTM_DOMAINS];
int ctm_ref_tracer(PyObject *object, PyRefTracerEvent event, void *data);
int ctm_ref_tracer_before_next(PyObject *object, PyRefTracerEvent event, void *key);

#endif
