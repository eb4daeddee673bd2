#include <string.h>

#include "snapshot/keys.h"
#include "support.h"

struct wanted {
    const char *file;
    uint32_t line;
    uint64_t size;
    uint64_t count;
};

static void check_group(const struct ctm_snapshot *s, enum ctm_key key, enum ctm_counting counting,
                        const struct wanted *wanted, size_t count)
{
    struct ctm_groups groups;
    assert_ok(ctm_group(s, key, counting, &groups));
    assert_int_equal(groups.length, count);
    for (size_t i = 0; i < count; i++) {
        const struct ctm_group *group = &groups.items[i];
        assert_int_equal(group->no_frame, wanted[i].file == NULL);
        if (!group->no_frame) {
            assert_int_equal(group->frame.file, find_string(s->tables, wanted[i].file));
            assert_int_equal(group->frame.line, wanted[i].line);
        }
        assert_int_equal(group->size, wanted[i].size);
        assert_int_equal(group->count, wanted[i].count);
    }
    ctm_groups_free(&groups);
    assert_null(groups.items);
    assert_int_equal(groups.length, 0);
}

static const struct spec TRACES[] = {
    {0, 10, 3, 3, "a.py:2 b.py:4"}, {0, 10, 1, 9, "a.py:2 b.py:4"}, {1, 2, 1, 1, "a.py:5 b.py:4"},
    {2, 66, 1, 1, "b.py:1"},        {3, 7, 1, 1, "<unknown>:0"},
};
enum {
    TRACE_COUNT = sizeof TRACES / sizeof *TRACES,
};

static void test_filename(void **state)
{
    (void)state;
    static const struct wanted newest[] = {
        {"b.py", 0, 66, 1}, {"a.py", 0, 42, 5}, {"<unknown>", 0, 7, 1}};
    static const struct wanted all[] = {
        {"b.py", 0, 108, 6}, {"a.py", 0, 42, 5}, {"<unknown>", 0, 7, 1}};
    struct ctm_snapshot *s = make_snapshot(TRACES, TRACE_COUNT);
    check_group(s, CTM_KEY_FILENAME, CTM_AT_NEWEST, newest, 3);
    check_group(s, CTM_KEY_FILENAME, CTM_AT_FRAMES, all, 3);
    ctm_snapshot_unref(s);
}

static void test_lineno(void **state)
{
    (void)state;
    static const struct wanted newest[] = {
        {"b.py", 1, 66, 1}, {"a.py", 2, 40, 4}, {"<unknown>", 0, 7, 1}, {"a.py", 5, 2, 1}};
    static const struct wanted all[] = {{"b.py", 1, 66, 1},
                                        {"b.py", 4, 42, 5},
                                        {"a.py", 2, 40, 4},
                                        {"<unknown>", 0, 7, 1},
                                        {"a.py", 5, 2, 1}};
    struct ctm_snapshot *s = make_snapshot(TRACES, TRACE_COUNT);
    check_group(s, CTM_KEY_LINENO, CTM_AT_NEWEST, newest, 4);
    check_group(s, CTM_KEY_LINENO, CTM_AT_FRAMES, all, 5);
    ctm_snapshot_unref(s);
}

static void test_traceback(void **state)
{
    (void)state;
    struct ctm_snapshot *s = make_snapshot(TRACES, TRACE_COUNT);
    struct ctm_groups groups;
    assert_ok(ctm_group(s, CTM_KEY_TRACEBACK, CTM_AT_NEWEST, &groups));
    assert_int_equal(groups.length, 4);
    assert_string_equal(stack_text(s->tables, groups.items[0].stack), "b.py:1");
    assert_string_equal(stack_text(s->tables, groups.items[1].stack), "a.py:2 b.py:4");
    assert_int_equal(groups.items[1].count, 4);
    assert_int_equal(s->tables->stacks[groups.items[1].stack].total_nframe, 3);
    assert_string_equal(stack_text(s->tables, groups.items[2].stack), "<unknown>:0");
    assert_string_equal(stack_text(s->tables, groups.items[3].stack), "a.py:5 b.py:4");
    ctm_groups_free(&groups);
    ctm_snapshot_unref(s);
}

/* Groups that are equal but for their traceback come in descending order of it. */
static void test_ties(void **state)
{
    (void)state;
    static const struct spec specs[] = {
        {0, 4, 1, 1, "a:10"}, {0, 4, 1, 1, "b:1"}, {0, 4, 1, 1, "a:9"},
        {0, 2, 2, 1, "a:9"},  {0, 8, 1, 1, "c:1"}, {0, 2, 2, 1, "c:2"},
    };
    static const struct wanted lines[] = {
        {"a", 9, 8, 3}, {"c", 1, 8, 1}, {"c", 2, 4, 2}, {"b", 1, 4, 1}, {"a", 10, 4, 1}};
    struct ctm_snapshot *s = make_snapshot(specs, 6);
    check_group(s, CTM_KEY_LINENO, CTM_AT_NEWEST, lines, 5);
    ctm_snapshot_unref(s);
}

/* Frames that differ only in the function are one to Python, anywhere in a stack. */
static void test_names_merge(void **state)
{
    (void)state;
    static const struct spec specs[] = {
        {0, 1, 1, 1, "a:1@f b:2@g c:3"},
        {0, 2, 1, 1, "a:1@f b:2@h c:3"},
        {0, 4, 1, 1, "a:1@x b:2@g c:3"},
        {0, 8, 1, 1, "a:1 b:2"},
    };
    static const struct wanted newest[] = {{"a", 1, 15, 4}};
    static const struct wanted all[] = {{"b", 2, 15, 4}, {"a", 1, 15, 4}, {"c", 3, 7, 3}};
    struct ctm_snapshot *s = make_snapshot(specs, 4);
    check_group(s, CTM_KEY_LINENO, CTM_AT_NEWEST, newest, 1);
    check_group(s, CTM_KEY_LINENO, CTM_AT_FRAMES, all, 3);
    struct ctm_groups groups;
    assert_ok(ctm_group(s, CTM_KEY_TRACEBACK, CTM_AT_NEWEST, &groups));
    assert_int_equal(groups.length, 2);
    assert_string_equal(stack_text(s->tables, groups.items[0].stack), "a:1 b:2");
    assert_int_equal(groups.items[1].stack, s->rows[0].stack);
    assert_int_equal(groups.items[1].size, 7);
    ctm_groups_free(&groups);
    ctm_snapshot_unref(s);
}

static void test_recursion_counts_each_time(void **state)
{
    (void)state;
    static const struct spec specs[] = {
        {0, 10, 2, 1, "f:1 f:1 f:2 f:1 m:1"},
        {0, 1, 1, 1, "f:2 f:1 m:1"},
    };
    static const struct wanted lines[] = {{"f", 1, 61, 7}, {"m", 1, 21, 3}, {"f", 2, 21, 3}};
    static const struct wanted files[] = {{"f", 0, 82, 10}, {"m", 0, 21, 3}};
    struct ctm_snapshot *s = make_snapshot(specs, 2);
    check_group(s, CTM_KEY_LINENO, CTM_AT_FRAMES, lines, 3);
    check_group(s, CTM_KEY_FILENAME, CTM_AT_FRAMES, files, 2);
    ctm_snapshot_unref(s);
}

/* However often it is called: where places are counted, none has more than there is. */
static void test_recursion_counts_once(void **state)
{
    (void)state;
    static const struct spec specs[] = {
        {0, 10, 2, 1, "f:1@f g:3@g f:1@f f:2@f f:1@f m:1"},
        {0, 1, 1, 1, "f:2@f f:1@f m:1"},
        {0, 4, 1, 1, "g:3@g m:1"},
    };
    static const struct wanted places[] = {{"m", 0, 25, 4}, {"g", 0, 24, 3}, {"f", 0, 21, 3}};
    static const struct wanted lines[] = {
        {"m", 1, 25, 4}, {"g", 3, 24, 3}, {"f", 2, 21, 3}, {"f", 1, 21, 3}};
    struct ctm_snapshot *s = make_snapshot(specs, 3);
    check_group(s, CTM_KEY_LINENO, CTM_AT_PLACES, lines, 4);
    check_group(s, CTM_KEY_FRAME, CTM_AT_PLACES, lines, 4);
    check_group(s, CTM_KEY_FUNCTION, CTM_AT_PLACES, places, 3);
    check_group(s, CTM_KEY_FILENAME, CTM_AT_PLACES, places, 3);
    check_group(s, CTM_KEY_MODULE, CTM_AT_PLACES, places, 3);
    ctm_snapshot_unref(s);
}

static void test_no_frame(void **state)
{
    (void)state;
    static const struct spec specs[] = {{0, 5, 2, 0, ""}, {0, 5, 2, 1, "a:1"}, {0, 1, 1, 7, ""}};
    static const struct wanted files[] = {{"a", 0, 10, 2}};
    static const struct wanted lines[] = {{NULL, 0, 11, 3}, {"a", 1, 10, 2}};
    static const struct wanted all_lines[] = {{"a", 1, 10, 2}};
    static const struct wanted all_files[] = {{NULL, 0, 11, 3}, {"a", 0, 10, 2}};
    struct ctm_snapshot *s = make_snapshot(specs, 3);
    check_group(s, CTM_KEY_FILENAME, CTM_AT_NEWEST, files, 1);
    check_group(s, CTM_KEY_FILENAME, CTM_AT_FRAMES, files, 1);
    check_group(s, CTM_KEY_LINENO, CTM_AT_NEWEST, lines, 2);
    check_group(s, CTM_KEY_LINENO, CTM_AT_FRAMES, all_lines, 1);
    check_group(s, CTM_KEY_LINENO, CTM_AT_PLACES, lines, 2);
    check_group(s, CTM_KEY_FILENAME, CTM_AT_PLACES, all_files, 2);
    struct ctm_groups groups;
    assert_ok(ctm_group(s, CTM_KEY_TRACEBACK, CTM_AT_NEWEST, &groups));
    assert_int_equal(groups.length, 2);
    assert_true(groups.items[0].no_frame);
    assert_int_equal(groups.items[0].stack, s->rows[0].stack);
    assert_false(groups.items[1].no_frame);
    ctm_groups_free(&groups);
    ctm_snapshot_unref(s);
}

static void test_nothing(void **state)
{
    (void)state;
    struct ctm_snapshot *s = finish(new_builder());
    for (int key = CTM_KEY_FILENAME; key <= CTM_KEY_TRACEBACK; key++) {
        check_group(s, (enum ctm_key)key, CTM_AT_NEWEST, NULL, 0);
    }
    check_group(s, CTM_KEY_FILENAME, CTM_AT_FRAMES, NULL, 0);
    check_group(s, CTM_KEY_LINENO, CTM_AT_FRAMES, NULL, 0);
    check_group(s, CTM_KEY_LINENO, CTM_AT_PLACES, NULL, 0);
    ctm_snapshot_unref(s);
}

/* Blocks of no bytes are groups as well. */
static void test_size_zero(void **state)
{
    (void)state;
    static const struct wanted wanted[] = {{"a", 1, 0, 3}};
    struct ctm_snapshot *s = make_snapshot(&(struct spec){0, 0, 3, 1, "a:1"}, 1);
    check_group(s, CTM_KEY_LINENO, CTM_AT_NEWEST, wanted, 1);
    check_group(s, CTM_KEY_LINENO, CTM_AT_FRAMES, wanted, 1);
    ctm_snapshot_unref(s);
}

static void test_wrong_keys(void **state)
{
    (void)state;
    struct ctm_groups groups = {.length = 7};
    struct ctm_snapshot *s = make_snapshot(TRACES, TRACE_COUNT);
    assert_int_equal(ctm_group(s, CTM_KEY_TRACEBACK, CTM_AT_FRAMES, &groups), CTM_EINVAL);
    assert_int_equal(ctm_group(s, CTM_KEY_TRACEBACK, CTM_AT_PLACES, &groups), CTM_EINVAL);
    assert_int_equal(ctm_group(s, CTM_KEY_COUNT, CTM_AT_NEWEST, &groups), CTM_EINVAL);
    assert_int_equal(groups.length, 7);
    ctm_snapshot_unref(s);
}

static void check_limit(const struct spec *specs, size_t count, enum ctm_key key,
                        enum ctm_counting counting, int status)
{
    struct ctm_groups groups = {0};
    struct ctm_snapshot *s = make_snapshot(specs, count);
    assert_int_equal(ctm_group(s, key, counting, &groups), status);
    ctm_groups_free(&groups);
    ctm_snapshot_unref(s);
}

static void test_sums_over_64_bits(void **state)
{
    (void)state;
    const uint64_t half = UINT64_C(1) << 63;
    const struct spec product = {0, half, 2, 1, "a:1"};
    check_limit(&product, 1, CTM_KEY_TRACEBACK, CTM_AT_NEWEST, CTM_ELIMIT);
    const struct spec one_stack[] = {{0, half, 1, 1, "a:1"}, {1, half, 1, 1, "a:1"}};
    check_limit(one_stack, 2, CTM_KEY_TRACEBACK, CTM_AT_NEWEST, CTM_ELIMIT);
    const struct spec one_file[] = {{0, half, 1, 1, "a:1"}, {0, half, 1, 1, "a:2"}};
    check_limit(one_file, 2, CTM_KEY_FILENAME, CTM_AT_NEWEST, CTM_ELIMIT);
    check_limit(one_file, 2, CTM_KEY_FILENAME, CTM_AT_FRAMES, CTM_ELIMIT);
    check_limit(one_file, 2, CTM_KEY_LINENO, CTM_AT_NEWEST, CTM_OK);
    check_limit(one_file, 2, CTM_KEY_LINENO, CTM_AT_FRAMES, CTM_OK);
    const struct spec one_node[] = {{0, half, 1, 1, "a:1"}, {0, half, 1, 2, "a:1"}};
    check_limit(one_node, 2, CTM_KEY_LINENO, CTM_AT_FRAMES, CTM_ELIMIT);
    const struct spec one_caller[] = {{0, half, 1, 1, "a:1 c:1"}, {0, half, 1, 1, "b:1 c:1"}};
    check_limit(one_caller, 2, CTM_KEY_LINENO, CTM_AT_FRAMES, CTM_ELIMIT);
    check_limit(one_caller, 2, CTM_KEY_LINENO, CTM_AT_NEWEST, CTM_OK);
    /* Blocks, too, can be too many: each counts once for every frame. */
    const struct spec recursive = {0, 0, half, 1, "a:1 a:1"};
    check_limit(&recursive, 1, CTM_KEY_LINENO, CTM_AT_FRAMES, CTM_ELIMIT);
    check_limit(&recursive, 1, CTM_KEY_LINENO, CTM_AT_NEWEST, CTM_OK);
    check_limit(&recursive, 1, CTM_KEY_LINENO, CTM_AT_PLACES, CTM_OK);
    const struct spec nowhere[] = {{0, half, 1, 0, ""}, {0, half, 1, 1, ""}};
    check_limit(nowhere, 2, CTM_KEY_LINENO, CTM_AT_PLACES, CTM_ELIMIT);
}

/* Keys are dense and ascend with what they stand for, over one snapshot's tables and over two. */
static void test_keys(void **state)
{
    (void)state;
    static const struct spec specs[] = {{0, 1, 1, 1, "b:2 a:1"}, {0, 1, 1, 1, "b:1@name a:1"}};
    static const struct spec others[] = {{0, 1, 1, 1, "c:1 a:1"}, {0, 1, 1, 1, "b:2@x a:1"}};
    struct ctm_snapshot *s = make_snapshot(specs, 2);
    struct ctm_snapshot *other = make_snapshot(others, 2);
    struct ctm_keys keys;
    assert_ok(ctm_keys_init(&keys, CTM_KEY_FILENAME, s->tables, NULL));
    assert_int_equal(keys.count, 3);
    assert_int_equal(keys.of[0][find_string(s->tables, "a")], 1);
    assert_int_equal(keys.of[0][find_string(s->tables, "b")], 2);
    assert_int_equal(keys.of[0][find_string(s->tables, "name")], CTM_KEY_EMPTY);
    ctm_keys_deinit(&keys);
    assert_ok(ctm_keys_init(&keys, CTM_KEY_LINENO, s->tables, other->tables));
    assert_int_equal(keys.count, 5);
    static const uint32_t frames[] = {1, 3, 2};
    static const uint32_t other_frames[] = {1, 4, 3};
    assert_memory_equal(keys.of[0], frames, sizeof frames);
    assert_memory_equal(keys.of[1], other_frames, sizeof other_frames);
    ctm_keys_deinit(&keys);
    assert_ok(ctm_keys_init(&keys, CTM_KEY_TRACEBACK, s->tables, s->tables));
    assert_int_equal(keys.count, 4);
    assert_ptr_equal(keys.of[0], keys.of[1]);
    assert_memory_equal(keys.of[0], frames, sizeof frames);
    ctm_keys_deinit(&keys);
    ctm_snapshot_unref(s);
    ctm_snapshot_unref(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filename),
        cmocka_unit_test(test_lineno),
        cmocka_unit_test(test_traceback),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_names_merge),
        cmocka_unit_test(test_recursion_counts_each_time),
        cmocka_unit_test(test_recursion_counts_once),
        cmocka_unit_test(test_no_frame),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_size_zero),
        cmocka_unit_test(test_wrong_keys),
        cmocka_unit_test(test_sums_over_64_bits),
        cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
