/*
 * Every allocation of the floor fails once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heap.h"
#include "snapshot/array.h"
#include "snapshot/diff.h"
#include "snapshot/filter.h"
#include "snapshot/merge.h"
#include "snapshot/tree.h"
#include "support.h"

/* Frames enough for each table to grow more than once. */
enum {
    FRAMES = 80,
    LONG_TEXT = 3000,
};

static int add_texts(struct ctm_builder *b, uint32_t i, struct ctm_frame *frame)
{
    static char text[LONG_TEXT];
    memset(text, 'x', sizeof text);
    int length = snprintf(text, sizeof text, "file %u.py", i);
    size_t size = i == FRAMES / 2 ? sizeof text : (size_t)length;
    int status = ctm_builder_string(b, text, size, &frame->file);
    if (status == CTM_OK) {
        status = ctm_builder_string(b, "name", i % 2 * 4, &frame->name);
    }
    return status;
}

static int add_all(struct ctm_builder *b)
{
    uint32_t node = CTM_NO_NODE;
    for (uint32_t i = 0; i < FRAMES; i++) {
        struct ctm_frame frame = {.line = i % 7};
        uint32_t id;
        int status = add_texts(b, i % 60, &frame);
        if (status == CTM_OK) {
            status = ctm_builder_frame(b, frame, &id);
        }
        if (status == CTM_OK) {
            status = ctm_builder_node(b, i % 3 == 0 ? CTM_NO_NODE : node, id, &node);
        }
        if (status == CTM_OK) {
            status = ctm_builder_stack(b, (struct ctm_stack){node, i}, &id);
        }
        if (status == CTM_OK) {
            struct ctm_row row = {.domain = i % 2, .stack = id, .size = i, .count = 1 + i % 3};
            status = ctm_builder_row(b, row);
        }
        if (status != CTM_OK) {
            return status;
        }
    }
    return ctm_builder_merge_rows(b);
}

static int build(struct ctm_snapshot **out)
{
    struct ctm_builder *b;
    int status = ctm_builder_new(&b);
    if (status != CTM_OK) {
        return status;
    }
    status = add_all(b);
    if (status != CTM_OK) {
        ctm_builder_free(b);
        return status;
    }
    return ctm_builder_finish(b, NULL, out);
}

static int build_and_drop(const struct ctm_snapshot *s, const struct ctm_snapshot *other)
{
    (void)s;
    (void)other;
    struct ctm_snapshot *built;
    int status = build(&built);
    if (status == CTM_OK) {
        ctm_snapshot_unref(built);
    }
    return status;
}

static int group(const struct ctm_snapshot *s, enum ctm_key key, enum ctm_counting counting)
{
    struct ctm_groups groups;
    int status = ctm_group(s, key, counting, &groups);
    if (status == CTM_OK) {
        ctm_groups_free(&groups);
    }
    return status;
}

static int group_files(const struct ctm_snapshot *s, const struct ctm_snapshot *other)
{
    (void)other;
    return group(s, CTM_KEY_FILENAME, CTM_AT_FRAMES);
}

static int group_lines(const struct ctm_snapshot *s, const struct ctm_snapshot *other)
{
    (void)other;
    return group(s, CTM_KEY_LINENO, CTM_AT_NEWEST);
}

static int group_tracebacks(const struct ctm_snapshot *s, const struct ctm_snapshot *other)
{
    (void)other;
    return group(s, CTM_KEY_TRACEBACK, CTM_AT_NEWEST);
}

static int group_functions(const struct ctm_snapshot *s, const struct ctm_snapshot *other)
{
    (void)other;
    return group(s, CTM_KEY_FUNCTION, CTM_AT_NEWEST);
}

static int group_modules(const struct ctm_snapshot *s, const struct ctm_snapshot *other)
{
    (void)other;
    return group(s, CTM_KEY_MODULE, CTM_AT_PLACES);
}

static int tree(const struct ctm_snapshot *s, enum ctm_key key, bool inverted)
{
    struct ctm_tree made;
    int status = ctm_tree_make(s, key, inverted, &made);
    if (status == CTM_OK) {
        ctm_tree_free(&made);
    }
    return status;
}

static int tree_of_frames(const struct ctm_snapshot *s, const struct ctm_snapshot *other)
{
    (void)other;
    return tree(s, CTM_KEY_FRAME, false);
}

static int tree_of_modules(const struct ctm_snapshot *s, const struct ctm_snapshot *other)
{
    (void)other;
    return tree(s, CTM_KEY_MODULE, false);
}

static int tree_inverted(const struct ctm_snapshot *s, const struct ctm_snapshot *other)
{
    (void)other;
    return tree(s, CTM_KEY_FUNCTION, true);
}

static int diff(const struct ctm_snapshot *s, const struct ctm_snapshot *other, enum ctm_key key,
                enum ctm_counting counting)
{
    struct ctm_diffs diffs;
    int status = ctm_diff(s, other, key, counting, &diffs);
    if (status == CTM_OK) {
        ctm_diffs_free(&diffs);
    }
    return status;
}

static int diff_tracebacks(const struct ctm_snapshot *s, const struct ctm_snapshot *other)
{
    return diff(s, other, CTM_KEY_TRACEBACK, CTM_AT_NEWEST);
}

static int diff_lines(const struct ctm_snapshot *s, const struct ctm_snapshot *other)
{
    (void)other;
    return diff(s, s, CTM_KEY_LINENO, CTM_AT_FRAMES);
}

static int filter(const struct ctm_snapshot *s, const struct ctm_snapshot *other)
{
    (void)other;
    struct ctm_filter filters[] = {{.inclusive = true, .domain = 1},
                                   {.inclusive = false, .any_domain = true}};
    struct ctm_snapshot *kept;
    int status = ctm_filter((struct ctm_snapshot *)s, filters, 2, &kept);
    if (status == CTM_OK) {
        ctm_snapshot_unref(kept);
    }
    return status;
}

static int derive(const struct ctm_snapshot *s, const struct ctm_snapshot *other)
{
    (void)other;
    struct ctm_snapshot *derived;
    int status = ctm_snapshot_with_rows((struct ctm_snapshot *)s, s->rows, s->row_count, &derived);
    if (status == CTM_OK) {
        ctm_snapshot_unref(derived);
    }
    return status;
}

/* Let each request of `work` fail in turn, until one run has none left to fail. */
static void fail_each(int (*work)(const struct ctm_snapshot *, const struct ctm_snapshot *))
{
    struct ctm_snapshot *s;
    struct ctm_snapshot *other;
    assert_ok(build(&s));
    assert_ok(build(&other));
    long live = heap.live;
    unsigned long failures = 0;
    for (unsigned long nth = 1;; nth++) {
        memset(&heap, 0, sizeof heap);
        heap.until = nth;
        int status = work(s, other);
        heap.until = 0;
        assert_int_equal(heap.live, 0);
        if (heap.failed == 0) {
            assert_ok(status);
            break;
        }
        assert_int_equal(status, heap.shrinks != 0 ? CTM_OK : CTM_ENOMEM);
        failures++;
    }
    assert_true(failures >= 2);
    heap.live = live;
    ctm_snapshot_unref(s);
    ctm_snapshot_unref(other);
    assert_int_equal(heap.live, 0);
}

static void test_build(void **state)
{
    (void)state;
    fail_each(build_and_drop);
}

static void test_group(void **state)
{
    (void)state;
    fail_each(group_files);
    fail_each(group_lines);
    fail_each(group_tracebacks);
    fail_each(group_functions);
    fail_each(group_modules);
}

static void test_tree(void **state)
{
    (void)state;
    fail_each(tree_of_frames);
    fail_each(tree_of_modules);
    fail_each(tree_inverted);
}

static void test_diff(void **state)
{
    (void)state;
    fail_each(diff_tracebacks);
    fail_each(diff_lines);
}

static void test_filter(void **state)
{
    (void)state;
    fail_each(filter);
    fail_each(derive);
}

static int merge(const struct ctm_snapshot *s, const struct ctm_snapshot *other)
{
    struct ctm_snapshot *merged;
    struct ctm_snapshot *snapshots[] = {(struct ctm_snapshot *)s, (struct ctm_snapshot *)other};
    int status = ctm_merge(snapshots, 2, &merged);
    if (status == CTM_OK) {
        ctm_snapshot_unref(merged);
    }
    return status;
}

static void test_merge(void **state)
{
    (void)state;
    fail_each(merge);
}

static bool same_tables(const struct ctm_tables *a, const struct ctm_tables *b)
{
    if (a->string_count != b->string_count || a->frame_count != b->frame_count ||
        a->node_count != b->node_count || a->stack_count != b->stack_count) {
        return false;
    }
    for (uint32_t i = 0; i < a->string_count; i++) {
        if (ctm_string_compare(a->strings[i], b->strings[i]) != 0) {
            return false;
        }
    }
    return memcmp(a->frames, b->frames, a->frame_count * sizeof *a->frames) == 0 &&
           memcmp(a->nodes, b->nodes, a->node_count * sizeof *a->nodes) == 0 &&
           memcmp(a->stacks, b->stacks, a->stack_count * sizeof *a->stacks) == 0;
}

/* A call that failed has changed nothing: a second try leads to what no failure leads to. */
static void test_second_try(void **state)
{
    (void)state;
    struct ctm_snapshot *wanted;
    assert_ok(build(&wanted));
    for (unsigned long nth = 1;; nth++) {
        struct ctm_builder *b;
        struct ctm_snapshot *s;
        assert_ok(ctm_builder_new(&b));
        heap.failed = 0;
        heap.until = nth;
        int status = add_all(b);
        heap.until = 0;
        if (status != CTM_OK) {
            assert_int_equal(status, CTM_ENOMEM);
            /* Rows that came before the failure come again: merged, they count twice. */
            status = add_all(b);
        }
        assert_ok(status);
        assert_ok(ctm_builder_finish(b, NULL, &s));
        assert_true(same_tables(s->tables, wanted->tables));
        assert_int_equal(s->row_count, wanted->row_count);
        for (size_t i = 0; i < s->row_count; i++) {
            uint64_t count = 0;
            for (size_t k = 0; k < s->row_count; k++) {
                if (memcmp(&s->rows[i], &wanted->rows[k], offsetof(struct ctm_row, count)) == 0) {
                    count = wanted->rows[k].count;
                }
            }
            assert_true(count != 0);
            assert_true(s->rows[i].count == count || s->rows[i].count == 2 * count);
        }
        ctm_snapshot_unref(s);
        if (heap.failed == 0) {
            break;
        }
    }
    ctm_snapshot_unref(wanted);
}

/* Lengths come from data: a size that wraps is no memory. */
static void test_sizes_that_wrap(void **state)
{
    (void)state;
    /* Volatile: the compiler warns of a size that it can see, and leaves out a request of which
     * nothing is used but whether it succeeded. */
    volatile size_t length = SIZE_MAX / 8 + 1;
    void *volatile refused = ctm_array_new(length, 8);
    assert_null(refused);
    refused = ctm_array_zeroed(length, 8);
    assert_null(refused);
    size_t capacity = SIZE_MAX / 8;
    refused = ctm_array_grow(NULL, &capacity, 8);
    assert_null(refused);
    capacity = SIZE_MAX - 1;
    refused = ctm_array_grow(NULL, &capacity, 1);
    assert_null(refused);
    assert_int_equal(capacity, SIZE_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build),      cmocka_unit_test(test_group),
        cmocka_unit_test(test_diff),       cmocka_unit_test(test_filter),
        cmocka_unit_test(test_second_try), cmocka_unit_test(test_tree),
        cmocka_unit_test(test_merge),      cmocka_unit_test(test_sizes_that_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
