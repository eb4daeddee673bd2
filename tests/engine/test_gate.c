/* The gate, one step at a time: who comes in how, and who waits for whom. */
#include "support.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/platform.h"
#include "gate_enter.h"
#include "sanitizer.h"

static bool barrier_refused;

bool __real_ctm_os_barrier(void);
bool __wrap_ctm_os_barrier(void);

bool __wrap_ctm_os_barrier(void)
{
    return !barrier_refused && __real_ctm_os_barrier();
}

static enum ctm_pass pass_seated(struct ctm_gate *gate, bool owner, struct ctm_seat *seat)
{
    enum ctm_pass pass = test_gate_enter(gate, owner, seat);
    ctm_gate_leave(gate, pass);
    return pass;
}

static enum ctm_pass pass_through(struct ctm_gate *gate, bool owner)
{
    return pass_seated(gate, owner, NULL);
}

/* How the owner comes in when nobody disturbed it. */
static enum ctm_pass calm_pass(const struct ctm_gate *gate)
{
    return gate->can_bias ? CTM_PASS_BIASED : CTM_PASS_MUTEX;
}

static void allow_bias(struct ctm_gate *gate, bool allowed)
{
    enum ctm_pass pass = ctm_gate_enter_mutex(gate, allowed, NULL);
    ctm_gate_allow_bias(gate, allowed);
    ctm_gate_leave(gate, pass);
}

static void init_allowed(struct ctm_gate *gate)
{
    ctm_gate_init(gate);
    allow_bias(gate, true);
}

static void the_owner_comes_in_free_of_charge(void **state)
{
    (void)state;
    struct ctm_gate gate;
    ctm_gate_init(&gate);
    assert_false(gate.can_bias);
    for (int i = 0; i < 2 * CTM_GATE_CALM; i++) {
        assert_int_equal(pass_through(&gate, true), CTM_PASS_MUTEX);
    }
    allow_bias(&gate, true);
    assert_true(gate.can_bias == (!TEST_THREAD_SANITIZER && ctm_os_barrier_init()));
    for (int i = 0; i < 10; i++) {
        assert_int_equal(pass_through(&gate, true), calm_pass(&gate));
    }
}

static void the_bias_comes_back_after_calm(void **state)
{
    (void)state;
    struct ctm_gate gate;
    init_allowed(&gate);
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

/* How a thread comes in for which the gate is reserved. */
static enum ctm_pass reserved_pass(const struct ctm_gate *gate)
{
    return gate->can_bias ? CTM_PASS_RESERVED : CTM_PASS_MUTEX;
}

/* Until the gate is reserved for a thread that gives the host's lock up at each third entry. */
static void stay_alone(struct ctm_gate *gate, struct ctm_seat *seat)
{
    for (int i = 0; i < CTM_GATE_ALONE + 3; i++) {
        (void)pass_seated(gate, i % 3 != 0, seat);
    }
    assert_int_equal(pass_seated(gate, true, seat), reserved_pass(gate));
}

static void a_thread_alone_has_the_gate_reserved(void **state)
{
    (void)state;
    struct ctm_gate gate;
    struct ctm_seat seat = {0};
    struct ctm_seat other = {0};
    init_allowed(&gate);
    assert_int_equal(pass_seated(&gate, false, &seat), CTM_PASS_MUTEX);
    for (int i = 2; i < CTM_GATE_ALONE; i++) {
        assert_int_equal(pass_seated(&gate, i % 2 == 0, &seat), CTM_PASS_MUTEX);
    }
    /* Another one in between: the count begins anew. */
    assert_int_equal(pass_seated(&gate, false, &other), CTM_PASS_MUTEX);
    for (int i = 0; i < CTM_GATE_ALONE - 1; i++) {
        assert_int_equal(pass_seated(&gate, i % 2 == 0, &seat), CTM_PASS_MUTEX);
    }
    assert_int_equal(pass_seated(&gate, true, &seat), CTM_PASS_MUTEX); /* alone, but the owner */
    assert_int_equal(pass_seated(&gate, false, &seat), CTM_PASS_MUTEX);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(pass_seated(&gate, i % 2 == 0, &seat), reserved_pass(&gate));
    }
    /* Others are not let in by it, whatever they are. */
    assert_int_equal(pass_seated(&gate, true, &other), CTM_PASS_MUTEX);
    assert_int_equal(pass_seated(&gate, true, &seat), CTM_PASS_MUTEX);
    for (int i = 0; i < 3; i++) {
        struct ctm_seat *visitors[] = {&other, NULL, NULL};
        stay_alone(&gate, &seat);
        assert_int_equal(pass_seated(&gate, i == 2, visitors[i]), CTM_PASS_MUTEX);
        assert_int_equal(pass_seated(&gate, false, &seat), CTM_PASS_MUTEX);
        assert_int_equal(pass_seated(&gate, true, &seat), CTM_PASS_MUTEX);
    }
}

static void the_owners_bias_comes_back_after_a_reservation(void **state)
{
    (void)state;
    struct ctm_gate gate;
    struct ctm_seat seat = {0};
    struct ctm_seat other = {0};
    init_allowed(&gate);
    stay_alone(&gate, &seat);
    assert_int_equal(pass_seated(&gate, false, &seat), reserved_pass(&gate));
    for (int i = 0; i < CTM_GATE_CALM - 1; i++) {
        assert_int_equal(pass_seated(&gate, true, &seat), reserved_pass(&gate));
    }
    assert_int_equal(pass_seated(&gate, true, &seat), CTM_PASS_MUTEX);
    assert_int_equal(pass_seated(&gate, true, &seat), calm_pass(&gate));
    assert_int_equal(pass_seated(&gate, true, &other), calm_pass(&gate));
    /* The reservation was over, but who had it last is believed to be alone again. */
    assert_int_equal(pass_seated(&gate, false, &seat), CTM_PASS_MUTEX);
    assert_int_equal(pass_seated(&gate, true, &seat), reserved_pass(&gate));
    assert_int_equal(pass_seated(&gate, true, &other), CTM_PASS_MUTEX);
    assert_int_equal(pass_seated(&gate, true, &seat), CTM_PASS_MUTEX);
}

/* For a long stay: who has a reservation keeps it, others take it away. */
static void who_wants_the_mutex_gets_it(void **state)
{
    (void)state;
    struct ctm_gate gate;
    struct ctm_seat seat = {0};
    init_allowed(&gate);
    for (int owner = 0; owner < 2; owner++) {
        stay_alone(&gate, &seat);
        enum ctm_pass pass = ctm_gate_enter_mutex(&gate, owner == 1, &seat);
        assert_int_equal(pass, CTM_PASS_MUTEX);
        ctm_gate_leave(&gate, pass);
        assert_int_equal(pass_seated(&gate, true, &seat), reserved_pass(&gate));
        pass = ctm_gate_enter_mutex(&gate, owner == 1, NULL);
        assert_int_equal(pass, CTM_PASS_MUTEX);
        ctm_gate_leave(&gate, pass);
        assert_int_equal(pass_seated(&gate, true, &seat), CTM_PASS_MUTEX);
    }
}

static void a_gate_that_may_not_never_biases(void **state)
{
    (void)state;
    struct ctm_gate gate;
    init_allowed(&gate);
    struct ctm_seat seat = {0};
    stay_alone(&gate, &seat);
    allow_bias(&gate, false);
    for (int i = 0; i < 2 * CTM_GATE_CALM; i++) {
        assert_int_equal(pass_through(&gate, true), CTM_PASS_MUTEX);
    }
    for (int i = 0; i < 2 * CTM_GATE_CALM; i++) {
        assert_int_equal(pass_seated(&gate, i % 2 == 0, &seat), CTM_PASS_MUTEX);
    }
    allow_bias(&gate, false);
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
    enum ctm_pass pass = test_gate_enter(visitor->gate, visitor->owner, NULL);
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
    for (int round = 0; round < 8; round++) {
        struct ctm_gate gate;
        struct ctm_seat seat = {0};
        init_allowed(&gate);
        bool owner = round % 2 == 0;
        struct visitor visitor = {.gate = &gate, .owner = !owner};
        if (round >= 4) {
            stay_alone(&gate, &seat);
            visitor.owner = round >= 6; /* an owner comes while the other thread is detached */
        } else if (round >= 2) {
            allow_bias(&gate, false);
        }
        pthread_t thread;
        enum ctm_pass pass = test_gate_enter(&gate, owner, &seat);
        assert_true(round < 4 || pass == reserved_pass(&gate));
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
    allow_bias(visitor->gate, false);
    atomic_store(&visitor->inside, true);
    return NULL;
}

static void who_forbids_the_bias_waits_for_who_is_inside(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        struct ctm_gate gate;
        struct ctm_seat seat = {0};
        init_allowed(&gate);
        if (!gate.can_bias) {
            return;
        }
        if (round == 1) {
            stay_alone(&gate, &seat);
        }
        struct visitor visitor = {.gate = &gate};
        pthread_t thread;
        enum ctm_pass pass = test_gate_enter(&gate, round == 0, &seat);
        assert_int_equal(pass, round == 0 ? CTM_PASS_BIASED : CTM_PASS_RESERVED);
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
    }
}

static void over_a_fork_the_forking_thread_is_inside(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        struct ctm_gate gate;
        init_allowed(&gate);
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
    init_allowed(&gate);
    for (int round = 0; round < 2; round++) {
        ctm_gate_fork_prepare(&gate);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            /* An owner on another thread may have been caught here, on its way to the mutex. */
            atomic_store(&gate.owner_in, 1);
            struct ctm_seat seat = {.in = 1}; /* or on its way to its seat, another's now */
            ctm_gate_fork_child(&gate);
            bool is_new = pass_through(&gate, true) == CTM_PASS_MUTEX && !gate.can_bias;
            allow_bias(&gate, round == 0);
            for (int i = 0; i < CTM_GATE_ALONE; i++) {
                enum ctm_pass pass = ctm_gate_enter_mutex(&gate, false, &seat);
                ctm_gate_leave(&gate, pass);
            }
            bool right = is_new && pass_through(&gate, false) == CTM_PASS_MUTEX &&
                         pass_through(&gate, true) == CTM_PASS_MUTEX &&
                         (round == 0 || !gate.can_bias);
            _exit(right ? 0 : 1);
        }
        ctm_gate_fork_parent(&gate);
        int status = -1;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        /* The child of a gate that never biases has one, too. */
        allow_bias(&gate, false);
    }
}

/* The process has forbidden it to itself. */
static void without_a_barrier_there_is_no_bias(void **state)
{
    (void)state;
    for (int reserved = 0; reserved < 2; reserved++) {
        struct ctm_gate gate;
        struct ctm_seat seat = {0};
        init_allowed(&gate);
        if (reserved) {
            stay_alone(&gate, &seat);
        }
        barrier_refused = true;
        assert_int_equal(pass_through(&gate, false), CTM_PASS_MUTEX);
        for (int i = 0; i < 2 * CTM_GATE_CALM; i++) {
            assert_int_equal(pass_through(&gate, true), CTM_PASS_MUTEX);
        }
        for (int i = 0; i < 2 * CTM_GATE_ALONE; i++) {
            assert_int_equal(pass_seated(&gate, false, &seat), CTM_PASS_MUTEX);
        }
        barrier_refused = false;
        assert_false(gate.can_bias);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_owner_comes_in_free_of_charge),
        cmocka_unit_test(the_bias_comes_back_after_calm),
        cmocka_unit_test(a_thread_alone_has_the_gate_reserved),
        cmocka_unit_test(the_owners_bias_comes_back_after_a_reservation),
        cmocka_unit_test(who_wants_the_mutex_gets_it),
        cmocka_unit_test(a_gate_that_may_not_never_biases),
        cmocka_unit_test(each_waits_for_the_other),
        cmocka_unit_test(who_forbids_the_bias_waits_for_who_is_inside),
        cmocka_unit_test(over_a_fork_the_forking_thread_is_inside),
        cmocka_unit_test(the_child_of_a_fork_has_a_gate_of_its_own),
        cmocka_unit_test(without_a_barrier_there_is_no_bias),
    };
    return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
