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
 * A thread that gives the host's lock up again and again, and comes in meanwhile, would keep the
 * bias away for good. If nobody else came for CTM_GATE_ALONE entries the gate is *reserved* for it
 * instead: it enters by the same protocol with a seat of its own, as owner or not, until another
 * thread comes, or until it has been calm as the owner for so long that the bias comes back.
 *
 * The gate is biased only while the host allows it, so that who comes in by bias knows that it
 * does. Else, or where the kernel has no such barrier or begins to refuse it, it is a plain mutex
 * for all.
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

enum {
    CTM_GATE_CALM = 4096,
    /* A reservation that is revoked at once has cost a barrier, worth a hundred mutexes. */
    CTM_GATE_ALONE = 512,
};

/* How a thread came in: to be handed to ctm_gate_leave. */
enum ctm_pass { CTM_PASS_BIASED, CTM_PASS_RESERVED, CTM_PASS_MUTEX, CTM_PASS_FORK };

/* One for each thread. It may be handed to another thread once its own came to an end and somebody
 * else, or nobody in particular, was inside since. Its memory stays as long as the gate. */
struct ctm_seat {
    _Atomic uint32_t in; /* its thread is inside by reservation; written by that thread alone */
};

struct ctm_gate {
    _Atomic uint32_t biased;   /* written under `mutex` */
    _Atomic uint32_t owner_in; /* the owner is inside by bias; written by the owner alone */
    /* For whom the gate is reserved; not NULL: it is not biased. Written under `mutex`. */
    _Atomic(struct ctm_seat *) reserved;
    /* How often the owner came in, by mutex or reservation, since a thread did that was not the
     * owner: at CTM_GATE_CALM the bias comes back. Guarded by the gate. */
    uint32_t calm;
    /* How often the thread of `last` came in by mutex since another thread did: from CTM_GATE_ALONE
     * on the gate may be reserved for it. Both under `mutex`. */
    uint32_t alone;
    const struct ctm_seat *last;
    struct ctm_seat *inside; /* who is, by reservation; guarded by the gate */
    bool can_bias;           /* the host allows it and the kernel can; under `mutex` */
    _Atomic bool forking;    /* `fork_thread` holds the gate over a fork */
    _Atomic pthread_t fork_thread;
    pthread_mutex_t mutex;
};

/* A gate that is not to be biased yet. */
void ctm_gate_init(struct ctm_gate *gate);

/* The slow ways in. `owner`: the caller is the owner (see above). `seat`: the calling thread's, or
 * NULL: the gate will not be reserved for it. */
enum ctm_pass ctm_gate_enter_slow(struct ctm_gate *gate, bool owner, struct ctm_seat *seat);
/* The same by mutex in any case: for a long stay, so that who waits can sleep. */
enum ctm_pass ctm_gate_enter_mutex(struct ctm_gate *gate, bool owner, struct ctm_seat *seat);
void ctm_gate_leave_slow(struct ctm_gate *gate, enum ctm_pass pass);

/* Whether the gate may be biased from now on. The caller is inside by mutex, and is the owner if it
 * allows it: then the gate is biased at once. */
void ctm_gate_allow_bias(struct ctm_gate *gate, bool allowed);

/* For handlers of ctm_os_at_fork: the forking thread holds the gate in between. The child's gate is
 * a new one, not to be biased yet. */
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

static inline void ctm_gate_leave(struct ctm_gate *gate, enum ctm_pass pass)
{
    if (pass == CTM_PASS_BIASED) {
        ctm_gate_leave_biased(gate);
    } else {
        ctm_gate_leave_slow(gate, pass);
    }
}

#endif
