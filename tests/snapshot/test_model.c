/* Random snapshots: what the floor says against what the plain model says. */
#include <inttypes.h>
#include <string.h>

#include "model.h"
#include "support.h"

static const struct {
    enum ctm_key key;
    enum ctm_counting counting;
} MODES[] = {
    {CTM_KEY_FILENAME, CTM_AT_NEWEST}, {CTM_KEY_FILENAME, CTM_AT_FRAMES},
    {CTM_KEY_FILENAME, CTM_AT_PLACES}, {CTM_KEY_LINENO, CTM_AT_NEWEST},
    {CTM_KEY_LINENO, CTM_AT_FRAMES},   {CTM_KEY_LINENO, CTM_AT_PLACES},
    {CTM_KEY_FUNCTION, CTM_AT_NEWEST}, {CTM_KEY_FUNCTION, CTM_AT_FRAMES},
    {CTM_KEY_FUNCTION, CTM_AT_PLACES}, {CTM_KEY_MODULE, CTM_AT_NEWEST},
    {CTM_KEY_MODULE, CTM_AT_FRAMES},   {CTM_KEY_MODULE, CTM_AT_PLACES},
    {CTM_KEY_FRAME, CTM_AT_NEWEST},    {CTM_KEY_FRAME, CTM_AT_FRAMES},
    {CTM_KEY_FRAME, CTM_AT_PLACES},    {CTM_KEY_TRACEBACK, CTM_AT_NEWEST},
};
enum {
    MODE_COUNT = sizeof MODES / sizeof *MODES,
};

/* Too large for a stack of 8 MiB to be sure of. */
static struct model first;
static struct model second;
static struct model_groups expected;

static uint32_t first_stack_with(const struct ctm_snapshot *s, const struct model_traceback *wanted)
{
    for (size_t i = 0; i < s->row_count; i++) {
        struct model_traceback traceback;
        model_stack(s->tables, s->rows[i].stack, &traceback);
        if (model_compare(&traceback, wanted) == 0) {
            return s->rows[i].stack;
        }
    }
    fail_msg("a group without rows");
    return UINT32_MAX;
}

static void check_groups(const struct ctm_snapshot *s, enum ctm_key key, enum ctm_counting counting)
{
    struct ctm_groups groups;
    assert_ok(ctm_group(s, key, counting, &groups));
    assert_int_equal(groups.length, expected.length);
    for (size_t i = 0; i < groups.length; i++) {
        const struct ctm_group *group = &groups.items[i];
        struct model_traceback traceback;
        model_key(s->tables, key, group->no_frame, group->frame, group->stack, &traceback);
        assert_int_equal(model_compare(&traceback, &expected.groups[i].traceback), 0);
        assert_int_equal(group->size, expected.groups[i].size);
        assert_int_equal(group->count, expected.groups[i].count);
        if (key == CTM_KEY_TRACEBACK) {
            assert_int_equal(group->stack, first_stack_with(s, &traceback));
        }
    }
    ctm_groups_free(&groups);
}

static void check_diffs(const struct ctm_snapshot *now, const struct ctm_snapshot *old,
                        enum ctm_key key, enum ctm_counting counting)
{
    struct ctm_diffs diffs;
    assert_ok(ctm_diff(now, old, key, counting, &diffs));
    assert_int_equal(diffs.length, expected.length);
    for (size_t i = 0; i < diffs.length; i++) {
        const struct ctm_diff *diff = &diffs.items[i];
        const struct model_group *group = &expected.groups[i];
        struct model_traceback traceback;
        assert_int_equal(diff->from_old, group->count == 0);
        model_key(diff->from_old ? old->tables : now->tables, key, diff->no_frame, diff->frame,
                  diff->stack, &traceback);
        assert_int_equal(model_compare(&traceback, &group->traceback), 0);
        assert_int_equal(diff->size, group->size);
        assert_int_equal(diff->count, group->count);
        assert_int_equal(diff->size_diff, (int64_t)(group->size - group->old_size));
        assert_int_equal(diff->count_diff, (int64_t)(group->count - group->old_count));
    }
    ctm_diffs_free(&diffs);
}

static uint64_t last_seed;

static void run_rounds(uint64_t rounds, void (*round)(struct rng *rng))
{
    uint64_t first_seed = test_first_seed();
    for (uint64_t i = 0; i < test_rounds(rounds); i++) {
        last_seed = first_seed + i;
        struct rng rng = rng_from(last_seed);
        round(&rng);
    }
}

/* After a failure: CTM_TEST_SEED=<seed> CTM_TEST_ROUNDS=1 runs that round alone. */
static int print_seed(void **state)
{
    (void)state;
    print_message("last seed: %" PRIu64 "\n", last_seed);
    return 0;
}

static void group_round(struct rng *rng)
{
    model_random(&first, rng, rng_chance(rng, 50));
    bool merge = rng_chance(rng, 50);
    struct ctm_snapshot *s = model_snapshot(&first, merge);
    for (size_t i = 0; i < MODE_COUNT; i++) {
        model_group(&first, MODES[i].key, MODES[i].counting, &expected);
        check_groups(s, MODES[i].key, MODES[i].counting);
    }
    ctm_snapshot_unref(s);
}

static void test_group(void **state)
{
    (void)state;
    run_rounds(3000, group_round);
}

static void diff_round(struct rng *rng)
{
    bool dense = rng_chance(rng, 50);
    model_random(&first, rng, dense);
    model_random(&second, rng, dense);
    /* What stays the same between the two is what a diff must find. */
    for (size_t i = 0; i < first.length && i < second.length; i++) {
        if (rng_chance(rng, 50)) {
            second.traces[i] = first.traces[i];
        }
    }
    struct ctm_snapshot *now = model_snapshot(&first, rng_chance(rng, 50));
    struct ctm_snapshot *old = model_snapshot(&second, rng_chance(rng, 50));
    for (size_t i = 0; i < MODE_COUNT; i++) {
        model_diff(&first, &second, MODES[i].key, MODES[i].counting, &expected);
        check_diffs(now, old, MODES[i].key, MODES[i].counting);
    }
    ctm_snapshot_unref(now);
    ctm_snapshot_unref(old);
}

static void test_diff(void **state)
{
    (void)state;
    run_rounds(3000, diff_round);
}

/* Two snapshots over the same tables, as filtering makes them. */
static void diff_shared_round(struct rng *rng)
{
    model_random(&first, rng, rng_chance(rng, 50));
    struct ctm_snapshot *now = model_snapshot(&first, true);
    struct ctm_row rows[MODEL_TRACES];
    size_t count = 0;
    for (size_t i = 0; i < now->row_count; i++) {
        if (rng_chance(rng, 60)) {
            rows[count] = now->rows[i];
            rows[count++].count += rng_below(rng, 3);
        }
    }
    struct ctm_snapshot *old;
    assert_ok(ctm_snapshot_with_rows(now, rows, count, &old));
    model_of_snapshot(&second, old);
    for (size_t i = 0; i < MODE_COUNT; i++) {
        model_diff(&first, &second, MODES[i].key, MODES[i].counting, &expected);
        check_diffs(now, old, MODES[i].key, MODES[i].counting);
        model_diff(&second, &first, MODES[i].key, MODES[i].counting, &expected);
        check_diffs(old, now, MODES[i].key, MODES[i].counting);
    }
    ctm_snapshot_unref(now);
    ctm_snapshot_unref(old);
}

static void test_diff_shared_tables(void **state)
{
    (void)state;
    run_rounds(1000, diff_shared_round);
}

static void filter_round(struct rng *rng)
{
    struct model_filter filters[MODEL_FILTERS];
    model_random(&first, rng, rng_chance(rng, 30));
    struct ctm_snapshot *s = model_snapshot(&first, rng_chance(rng, 50));
    for (size_t k = 0; k < 4; k++) {
        size_t count = rng_below(rng, MODEL_FILTERS + 1);
        for (size_t i = 0; i < count; i++) {
            model_random_filter(&filters[i], rng);
        }
        model_check_filter(s, filters, count);
    }
    ctm_snapshot_unref(s);
}

static void test_filter(void **state)
{
    (void)state;
    run_rounds(3000, filter_round);
}

static uint64_t bytes_of(const struct ctm_row *row)
{
    return row->size * row->count;
}

/* True if `a` stands before `b` in the documented order of merged rows. */
static bool comes_before(const struct ctm_row *a, const struct ctm_row *b)
{
    if (bytes_of(a) != bytes_of(b)) {
        return bytes_of(a) > bytes_of(b);
    }
    if (a->domain != b->domain) {
        return a->domain < b->domain;
    }
    return a->stack != b->stack ? a->stack < b->stack : a->size < b->size;
}

static uint64_t count_of(const struct ctm_snapshot *s, const struct ctm_row *like)
{
    uint64_t count = 0;
    for (size_t i = 0; i < s->row_count; i++) {
        const struct ctm_row *row = &s->rows[i];
        if (row->domain == like->domain && row->stack == like->stack && row->size == like->size) {
            count += row->count;
        }
    }
    return count;
}

static void merge_round(struct rng *rng)
{
    model_random(&first, rng, rng_chance(rng, 50));
    struct ctm_snapshot *plain = model_snapshot(&first, false);
    struct ctm_snapshot *merged = model_snapshot(&first, true);
    assert_int_equal(plain->trace_count, merged->trace_count);
    for (size_t i = 0; i < plain->row_count; i++) {
        assert_int_equal(count_of(plain, &plain->rows[i]), count_of(merged, &plain->rows[i]));
    }
    for (size_t i = 0; i < merged->row_count; i++) {
        assert_int_equal(count_of(merged, &merged->rows[i]), merged->rows[i].count);
        assert_true(i == 0 || comes_before(&merged->rows[i - 1], &merged->rows[i]));
    }
    ctm_snapshot_unref(plain);
    ctm_snapshot_unref(merged);
}

static void test_merge(void **state)
{
    (void)state;
    run_rounds(1000, merge_round);
}

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

static void compare_round(struct rng *rng)
{
    bool dense = rng_chance(rng, 50);
    model_random(&first, rng, dense);
    model_random(&second, rng, dense);
    struct ctm_snapshot *a = model_snapshot(&first, false);
    struct ctm_snapshot *b =
        rng_chance(rng, 50) ? ctm_snapshot_ref(a) : model_snapshot(&second, false);
    for (uint32_t i = 0; i < a->tables->stack_count; i++) {
        for (uint32_t k = 0; k < b->tables->stack_count; k++) {
            struct model_traceback left;
            struct model_traceback right;
            model_stack(a->tables, i, &left);
            model_stack(b->tables, k, &right);
            assert_int_equal(sign(ctm_traceback_compare(a->tables, i, b->tables, k)),
                             model_compare(&left, &right));
        }
    }
    ctm_snapshot_unref(a);
    ctm_snapshot_unref(b);
}

static void test_compare(void **state)
{
    (void)state;
    run_rounds(300, compare_round);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_group, print_seed),
        cmocka_unit_test_teardown(test_diff, print_seed),
        cmocka_unit_test_teardown(test_diff_shared_tables, print_seed),
        cmocka_unit_test_teardown(test_filter, print_seed),
        cmocka_unit_test_teardown(test_merge, print_seed),
        cmocka_unit_test_teardown(test_compare, print_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
