/* The gate, one step at a time: who comes in how, and who waits for whom. */
#include "support.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/gate.h"
#include "base/platform.h"
#include "sanitizer.h"

static enum ctm_pass pass_through(struct ctm_gate *gate, bool owner)
{
    enum ctm_pass pass = ctm_gate_enter(gate, owner);
    ctm_gate_leave(gate, pass);
    return pass;
}

/* How the owner comes in when nobody disturbed it. */
static enum ctm_pass calm_pass(const struct ctm_gate *gate)
{
    return gate->can_bias ? CTM_PASS_BIASED : CTM_PASS_MUTEX;
}

static void the_owner_comes_in_free_of_charge(void **state)
{
    (void)state;
    struct ctm_gate gate;
    ctm_gate_init(&gate);
    assert_true(gate.can_bias == (!TEST_THREAD_SANITIZER && ctm_os_barrier_init()));
    for (int i = 0; i < 10; i++) {
        assert_int_equal(pass_through(&gate, true), calm_pass(&gate));
    }
}

static void the_bias_comes_back_after_calm(void **state)
{
    (void)state;
    struct ctm_gate gate;
    ctm_gate_init(&gate);
    assert_int_equal(pass_through(&gate, false), CTM_PASS_MUTEX);
    for (int i = 0; i < CTM_GATE_CALM - 1; i++) {
        assert_int_equal(pass_through(&gate, true), CTM_PASS_MUTEX);
    }
    /* Another one in between: the count begins anew. */
    assert_int_equal(pass_through(&gate, false), CTM_PASS_MUTEX);
    for (int i = 0; i < CTM_GATE_CALM; i++) {
        assert_int_equal(pass_through(&gate, true), CTM_PASS_MUTEX);
    }
    assert_int_equal(pass_through(&gate, true), calm_pass(&gate));
    assert_int_equal(pass_through(&gate, true), calm_pass(&gate));
    assert_int_equal(pass_through(&gate, false), CTM_PASS_MUTEX);
    assert_int_equal(pass_through(&gate, true), CTM_PASS_MUTEX);
}

static void a_gate_told_so_never_biases(void **state)
{
    (void)state;
    struct ctm_gate gate;
    ctm_gate_init(&gate);
    ctm_gate_never_bias(&gate);
    for (int i = 0; i < 2 * CTM_GATE_CALM; i++) {
        assert_int_equal(pass_through(&gate, true), CTM_PASS_MUTEX);
    }
    ctm_gate_never_bias(&gate);
    ctm_gate_fork_prepare(&gate);
    ctm_gate_fork_parent(&gate);
    for (int i = 0; i < 2 * CTM_GATE_CALM; i++) {
        assert_int_equal(pass_through(&gate, true), CTM_PASS_MUTEX);
    }
}

struct visitor {
    struct ctm_gate *gate;
    bool owner;
    _Atomic bool started;
    _Atomic bool inside;
};

static void *visit(void *context)
{
    struct visitor *visitor = context;
    atomic_store(&visitor->started, true);
    enum ctm_pass pass = ctm_gate_enter(visitor->gate, visitor->owner);
    atomic_store(&visitor->inside, true);
    ctm_gate_leave(visitor->gate, pass);
    return NULL;
}

/* Start a visitor while the gate is held, and see that it stays outside. */
static void start_and_see_it_wait(pthread_t *thread, struct visitor *visitor)
{
    assert_int_equal(pthread_create(thread, NULL, visit, visitor), 0);
    while (!atomic_load(&visitor->started)) {
        ctm_os_yield();
    }
    for (int i = 0; i < 2000; i++) {
        ctm_os_yield();
        assert_false(atomic_load(&visitor->inside));
    }
}

static void each_waits_for_the_other(void **state)
{
    (void)state;
    for (int round = 0; round < 4; round++) {
        struct ctm_gate gate;
        ctm_gate_init(&gate);
        bool owner = round % 2 == 0;
        struct visitor visitor = {.gate = &gate, .owner = !owner};
        if (round >= 2) {
            ctm_gate_never_bias(&gate);
        }
        pthread_t thread;
        enum ctm_pass pass = ctm_gate_enter(&gate, owner);
        start_and_see_it_wait(&thread, &visitor);
        ctm_gate_leave(&gate, pass);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_true(atomic_load(&visitor.inside));
    }
}

static void *stop_biasing(void *context)
{
    struct visitor *visitor = context;
    atomic_store(&visitor->started, true);
    ctm_gate_never_bias(visitor->gate);
    atomic_store(&visitor->inside, true);
    return NULL;
}

static void never_bias_waits_for_the_owner(void **state)
{
    (void)state;
    struct ctm_gate gate;
    ctm_gate_init(&gate);
    struct visitor visitor = {.gate = &gate};
    pthread_t thread;
    enum ctm_pass pass = ctm_gate_enter(&gate, true);
    if (pass == CTM_PASS_BIASED) {
        assert_int_equal(pthread_create(&thread, NULL, stop_biasing, &visitor), 0);
        while (!atomic_load(&visitor.started)) {
            ctm_os_yield();
        }
        for (int i = 0; i < 2000; i++) {
            ctm_os_yield();
            assert_false(atomic_load(&visitor.inside));
        }
        ctm_gate_leave(&gate, pass);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_true(atomic_load(&visitor.inside));
    } else {
        ctm_gate_leave(&gate, pass);
    }
}

static void over_a_fork_the_forking_thread_is_inside(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        struct ctm_gate gate;
        ctm_gate_init(&gate);
        struct visitor visitor = {.gate = &gate, .owner = round == 0};
        pthread_t thread;
        ctm_gate_fork_prepare(&gate);
        assert_int_equal(pass_through(&gate, true), CTM_PASS_FORK);
        assert_int_equal(pass_through(&gate, false), CTM_PASS_FORK);
        start_and_see_it_wait(&thread, &visitor);
        assert_int_equal(pass_through(&gate, true), CTM_PASS_FORK);
        ctm_gate_fork_parent(&gate);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_true(atomic_load(&visitor.inside));
        assert_int_equal(pass_through(&gate, true), CTM_PASS_MUTEX);
        assert_int_equal(pass_through(&gate, false), CTM_PASS_MUTEX);
    }
}

static void the_child_of_a_fork_has_a_gate_of_its_own(void **state)
{
    (void)state;
    struct ctm_gate gate;
    ctm_gate_init(&gate);
    for (int round = 0; round < 2; round++) {
        ctm_gate_fork_prepare(&gate);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            /* An owner on another thread may have been caught here, on its way to the mutex. */
            atomic_store(&gate.owner_in, 1);
            ctm_gate_fork_child(&gate);
            bool right = pass_through(&gate, false) == CTM_PASS_MUTEX &&
                         pass_through(&gate, true) == CTM_PASS_MUTEX &&
                         (round == 0 || !gate.can_bias);
            _exit(right ? 0 : 1);
        }
        ctm_gate_fork_parent(&gate);
        int status = -1;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        /* The child of a gate that never biases has one, too. */
        ctm_gate_never_bias(&gate);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_owner_comes_in_free_of_charge),
        cmocka_unit_test(the_bias_comes_back_after_calm),
        cmocka_unit_test(a_gate_told_so_never_biases),
        cmocka_unit_test(each_waits_for_the_other),
        cmocka_unit_test(never_bias_waits_for_the_owner),
        cmocka_unit_test(over_a_fork_the_forking_thread_is_inside),
        cmocka_unit_test(the_child_of_a_fork_has_a_gate_of_its_own),
    };
    return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
