/*
 * The gate: a lock that is free of charge for its owner.
 *
 * Everything the tracer knows is guarded by one gate. At nearly every call the thread at the gate
 * holds the host's own lock (CPython's GIL): such threads are the *owner*, of which there is at
 * most one at a time. While the gate is biased the owner enters with two plain stores and a load,
 * without an atomic read-modify-write. Others take the mutex, revoke the bias, make sure with a
 * process-wide memory barrier that the owner sees it, and wait for the owner to leave. After
 * CTM_GATE_CALM undisturbed entries the owner takes the bias back. (Biased locking: Kawachiya,
 * Koseki, Onodera, "Lock Reservation", OOPSLA 2002; the asymmetric barrier is membarrier(2).)
 *
 * Where the kernel has no such barrier, or once ctm_gate_never_bias was called because the host
 * has more than one lock, the gate is a plain mutex for all.
 *
 * The gate is not recursive, apart from the thread that holds it over a fork.
 */
#ifndef CTM_BASE_GATE_H
#define CTM_BASE_GATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { CTM_GATE_CALM = 4096 };

/* How a thread came in: to be handed to ctm_gate_leave. */
enum ctm_pass { CTM_PASS_BIASED, CTM_PASS_MUTEX, CTM_PASS_FORK };

struct ctm_gate {
    _Atomic uint32_t biased;   /* written under `mutex` */
    _Atomic uint32_t owner_in; /* the owner is inside by bias; written by the owner alone */
    uint32_t calm;        /* the owner's entries by mutex since the last other; under `mutex` */
    bool can_bias;        /* under `mutex` */
    _Atomic bool forking; /* `fork_thread` holds the gate over a fork */
    _Atomic pthread_t fork_thread;
    pthread_mutex_t mutex;
};

void ctm_gate_init(struct ctm_gate *gate);

/* The slow ways in. `owner`: the caller is the owner (see above). */
enum ctm_pass ctm_gate_enter_slow(struct ctm_gate *gate, bool owner);
void ctm_gate_leave_slow(struct ctm_gate *gate, enum ctm_pass pass);

/* From now on the gate is a mutex for everybody. The caller is not inside. */
void ctm_gate_never_bias(struct ctm_gate *gate);

/* To be called by handlers of pthread_atfork: the forking thread holds the gate in between. */
void ctm_gate_fork_prepare(struct ctm_gate *gate);
void ctm_gate_fork_parent(struct ctm_gate *gate);
void ctm_gate_fork_child(struct ctm_gate *gate);

/* Into the gate by bias: for the owner alone. False: it is not biased now. */
static inline bool ctm_gate_enter_biased(struct ctm_gate *gate)
{
    atomic_store_explicit(&gate->owner_in, 1, memory_order_relaxed);
    /* The other side runs a barrier on this processor between its store and its load: only the
     * compiler must be kept from swapping ours. */
    atomic_signal_fence(memory_order_seq_cst);
    if (CTM_LIKELY(atomic_load_explicit(&gate->biased, memory_order_acquire) != 0)) {
        return true;
    }
    atomic_store_explicit(&gate->owner_in, 0, memory_order_release);
    return false;
}

static inline void ctm_gate_leave_biased(struct ctm_gate *gate)
{
    atomic_store_explicit(&gate->owner_in, 0, memory_order_release);
}

static inline enum ctm_pass ctm_gate_enter(struct ctm_gate *gate, bool owner)
{
    return owner && ctm_gate_enter_biased(gate) ? CTM_PASS_BIASED
                                                : ctm_gate_enter_slow(gate, owner);
}

static inline void ctm_gate_leave(struct ctm_gate *gate, enum ctm_pass pass)
{
    if (pass == CTM_PASS_BIASED) {
        ctm_gate_leave_biased(gate);
    } else {
        ctm_gate_leave_slow(gate, pass);
    }
}

#endif
