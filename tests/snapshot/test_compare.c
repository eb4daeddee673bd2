#include <stdlib.h>
#include <string.h>

#include "support.h"

static size_t encode(uint32_t point, char *out)
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    size_t more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    static const unsigned lead[] = {0, 0xc0, 0xe0, 0xf0};
    for (size_t i = more; i > 0; i--) {
        out[i] = (char)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    out[0] = (char)(lead[more] | point);
    return more + 1;
}

/* Each code point is less than the next, surrogates too, and than itself with anything behind. */
static void test_every_code_point(void **state)
{
    (void)state;
    char last[8] = {0};
    size_t last_length = encode(0, last);
    for (uint32_t point = 1; point < 0x110000; point++) {
        char text[8];
        size_t length = encode(point, text);
        struct ctm_string low = {.bytes = last, .length = last_length};
        struct ctm_string high = {.bytes = text, .length = length};
        assert_true(ctm_string_compare(low, high) < 0);
        assert_true(ctm_string_compare(high, low) > 0);
        last[last_length] = '\x7f';
        low.length++;
        assert_true(ctm_string_compare(low, high) < 0);
        memcpy(last, text, sizeof last);
        last_length = length;
    }
}

static void test_prefixes(void **state)
{
    (void)state;
    struct ctm_string empty = {.bytes = "", .length = 0};
    struct ctm_string nul = {.bytes = "\0", .length = 1};
    struct ctm_string a = {.bytes = "a", .length = 1};
    struct ctm_string ab = {.bytes = "ab", .length = 2};
    assert_true(ctm_string_compare(empty, empty) == 0);
    assert_true(ctm_string_compare(empty, nul) < 0);
    assert_true(ctm_string_compare(nul, empty) > 0);
    assert_true(ctm_string_compare(nul, a) < 0);
    assert_true(ctm_string_compare(a, ab) < 0);
    assert_true(ctm_string_compare(ab, a) > 0);
    assert_true(ctm_string_compare(ab, ab) == 0);
}

/* Tracebacks in ascending order, each with its newest frame first. */
static const char *const ASCENDING[] = {
    "", "z:9", "a:1 z:9", "a:1 a:1 z:9", "a:2 z:9", "b:0 z:9", "a:1 z:10", "zz:0",
};
enum {
    LENGTH = sizeof ASCENDING / sizeof *ASCENDING,
};

static void check_order(const struct ctm_snapshot *a, const struct ctm_snapshot *b)
{
    for (uint32_t i = 0; i < LENGTH; i++) {
        for (uint32_t k = 0; k < LENGTH; k++) {
            int order = ctm_traceback_compare(a->tables, i, b->tables, k);
            assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
        }
    }
}

static void test_tracebacks(void **state)
{
    (void)state;
    struct ctm_builder *forth = new_builder();
    struct ctm_builder *back = new_builder();
    for (size_t i = 0; i < LENGTH; i++) {
        add_stack(forth, ASCENDING[i], (uint32_t)i);
    }
    /* The other tables have other ids for the same texts, and names. */
    add_string(back, "zz");
    add_stack(back, "", 0);
    add_stack(back, "z:9@f", 0);
    for (size_t i = 2; i < LENGTH; i++) {
        add_stack(back, ASCENDING[i], 0);
    }
    struct ctm_snapshot *a = finish(forth);
    struct ctm_snapshot *b = finish(back);
    check_order(a, a);
    check_order(a, b);
    check_order(b, a);
    ctm_snapshot_unref(a);
    ctm_snapshot_unref(b);
}

/* As deep as a stack may be: neither comparing nor grouping recurses. */
static void test_deep(void **state)
{
    (void)state;
    enum { DEEP = 65535 };
    struct ctm_builder *b = new_builder();
    uint32_t frames[2];
    uint32_t nodes[2] = {CTM_NO_NODE, CTM_NO_NODE};
    uint32_t stacks[2];
    for (uint32_t i = 0; i < 2; i++) {
        struct ctm_frame frame = {.file = add_string(b, "a"), .line = i + 1};
        assert_ok(ctm_builder_frame(b, frame, &frames[i]));
    }
    for (uint32_t i = 0; i < DEEP; i++) {
        assert_ok(ctm_builder_node(b, nodes[0], frames[i % 2], &nodes[0]));
        assert_ok(ctm_builder_node(b, nodes[1], frames[i == 0 ? 1 : i % 2], &nodes[1]));
    }
    for (size_t i = 0; i < 2; i++) {
        struct ctm_stack stack = {.node = nodes[i], .total_nframe = DEEP};
        assert_ok(ctm_builder_stack(b, stack, &stacks[i]));
        struct ctm_row row = {.stack = stacks[i], .size = 1, .count = 1};
        assert_ok(ctm_builder_row(b, row));
    }
    struct ctm_snapshot *s = finish(b);
    assert_true(ctm_traceback_compare(s->tables, stacks[0], s->tables, stacks[1]) < 0);
    struct ctm_groups groups;
    assert_ok(ctm_group(s, CTM_KEY_TRACEBACK, CTM_AT_NEWEST, &groups));
    assert_int_equal(groups.length, 2);
    assert_int_equal(groups.items[0].stack, stacks[1]);
    ctm_groups_free(&groups);
    assert_ok(ctm_group(s, CTM_KEY_FILENAME, CTM_AT_FRAMES, &groups));
    assert_int_equal(groups.length, 1);
    assert_int_equal(groups.items[0].count, 2 * DEEP);
    ctm_groups_free(&groups);
    assert_ok(ctm_group(s, CTM_KEY_FILENAME, CTM_AT_PLACES, &groups));
    assert_int_equal(groups.length, 1);
    assert_int_equal(groups.items[0].count, 2);
    ctm_groups_free(&groups);
    ctm_snapshot_unref(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_tracebacks),
        cmocka_unit_test(test_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
