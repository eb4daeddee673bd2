/*
 * The gate under fire: owners that hand a host's lock around, and others that hold none.
 *
 * What is inside is plain memory without atomics: increments lost, or two numbers that differ,
 * prove that two threads were inside at once. Forks happen in between. Without cmocka, so that the
 * same program can be built with ThreadSanitizer.
 *
 *     test_gate_threads [TURNS OF EACH OWNER]
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gate_enter.h"
#include "sanitizer.h"

enum {
    OWNERS = 3,
    OTHERS = 2,
    USUAL_TURNS = 200,
    TURN = 3 * CTM_GATE_CALM,
    STRETCH = 16, /* entries between two of a thread that gives the host's lock up now and then */
    FORKS = 100,
};

struct shared {
    struct ctm_gate gate;
    int turns;                 /* of each owner */
    pthread_mutex_t host_lock; /* who holds it is the owner */
    uint64_t entries;          /* guarded by the gate, as all that follows */
    uint64_t twin;
    uint64_t torn;   /* times that `entries` and `twin` differed */
    uint64_t biased; /* entries by bias */
    uint64_t reserved;
    _Atomic int owners_left;
};

struct worker {
    struct shared *shared;
    struct ctm_seat seat;
    uint64_t entries; /* of this thread */
    pthread_t thread;
};

static struct shared *forked; /* for the handlers of fork, which have no context */

static void inside(struct shared *shared, enum ctm_pass pass)
{
    volatile uint64_t *entries = &shared->entries;
    volatile uint64_t *twin = &shared->twin;
    uint64_t count = *entries;
    shared->torn += count != *twin ? 1 : 0;
    *entries = count + 1;
    /* Long enough, now and then, for a fork to come in between. */
    for (volatile unsigned wait = count % 8 == 0 ? 100 : 1; wait > 0; wait--) {
    }
    *twin = count + 1;
    shared->biased += pass == CTM_PASS_BIASED ? 1 : 0;
    shared->reserved += pass == CTM_PASS_RESERVED ? 1 : 0;
}

static void pass_through(struct worker *worker, bool owner)
{
    enum ctm_pass pass = test_gate_enter(&worker->shared->gate, owner, &worker->seat);
    inside(worker->shared, pass);
    ctm_gate_leave(&worker->shared->gate, pass);
    worker->entries++;
}

static void *be_owner(void *context)
{
    struct worker *worker = context;
    struct shared *shared = worker->shared;
    for (int turn = 0; turn < shared->turns; turn++) {
        pthread_mutex_lock(&shared->host_lock);
        for (int i = 0; i < TURN; i++) {
            if (turn % 2 == 0 && i % STRETCH == 0) {
                pthread_mutex_unlock(&shared->host_lock);
                pass_through(worker, false); /* the same thread, detached */
                pthread_mutex_lock(&shared->host_lock);
            }
            pass_through(worker, true);
        }
        pthread_mutex_unlock(&shared->host_lock);
        pass_through(worker, false);
    }
    atomic_fetch_sub(&shared->owners_left, 1);
    return NULL;
}

/* Comes in bursts with pauses between them, so that the owners' bias comes and goes. */
static void *be_other(void *context)
{
    struct worker *worker = context;
    for (unsigned burst = 1; atomic_load(&worker->shared->owners_left) > 0; burst++) {
        for (unsigned i = 0; i < burst % 50; i++) {
            pass_through(worker, false);
        }
        usleep(burst % 5 * 60);
    }
    return NULL;
}

/* After the others: the gate is reserved for it, then biased, however they were scheduled. */
static void be_alone(struct worker *worker)
{
    for (int i = 0; i <= CTM_GATE_ALONE; i++) {
        pass_through(worker, false);
    }
    for (int i = 0; i <= 2 * CTM_GATE_CALM; i++) {
        pass_through(worker, true);
    }
}

static void prepare(void)
{
    ctm_gate_fork_prepare(&forked->gate);
}

static void parent(void)
{
    ctm_gate_fork_parent(&forked->gate);
}

static void child(void)
{
    ctm_gate_fork_child(&forked->gate);
    enum ctm_pass pass = ctm_gate_enter_mutex(&forked->gate, false, NULL);
    ctm_gate_allow_bias(&forked->gate, true);
    ctm_gate_leave(&forked->gate, pass);
}

/* In the child: what the gate guards was not caught half-way, and the gate still works. */
static int look_at_child(struct shared *shared)
{
    struct worker worker = {.shared = shared};
    if (shared->entries != shared->twin || shared->torn != 0) {
        return 1;
    }
    uint64_t before = shared->entries;
    for (int i = 0; i < 100; i++) {
        pass_through(&worker, false);
        pass_through(&worker, true);
    }
    return shared->entries == before + 200 && shared->torn == 0 ? 0 : 1;
}

static int fork_once(struct shared *shared, bool owner)
{
    int status = 0;
    if (owner) {
        pthread_mutex_lock(&shared->host_lock);
    }
    pid_t pid = fork();
    if (pid == 0) {
        _exit(look_at_child(shared));
    }
    if (owner) {
        pthread_mutex_unlock(&shared->host_lock);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        fprintf(stderr, "the child of a fork saw a broken state: %d\n", status);
        return 1;
    }
    return 0;
}

static int run(bool bias, int turns)
{
    static struct shared shared;
    struct worker workers[OWNERS + OTHERS] = {{0}};
    int failures = 0;
    shared = (struct shared){.turns = turns, .owners_left = OWNERS};
    pthread_mutex_init(&shared.host_lock, NULL);
    ctm_gate_init(&shared.gate);
    enum ctm_pass pass = ctm_gate_enter_mutex(&shared.gate, true, NULL);
    ctm_gate_allow_bias(&shared.gate, bias);
    ctm_gate_leave(&shared.gate, pass);
    forked = &shared;
    for (int i = 0; i < OWNERS + OTHERS; i++) {
        workers[i].shared = &shared;
        if (pthread_create(&workers[i].thread, NULL, i < OWNERS ? be_owner : be_other,
                           &workers[i]) != 0) {
            perror("pthread_create");
            exit(1);
        }
    }
    for (int i = 0; i < FORKS; i++) {
        failures += fork_once(&shared, i % 2 == 0);
        usleep(500);
    }
    for (int i = 0; i < OWNERS + OTHERS; i++) {
        pthread_join(workers[i].thread, NULL);
    }
    be_alone(&workers[0]);
    uint64_t entries = 0;
    for (int i = 0; i < OWNERS + OTHERS; i++) {
        entries += workers[i].entries;
    }
    printf("%llu entries, %llu by bias, %llu by reservation\n", (unsigned long long)entries,
           (unsigned long long)shared.biased, (unsigned long long)shared.reserved);
    fflush(stdout); /* what is in the buffer would be the next child's, too */
    if (shared.entries != entries || shared.twin != entries || shared.torn != 0) {
        fprintf(stderr, "two were inside at once: %llu and %llu of %llu, torn %llu\n",
                (unsigned long long)shared.entries, (unsigned long long)shared.twin,
                (unsigned long long)entries, (unsigned long long)shared.torn);
        failures++;
    }
    bool allowed = bias && shared.gate.can_bias;
    if ((shared.biased != 0) != allowed || (shared.reserved != 0) != allowed) {
        fprintf(stderr, "bias or reservations were used where they must not be, or never\n");
        failures++;
    }
    return failures;
}

#if TEST_THREAD_SANITIZER
__attribute__((visibility("default"))) const char *__tsan_default_options(void);

/* In the child of a fork, threads of the parent that had ended look like threads never joined. */
const char *__tsan_default_options(void)
{
    return "report_thread_leaks=0";
}
#endif

int main(int argc, char **argv)
{
    int turns = argc > 1 ? atoi(argv[1]) : USUAL_TURNS / (TEST_THREAD_SANITIZER ? 10 : 1);
    if (pthread_atfork(prepare, parent, child) != 0) {
        perror("pthread_atfork");
        return 1;
    }
    return run(true, turns) + run(false, turns) == 0 ? 0 : 1;
}
