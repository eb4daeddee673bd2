#include "base/gate.h"

#include "base/platform.h"

#if defined(__SANITIZE_THREAD__)
#define BIAS_KNOWN_TO_TOOLS false
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define BIAS_KNOWN_TO_TOOLS false
#endif
#endif
#ifndef BIAS_KNOWN_TO_TOOLS
#define BIAS_KNOWN_TO_TOOLS true
#endif

void ctm_gate_init(struct ctm_gate *gate)
{
    pthread_mutex_init(&gate->mutex, NULL);
    atomic_store(&gate->forking, false);
    atomic_store(&gate->biased, 0);
    atomic_store(&gate->owner_in, 0);
    atomic_store(&gate->reserved, NULL);
    gate->can_bias = false;
    gate->calm = 0;
    gate->alone = 0;
    gate->last = NULL;
    gate->inside = NULL;
}

static void wait_until_out(struct ctm_gate *gate, _Atomic uint32_t *in)
{
    if (!ctm_os_barrier()) {
        /* It did when the gate was biased. Nothing but time orders the two sides this once, and
         * there must be no other time. */
        gate->can_bias = false;
    }
    while (atomic_load_explicit(in, memory_order_acquire) != 0) {
        ctm_os_yield();
    }
}

static void revoke_bias(struct ctm_gate *gate)
{
    if (atomic_load_explicit(&gate->biased, memory_order_relaxed) != 0) {
        atomic_store_explicit(&gate->biased, 0, memory_order_relaxed);
        wait_until_out(gate, &gate->owner_in);
    }
}

static void revoke_reservation(struct ctm_gate *gate)
{
    struct ctm_seat *seat = atomic_load_explicit(&gate->reserved, memory_order_relaxed);
    if (seat != NULL) {
        atomic_store_explicit(&gate->reserved, NULL, memory_order_relaxed);
        wait_until_out(gate, &seat->in);
    }
}

static void reserve(struct ctm_gate *gate, struct ctm_seat *seat)
{
    /* The seat may have been another thread's, caught half-way in by a fork. */
    atomic_store_explicit(&seat->in, 0, memory_order_relaxed);
    atomic_store_explicit(&gate->reserved, seat, memory_order_relaxed);
}

/* By the owner, who is inside by mutex: no other thread is the owner, and who is not waits for the
 * mutex. So nobody's bias is to be revoked, and a reservation is the caller's own. */
static void bias(struct ctm_gate *gate)
{
    atomic_store_explicit(&gate->reserved, NULL, memory_order_relaxed);
    atomic_store_explicit(&gate->biased, 1, memory_order_relaxed);
}

static void count_entry(struct ctm_gate *gate, const struct ctm_seat *seat)
{
    if (seat != gate->last) {
        gate->last = seat;
        gate->alone = 0;
    }
    gate->alone += gate->alone < CTM_GATE_ALONE ? 1 : 0;
}

/* The caller holds the mutex, and is inside when this returns. */
static void settle(struct ctm_gate *gate, bool owner, struct ctm_seat *seat)
{
    struct ctm_seat *reserved = atomic_load_explicit(&gate->reserved, memory_order_relaxed);
    if (reserved != NULL && reserved != seat) {
        revoke_reservation(gate);
    }
    count_entry(gate, seat);
    if (!owner) {
        revoke_bias(gate);
        gate->calm = 0;
        if (seat != NULL && gate->alone >= CTM_GATE_ALONE && gate->can_bias) {
            reserve(gate, seat);
        }
    } else if (++gate->calm >= CTM_GATE_CALM && gate->can_bias) {
        bias(gate);
    }
}

/* Into the gate by reservation: for the thread of the seat alone. Both sides as in
 * ctm_gate_enter_biased. */
static bool enter_reserved(struct ctm_gate *gate, bool owner, struct ctm_seat *seat)
{
    atomic_store_explicit(&seat->in, 1, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&gate->reserved, memory_order_acquire) == seat) {
        gate->calm = owner ? gate->calm + 1 : 0;
        if (gate->calm < CTM_GATE_CALM) {
            gate->inside = seat;
            return true;
        }
    }
    atomic_store_explicit(&seat->in, 0, memory_order_release);
    return false;
}

enum ctm_pass ctm_gate_enter_mutex(struct ctm_gate *gate, bool owner, struct ctm_seat *seat)
{
    if (atomic_load_explicit(&gate->forking, memory_order_acquire) &&
        pthread_equal(atomic_load(&gate->fork_thread), pthread_self())) {
        return CTM_PASS_FORK;
    }
    pthread_mutex_lock(&gate->mutex);
    settle(gate, owner, seat);
    return CTM_PASS_MUTEX;
}

enum ctm_pass ctm_gate_enter_slow(struct ctm_gate *gate, bool owner, struct ctm_seat *seat)
{
    return seat != NULL && enter_reserved(gate, owner, seat)
               ? CTM_PASS_RESERVED
               : ctm_gate_enter_mutex(gate, owner, seat);
}

void ctm_gate_leave_slow(struct ctm_gate *gate, enum ctm_pass pass)
{
    if (pass == CTM_PASS_RESERVED) {
        atomic_store_explicit(&gate->inside->in, 0, memory_order_release);
    } else if (pass == CTM_PASS_MUTEX) {
        pthread_mutex_unlock(&gate->mutex);
    }
}

void ctm_gate_allow_bias(struct ctm_gate *gate, bool allowed)
{
    /* ThreadSanitizer does not see the ordering that membarrier gives. */
    gate->can_bias = allowed && BIAS_KNOWN_TO_TOOLS && ctm_os_barrier_init();
    if (gate->can_bias) {
        bias(gate);
    } else {
        revoke_bias(gate);
        revoke_reservation(gate);
    }
}

void ctm_gate_fork_prepare(struct ctm_gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    revoke_bias(gate);
    revoke_reservation(gate);
    gate->calm = 0;
    atomic_store(&gate->fork_thread, pthread_self());
    atomic_store_explicit(&gate->forking, true, memory_order_release);
}

void ctm_gate_fork_parent(struct ctm_gate *gate)
{
    atomic_store_explicit(&gate->forking, false, memory_order_release);
    pthread_mutex_unlock(&gate->mutex);
}

void ctm_gate_fork_child(struct ctm_gate *gate)
{
    /* The threads that were at the gate are not in this process. */
    ctm_gate_init(gate);
}
