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

static void init_bias(struct ctm_gate *gate, bool allowed)
{
    /* ThreadSanitizer does not see the ordering that membarrier gives. */
    gate->can_bias = allowed && BIAS_KNOWN_TO_TOOLS && ctm_os_barrier_init();
    gate->calm = 0;
    atomic_store(&gate->owner_in, 0);
    atomic_store(&gate->biased, gate->can_bias ? 1 : 0);
}

void ctm_gate_init(struct ctm_gate *gate)
{
    pthread_mutex_init(&gate->mutex, NULL);
    atomic_store(&gate->forking, false);
    init_bias(gate, true);
}

static void revoke_bias(struct ctm_gate *gate)
{
    if (atomic_load_explicit(&gate->biased, memory_order_relaxed) == 0) {
        return;
    }
    atomic_store_explicit(&gate->biased, 0, memory_order_relaxed);
    ctm_os_barrier();
    while (atomic_load_explicit(&gate->owner_in, memory_order_acquire) != 0) {
        ctm_os_yield();
    }
}

enum ctm_pass ctm_gate_enter_slow(struct ctm_gate *gate, bool owner)
{
    if (atomic_load_explicit(&gate->forking, memory_order_acquire) &&
        pthread_equal(atomic_load(&gate->fork_thread), pthread_self())) {
        return CTM_PASS_FORK;
    }
    pthread_mutex_lock(&gate->mutex);
    if (owner) {
        /* No other thread is the owner, and who is not waits for the mutex: nothing to revoke. */
        if (++gate->calm >= CTM_GATE_CALM && gate->can_bias) {
            atomic_store_explicit(&gate->biased, 1, memory_order_relaxed);
        }
    } else {
        revoke_bias(gate);
        gate->calm = 0;
    }
    return CTM_PASS_MUTEX;
}

void ctm_gate_leave_slow(struct ctm_gate *gate, enum ctm_pass pass)
{
    if (pass == CTM_PASS_MUTEX) {
        pthread_mutex_unlock(&gate->mutex);
    }
}

void ctm_gate_never_bias(struct ctm_gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->can_bias = false;
    revoke_bias(gate);
    pthread_mutex_unlock(&gate->mutex);
}

void ctm_gate_fork_prepare(struct ctm_gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    revoke_bias(gate);
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
    bool allowed = gate->can_bias;
    pthread_mutex_init(&gate->mutex, NULL);
    atomic_store(&gate->forking, false);
    init_bias(gate, allowed);
}
