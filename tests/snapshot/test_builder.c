#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static void test_empty(void **state)
{
    (void)state;
    struct ctm_snapshot *s = finish(new_builder());
    assert_int_equal(s->tables->string_count, 1);
    assert_int_equal(s->tables->strings[0].length, 0);
    assert_non_null(s->tables->strings[0].bytes);
    assert_int_equal(s->tables->frame_count, 0);
    assert_int_equal(s->tables->node_count, 0);
    assert_int_equal(s->tables->stack_count, 0);
    assert_int_equal(s->row_count, 0);
    assert_int_equal(s->trace_count, 0);
    ctm_snapshot_unref(s);
    ctm_builder_free(new_builder());
    ctm_builder_free(NULL);
}

static void test_strings(void **state)
{
    (void)state;
    struct ctm_builder *b = new_builder();
    uint32_t id = 9;
    assert_ok(ctm_builder_string(b, NULL, 0, &id));
    assert_int_equal(id, 0);
    assert_int_equal(add_string(b, ""), 0);
    assert_int_equal(add_string(b, "a"), 1);
    assert_ok(ctm_builder_string(b, "a\0", 2, &id));
    assert_int_equal(id, 2);
    assert_ok(ctm_builder_string(b, "a\0b", 3, &id));
    assert_int_equal(id, 3);
    assert_int_equal(add_string(b, "a"), 1);
    struct ctm_snapshot *s = finish(b);
    assert_int_equal(s->tables->string_count, 4);
    assert_int_equal(s->tables->strings[3].length, 3);
    assert_memory_equal(s->tables->strings[3].bytes, "a\0b", 3);
    ctm_snapshot_unref(s);
}

/* Texts of every length up to some, and of 1 MiB and more: all come back as they were. */
static void test_string_lengths(void **state)
{
    (void)state;
    enum { LONGEST = 3000, HUGE = (1 << 20) + 77 };
    struct ctm_builder *b = new_builder();
    char *text = malloc(HUGE);
    assert_non_null(text);
    for (size_t i = 0; i < HUGE; i++) {
        text[i] = (char)(i * 31 % 251);
    }
    uint32_t id;
    for (int round = 0; round < 2; round++) {
        for (size_t length = 0; length <= LONGEST; length++) {
            assert_ok(ctm_builder_string(b, text, length, &id));
            assert_int_equal(id, length);
        }
        assert_ok(ctm_builder_string(b, text, HUGE, &id));
        assert_int_equal(id, LONGEST + 1);
    }
    struct ctm_snapshot *s = finish(b);
    for (size_t length = 0; length <= LONGEST; length++) {
        assert_int_equal(s->tables->strings[length].length, length);
        assert_memory_equal(s->tables->strings[length].bytes, text, length);
    }
    assert_int_equal(s->tables->strings[LONGEST + 1].length, HUGE);
    assert_memory_equal(s->tables->strings[LONGEST + 1].bytes, text, HUGE);
    assert_true(ctm_snapshot_memory(s) >= LONGEST * (LONGEST + 1) / 2 + HUGE);
    ctm_snapshot_unref(s);
    free(text);
}

static void test_equal_entries_have_one_id(void **state)
{
    (void)state;
    struct ctm_builder *b = new_builder();
    assert_int_equal(add_stack(b, "c:3 b:2 a:1", 3), 0);
    assert_int_equal(add_stack(b, "c:3 b:2 a:1", 4), 1);
    assert_int_equal(add_stack(b, "d:4 b:2 a:1", 3), 2);
    assert_int_equal(add_stack(b, "b:2 a:1", 3), 3);
    assert_int_equal(add_stack(b, "", 0), 4);
    assert_int_equal(add_stack(b, "c:3@f b:2 a:1", 3), 5);
    assert_int_equal(add_stack(b, "c:3 b:2 a:1", 3), 0);
    struct ctm_snapshot *s = finish(b);
    assert_int_equal(s->tables->frame_count, 5);
    assert_int_equal(s->tables->node_count, 5);
    assert_int_equal(s->tables->stack_count, 6);
    assert_string_equal(stack_text(s->tables, 2), "d:4 b:2 a:1");
    assert_string_equal(stack_text(s->tables, 4), "");
    for (uint32_t i = 0; i < s->tables->node_count; i++) {
        uint32_t parent = s->tables->nodes[i].parent;
        assert_true(parent == CTM_NO_NODE || parent < i);
    }
    ctm_snapshot_unref(s);
}

static void test_ids_that_were_not_handed_out(void **state)
{
    (void)state;
    struct ctm_builder *b = new_builder();
    uint32_t id = 77;
    assert_int_equal(ctm_builder_frame(b, (struct ctm_frame){.file = 1}, &id), CTM_EINVAL);
    assert_int_equal(ctm_builder_frame(b, (struct ctm_frame){.name = 1}, &id), CTM_EINVAL);
    assert_int_equal(ctm_builder_node(b, CTM_NO_NODE, 0, &id), CTM_EINVAL);
    assert_int_equal(ctm_builder_stack(b, (struct ctm_stack){.node = 0}, &id), CTM_EINVAL);
    assert_int_equal(ctm_builder_row(b, (struct ctm_row){.count = 1}), CTM_EINVAL);
    assert_int_equal(id, 77);
    assert_ok(ctm_builder_frame(b, (struct ctm_frame){.line = 1}, &id));
    assert_int_equal(ctm_builder_node(b, 0, id, &id), CTM_EINVAL);
    assert_int_equal(ctm_builder_node(b, CTM_NO_NODE, 1, &id), CTM_EINVAL);
    assert_ok(ctm_builder_node(b, CTM_NO_NODE, 0, &id));
    assert_int_equal(ctm_builder_node(b, 1, 0, &id), CTM_EINVAL);
    assert_int_equal(ctm_builder_stack(b, (struct ctm_stack){.node = 1}, &id), CTM_EINVAL);
    assert_ok(ctm_builder_stack(b, (struct ctm_stack){.node = 0}, &id));
    assert_int_equal(ctm_builder_row(b, (struct ctm_row){.stack = 1, .count = 1}), CTM_EINVAL);
    assert_int_equal(ctm_builder_row(b, (struct ctm_row){.stack = 0, .count = 0}), CTM_EINVAL);
    assert_ok(ctm_builder_row(b, (struct ctm_row){.stack = 0, .count = 1}));
    struct ctm_snapshot *s = finish(b);
    assert_int_equal(s->row_count, 1);
    ctm_snapshot_unref(s);
}

static void check_row(const struct ctm_snapshot *s, size_t at, struct ctm_row wanted)
{
    assert_int_equal(s->rows[at].domain, wanted.domain);
    assert_int_equal(s->rows[at].stack, wanted.stack);
    assert_int_equal(s->rows[at].size, wanted.size);
    assert_int_equal(s->rows[at].count, wanted.count);
}

static void test_rows_keep_their_order(void **state)
{
    (void)state;
    static const struct spec specs[] = {
        {0, 5, 1, 1, "a:1"}, {0, 5, 2, 1, "a:1"}, {0, 6, 1, 1, "a:1"}, {0, 5, 1, 1, "a:1"},
        {1, 5, 1, 1, "a:1"}, {1, 5, 9, 1, "b:1"}, {1, 5, 9, 1, "b:1"},
    };
    struct ctm_snapshot *s = make_snapshot(specs, 7);
    assert_int_equal(s->row_count, 5);
    check_row(s, 0, (struct ctm_row){0, 0, 5, 3});
    check_row(s, 1, (struct ctm_row){0, 0, 6, 1});
    check_row(s, 2, (struct ctm_row){0, 0, 5, 1});
    check_row(s, 3, (struct ctm_row){1, 0, 5, 1});
    check_row(s, 4, (struct ctm_row){1, 1, 5, 18});
    assert_int_equal(s->trace_count, 24);
    ctm_snapshot_unref(s);
}

static void test_merge_rows(void **state)
{
    (void)state;
    static const struct spec specs[] = {
        {0, 10, 1, 1, "a:1"}, {0, 5, 2, 1, "a:1"}, {0, 10, 2, 1, "b:1"}, {0, 10, 1, 1, "a:1"},
        {7, 10, 1, 1, "a:1"}, {0, 0, 4, 1, "a:1"}, {0, 10, 1, 1, "c:1"}, {0, 20, 1, 1, "a:1"},
    };
    struct ctm_builder *b = new_builder();
    assert_ok(ctm_builder_merge_rows(b));
    for (size_t i = 0; i < 8; i++) {
        add_row(b, &specs[i]);
    }
    assert_ok(ctm_builder_merge_rows(b));
    assert_ok(ctm_builder_merge_rows(b));
    /* Rows may still come, and stand behind. */
    add_row(b, &specs[2]);
    struct ctm_snapshot *s = finish(b);
    assert_int_equal(s->row_count, 8);
    check_row(s, 0, (struct ctm_row){0, 0, 10, 2});
    check_row(s, 1, (struct ctm_row){0, 0, 20, 1});
    check_row(s, 2, (struct ctm_row){0, 1, 10, 2});
    check_row(s, 3, (struct ctm_row){0, 0, 5, 2});
    check_row(s, 4, (struct ctm_row){0, 2, 10, 1});
    check_row(s, 5, (struct ctm_row){7, 0, 10, 1});
    check_row(s, 6, (struct ctm_row){0, 0, 0, 4});
    check_row(s, 7, (struct ctm_row){0, 1, 10, 2});
    assert_int_equal(s->trace_count, 15);
    ctm_snapshot_unref(s);
}

static void test_too_many_traces(void **state)
{
    (void)state;
    struct ctm_builder *b = new_builder();
    add_row(b, &(struct spec){0, 1, UINT64_MAX - 1, 1, "a:1"});
    struct ctm_row row = {.size = 1, .count = 2};
    assert_int_equal(ctm_builder_row(b, row), CTM_ELIMIT);
    row.size = 2;
    assert_int_equal(ctm_builder_row(b, row), CTM_ELIMIT);
    row.count = 1;
    assert_ok(ctm_builder_row(b, row));
    /* Two bytes a block in UINT64_MAX - 1 blocks: the row's total has no 64 bits. */
    struct ctm_builder *large = new_builder();
    add_row(large, &(struct spec){0, 1, 3, 1, "b:1"});
    add_row(large, &(struct spec){0, 2, UINT64_MAX / 2 + 1, 1, "a:1"});
    assert_int_equal(ctm_builder_merge_rows(large), CTM_ELIMIT);
    struct ctm_snapshot *s = finish(b);
    assert_int_equal(s->trace_count, UINT64_MAX);
    ctm_snapshot_unref(s);
    s = finish(large);
    assert_int_equal(s->row_count, 2);
    check_row(s, 0, (struct ctm_row){0, 0, 1, 3});
    check_row(s, 1, (struct ctm_row){0, 1, 2, UINT64_MAX / 2 + 1});
    ctm_snapshot_unref(s);
}

static void test_info(void **state)
{
    (void)state;
    struct ctm_info info = {
        .time_ns = 1,
        .current_bytes = 2,
        .current_blocks = 3,
        .peak_bytes = 4,
        .dropped = 5,
        .lost = 6,
        .nframe = 7,
        .pid = 8,
    };
    struct ctm_snapshot *s;
    assert_ok(ctm_builder_finish(new_builder(), &info, &s));
    assert_memory_equal(&s->info, &info, sizeof info);
    ctm_snapshot_unref(s);
    static const struct ctm_info unknown;
    s = finish(new_builder());
    assert_memory_equal(&s->info, &unknown, sizeof unknown);
    ctm_snapshot_unref(s);
}

/* Enough of everything for each table to grow many times; ids stay what they were. */
static void test_many(void **state)
{
    (void)state;
    enum { MANY = 30000 };
    struct ctm_builder *b = new_builder();
    for (int round = 0; round < 2; round++) {
        uint32_t node = CTM_NO_NODE;
        for (uint32_t i = 0; i < MANY; i++) {
            char text[32];
            uint32_t id;
            (void)snprintf(text, sizeof text, "file %u.py", i);
            assert_int_equal(add_string(b, text), i + 1);
            struct ctm_frame frame = {.file = i + 1, .name = i, .line = i};
            assert_ok(ctm_builder_frame(b, frame, &id));
            assert_int_equal(id, i);
            assert_ok(ctm_builder_node(b, node, id, &node));
            assert_int_equal(node, i);
            assert_ok(ctm_builder_stack(b, (struct ctm_stack){node, i}, &id));
            assert_int_equal(id, i);
            struct ctm_row row = {.stack = id, .size = i, .count = 1};
            assert_ok(ctm_builder_row(b, row));
        }
    }
    assert_ok(ctm_builder_merge_rows(b));
    struct ctm_snapshot *s = finish(b);
    assert_int_equal(s->tables->string_count, MANY + 1);
    assert_int_equal(s->tables->frame_count, MANY);
    assert_int_equal(s->tables->node_count, MANY);
    assert_int_equal(s->tables->stack_count, MANY);
    assert_int_equal(s->row_count, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t id = MANY - 1 - i;
        check_row(s, i, (struct ctm_row){0, id, id, 2});
        assert_int_equal(s->tables->frames[i].file, i + 1);
        assert_int_equal(s->tables->nodes[i].frame, i);
        assert_int_equal(s->tables->nodes[i].parent, i == 0 ? CTM_NO_NODE : i - 1);
    }
    ctm_snapshot_unref(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_string_lengths),
        cmocka_unit_test(test_equal_entries_have_one_id),
        cmocka_unit_test(test_ids_that_were_not_handed_out),
        cmocka_unit_test(test_rows_keep_their_order),
        cmocka_unit_test(test_merge_rows),
        cmocka_unit_test(test_too_many_traces),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
