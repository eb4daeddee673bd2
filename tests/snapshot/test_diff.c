#include "snapshot/diff.h"

#include <stdio.h>

#include "support.h"

struct wanted {
    const char *file; /* NULL: no frame */
    uint32_t line;
    bool from_old;
    uint64_t size;
    int64_t size_diff;
    uint64_t count;
    int64_t count_diff;
};

static void check_diff(const struct ctm_snapshot *now, const struct ctm_snapshot *old,
                       enum ctm_key key, enum ctm_counting counting, const struct wanted *wanted,
                       size_t count)
{
    struct ctm_diffs diffs;
    assert_ok(ctm_diff(now, old, key, counting, &diffs));
    assert_int_equal(diffs.length, count);
    for (size_t i = 0; i < count; i++) {
        const struct ctm_diff *diff = &diffs.items[i];
        const struct ctm_tables *t = diff->from_old ? old->tables : now->tables;
        assert_int_equal(diff->from_old, wanted[i].from_old);
        assert_int_equal(diff->no_frame, wanted[i].file == NULL);
        if (!diff->no_frame) {
            assert_int_equal(diff->frame.file, find_string(t, wanted[i].file));
            assert_int_equal(diff->frame.line, wanted[i].line);
        }
        assert_int_equal(diff->size, wanted[i].size);
        assert_int_equal(diff->size_diff, wanted[i].size_diff);
        assert_int_equal(diff->count, wanted[i].count);
        assert_int_equal(diff->count_diff, wanted[i].count_diff);
    }
    ctm_diffs_free(&diffs);
    assert_null(diffs.items);
    assert_int_equal(diffs.length, 0);
}

static const struct spec OLD[] = {
    {0, 10, 3, 3, "a.py:2 b.py:4"},
    {1, 2, 1, 1, "a.py:5 b.py:4"},
    {2, 66, 1, 1, "b.py:1"},
    {3, 7, 1, 1, "<unknown>:0"},
};
static const struct spec NOW[] = {
    {3, 400, 1, 1, "c.py:578"},
    {0, 10, 3, 3, "a.py:2 b.py:4"},
    {0, 2, 1, 1, "a.py:5 b.py:4"},
    {1, 5000, 1, 1, "a.py:5 b.py:4"},
};

static void test_lineno(void **state)
{
    (void)state;
    static const struct wanted wanted[] = {
        {"a.py", 5, false, 5002, 5000, 2, 1}, {"c.py", 578, false, 400, 400, 1, 1},
        {"b.py", 1, true, 0, -66, 0, -1},     {"<unknown>", 0, true, 0, -7, 0, -1},
        {"a.py", 2, false, 30, 0, 3, 0},
    };
    struct ctm_snapshot *now = make_snapshot(NOW, 4);
    struct ctm_snapshot *old = make_snapshot(OLD, 4);
    check_diff(now, old, CTM_KEY_LINENO, CTM_AT_NEWEST, wanted, 5);
    ctm_snapshot_unref(now);
    ctm_snapshot_unref(old);
}

static void test_filename_cumulative(void **state)
{
    (void)state;
    static const struct wanted wanted[] = {
        {"a.py", 0, false, 5032, 5000, 5, 1},
        {"b.py", 0, false, 5032, 4934, 5, 0},
        {"c.py", 0, false, 400, 400, 1, 1},
        {"<unknown>", 0, true, 0, -7, 0, -1},
    };
    struct ctm_snapshot *now = make_snapshot(NOW, 4);
    struct ctm_snapshot *old = make_snapshot(OLD, 4);
    check_diff(now, old, CTM_KEY_FILENAME, CTM_AT_FRAMES, wanted, 4);
    ctm_snapshot_unref(now);
    ctm_snapshot_unref(old);
}

static void test_traceback(void **state)
{
    (void)state;
    struct ctm_snapshot *now = make_snapshot(NOW, 4);
    struct ctm_snapshot *old = make_snapshot(OLD, 4);
    static const struct {
        bool from_old;
        const char *text;
        int64_t size_diff;
    } wanted[] = {
        {false, "a.py:5 b.py:4", 5000}, {false, "c.py:578", 400},    {true, "b.py:1", -66},
        {true, "<unknown>:0", -7},      {false, "a.py:2 b.py:4", 0},
    };
    struct ctm_diffs diffs;
    assert_ok(ctm_diff(now, old, CTM_KEY_TRACEBACK, CTM_AT_NEWEST, &diffs));
    assert_int_equal(diffs.length, 5);
    for (size_t i = 0; i < 5; i++) {
        const struct ctm_diff *diff = &diffs.items[i];
        assert_int_equal(diff->from_old, wanted[i].from_old);
        assert_int_equal(diff->size_diff, wanted[i].size_diff);
        const struct ctm_tables *t = diff->from_old ? old->tables : now->tables;
        assert_string_equal(stack_text(t, diff->stack), wanted[i].text);
    }
    ctm_diffs_free(&diffs);
    ctm_snapshot_unref(now);
    ctm_snapshot_unref(old);
}

/* Stacks are found again in whatever order they come, and where several frames are one place. */
static void test_traceback_in_another_order(void **state)
{
    (void)state;
    enum { STACKS = 60 };
    struct spec now_specs[STACKS];
    struct spec old_specs[STACKS];
    char texts[STACKS][32];
    for (size_t i = 0; i < STACKS; i++) {
        /* Two names for each line of b.py. */
        (void)snprintf(texts[i], sizeof texts[i], "a.py:%zu b.py:%zu@f%zu", 1 + i % 3, i / 6,
                       i % 2);
        now_specs[i] = (struct spec){0, 8, 1, 2, texts[i]};
        old_specs[STACKS - 1 - i] = (struct spec){0, 8, 1, 2, texts[i]};
    }
    struct ctm_snapshot *now = make_snapshot(now_specs, STACKS);
    struct ctm_snapshot *old = make_snapshot(old_specs, STACKS);
    struct ctm_diffs diffs;
    assert_ok(ctm_diff(now, old, CTM_KEY_TRACEBACK, CTM_AT_NEWEST, &diffs));
    assert_int_equal(diffs.length, STACKS / 2);
    for (size_t i = 0; i < diffs.length; i++) {
        char wanted[32];
        (void)snprintf(wanted, sizeof wanted, "a.py:%zu b.py:%zu", 3 - i % 3,
                       (STACKS / 2 - 1 - i) / 3);
        assert_string_equal(stack_text(now->tables, diffs.items[i].stack), wanted);
        assert_int_equal(diffs.items[i].count, 2);
        assert_int_equal(diffs.items[i].count_diff, 0);
    }
    ctm_diffs_free(&diffs);
    ctm_snapshot_unref(now);
    ctm_snapshot_unref(old);
}

/* Each key that diffs are sorted by decides where those before it agree. */
static void test_order(void **state)
{
    (void)state;
    static const struct spec old_specs[] = {
        {0, 10, 1, 1, "size:1"}, {0, 4, 5, 1, "less:1"},  {0, 10, 1, 1, "count:1"},
        {0, 20, 1, 1, "many:1"}, {0, 20, 2, 1, "more:1"},
    };
    static const struct spec now_specs[] = {
        {0, 20, 1, 1, "size:1"}, {0, 5, 2, 1, "less:1"},  {0, 10, 2, 1, "count:1"},
        {0, 10, 3, 1, "many:1"}, {0, 10, 3, 1, "more:1"}, {0, 10, 1, 1, "tie:1"},
        {0, 10, 1, 1, "tie:2"},
    };
    static const struct wanted wanted[] = {
        {"many", 1, false, 30, 10, 3, 2},   {"more", 1, false, 30, -10, 3, 1},
        {"count", 1, false, 20, 10, 2, 1},  {"size", 1, false, 20, 10, 1, 0},
        {"less", 1, false, 10, -10, 2, -3}, {"tie", 2, false, 10, 10, 1, 1},
        {"tie", 1, false, 10, 10, 1, 1},
    };
    struct ctm_snapshot *now = make_snapshot(now_specs, 7);
    struct ctm_snapshot *old = make_snapshot(old_specs, 5);
    check_diff(now, old, CTM_KEY_LINENO, CTM_AT_NEWEST, wanted, 7);
    ctm_snapshot_unref(now);
    ctm_snapshot_unref(old);
}

static void test_with_itself_and_with_nothing(void **state)
{
    (void)state;
    static const struct spec specs[] = {{0, 8, 1, 1, "a:1"}, {0, 2, 1, 1, ""}};
    static const struct wanted same[] = {{"a", 1, false, 8, 0, 1, 0}, {NULL, 0, false, 2, 0, 1, 0}};
    static const struct wanted gone[] = {{"a", 1, true, 0, -8, 0, -1},
                                         {NULL, 0, true, 0, -2, 0, -1}};
    static const struct wanted added[] = {{"a", 1, false, 8, 8, 1, 1},
                                          {NULL, 0, false, 2, 2, 1, 1}};
    struct ctm_snapshot *s = make_snapshot(specs, 2);
    struct ctm_snapshot *nothing = finish(new_builder());
    check_diff(s, s, CTM_KEY_LINENO, CTM_AT_NEWEST, same, 2);
    check_diff(nothing, s, CTM_KEY_LINENO, CTM_AT_NEWEST, gone, 2);
    check_diff(s, nothing, CTM_KEY_LINENO, CTM_AT_NEWEST, added, 2);
    check_diff(nothing, nothing, CTM_KEY_LINENO, CTM_AT_NEWEST, NULL, 0);
    ctm_snapshot_unref(s);
    ctm_snapshot_unref(nothing);
}

static void check_status(struct spec now_spec, struct spec old_spec, int status)
{
    struct ctm_diffs diffs = {0};
    struct ctm_snapshot *now = make_snapshot(&now_spec, 1);
    struct ctm_snapshot *old = make_snapshot(&old_spec, 1);
    assert_int_equal(ctm_diff(now, old, CTM_KEY_TRACEBACK, CTM_AT_NEWEST, &diffs), status);
    ctm_diffs_free(&diffs);
    ctm_snapshot_unref(now);
    ctm_snapshot_unref(old);
}

static void test_limits(void **state)
{
    (void)state;
    const uint64_t half = UINT64_C(1) << 63;
    struct spec small = {0, 1, 1, 1, "a:1"};
    struct spec most = {0, half, 1, 1, "a:1"};
    struct spec over = {0, half + 1, 1, 1, "a:1"};
    check_status(most, small, CTM_OK);
    check_status(small, most, CTM_OK);
    check_status(over, over, CTM_OK);
    check_status(over, small, CTM_ELIMIT);
    check_status(small, over, CTM_ELIMIT);
    struct spec many = {0, 0, half + 1, 1, "a:1"};
    check_status(many, small, CTM_ELIMIT);
    struct spec product = {0, half, 2, 1, "a:1"};
    check_status(product, small, CTM_ELIMIT);
    check_status(small, product, CTM_ELIMIT);
}

static void test_wrong_keys(void **state)
{
    (void)state;
    struct ctm_diffs diffs = {.length = 7};
    struct ctm_snapshot *s = finish(new_builder());
    assert_int_equal(ctm_diff(s, s, CTM_KEY_TRACEBACK, CTM_AT_FRAMES, &diffs), CTM_EINVAL);
    assert_int_equal(ctm_diff(s, s, CTM_KEY_COUNT, CTM_AT_NEWEST, &diffs), CTM_EINVAL);
    assert_int_equal(diffs.length, 7);
    ctm_snapshot_unref(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lineno),    cmocka_unit_test(test_filename_cumulative),
        cmocka_unit_test(test_traceback), cmocka_unit_test(test_traceback_in_another_order),
        cmocka_unit_test(test_order),     cmocka_unit_test(test_with_itself_and_with_nothing),
        cmocka_unit_test(test_limits),    cmocka_unit_test(test_wrong_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
