#include "snapshot/filter.h"

#include <stdlib.h>
#include <string.h>

#include "support.h"

static const struct spec TRACES[] = {
    {0, 1, 1, 1, "a:1 b:1"},
    {1, 2, 2, 1, "b:2 a:1"},
    {2, 3, 3, 1, "c:1 b:1"},
    {0, 4, 4, 0, ""},
};

/* The sizes of the rows that are left: each of TRACES has its own. */
static void check_sizes(struct ctm_snapshot *s, const struct ctm_filter *filters, size_t count,
                        const char *sizes)
{
    struct ctm_snapshot *kept;
    assert_ok(ctm_filter(s, filters, count, &kept));
    assert_int_equal(kept->row_count, strlen(sizes));
    uint64_t traces = 0;
    for (size_t i = 0; i < kept->row_count; i++) {
        assert_int_equal(kept->rows[i].size, sizes[i] - '0');
        traces += kept->rows[i].count;
    }
    assert_int_equal(kept->trace_count, traces);
    ctm_snapshot_unref(kept);
}

static uint8_t *matching(const struct ctm_snapshot *s, const char *file)
{
    uint8_t *matches = calloc(s->tables->string_count, 1);
    assert_non_null(matches);
    matches[find_string(s->tables, file)] = 1;
    return matches;
}

static void test_files_and_lines(void **state)
{
    (void)state;
    struct ctm_snapshot *s = make_snapshot(TRACES, 4);
    uint8_t *b = matching(s, "b");
    struct ctm_filter filter = {
        .inclusive = true, .file_matches = b, .any_line = true, .any_domain = true};
    check_sizes(s, &filter, 1, "2");
    filter.all_frames = true;
    check_sizes(s, &filter, 1, "123");
    filter.any_line = false;
    filter.line = 1;
    check_sizes(s, &filter, 1, "13");
    filter.line = (UINT64_C(1) << 32) + 1;
    check_sizes(s, &filter, 1, "");
    filter.line = 2;
    check_sizes(s, &filter, 1, "2");
    filter.inclusive = false;
    check_sizes(s, &filter, 1, "134");
    filter.any_line = true;
    check_sizes(s, &filter, 1, "4");
    filter.all_frames = false;
    check_sizes(s, &filter, 1, "134");
    free(b);
    ctm_snapshot_unref(s);
}

static void test_domains(void **state)
{
    (void)state;
    struct ctm_snapshot *s = make_snapshot(TRACES, 4);
    struct ctm_filter filter = {.inclusive = true, .domain = 0};
    check_sizes(s, &filter, 1, "14");
    filter.inclusive = false;
    check_sizes(s, &filter, 1, "23");
    filter.domain = UINT64_C(1) << 32;
    check_sizes(s, &filter, 1, "1234");
    filter.inclusive = true;
    check_sizes(s, &filter, 1, "");
    filter.any_domain = true;
    check_sizes(s, &filter, 1, "1234");
    filter.inclusive = false;
    check_sizes(s, &filter, 1, "");
    ctm_snapshot_unref(s);
}

/* With a file and a domain both count: to keep, or to throw away. */
static void test_file_in_domain(void **state)
{
    (void)state;
    struct ctm_snapshot *s = make_snapshot(TRACES, 4);
    uint8_t *b = matching(s, "b");
    struct ctm_filter filter = {
        .inclusive = true, .file_matches = b, .any_line = true, .all_frames = true, .domain = 0};
    check_sizes(s, &filter, 1, "1");
    filter.inclusive = false;
    check_sizes(s, &filter, 1, "234");
    free(b);
    ctm_snapshot_unref(s);
}

static void test_several(void **state)
{
    (void)state;
    struct ctm_snapshot *s = make_snapshot(TRACES, 4);
    uint8_t *a = matching(s, "a");
    struct ctm_filter filters[] = {
        {.inclusive = true, .file_matches = a, .any_line = true, .any_domain = true},
        {.inclusive = true, .domain = 2},
        {.inclusive = false, .domain = 0},
        {.inclusive = true, .domain = 2},
    };
    check_sizes(s, filters, 0, "1234");
    check_sizes(s, filters, 1, "1");
    check_sizes(s, filters, 2, "13");
    check_sizes(s, filters, 3, "3");
    check_sizes(s, filters, 4, "3");
    check_sizes(s, filters + 2, 1, "23");
    free(a);
    ctm_snapshot_unref(s);
}

static void test_result_shares_tables_and_info(void **state)
{
    (void)state;
    struct ctm_builder *b = new_builder();
    struct ctm_info info = {.nframe = 25, .pid = 4};
    struct ctm_snapshot *s;
    struct ctm_snapshot *kept;
    add_row(b, &TRACES[0]);
    assert_ok(ctm_builder_finish(b, &info, &s));
    assert_ok(ctm_filter(s, NULL, 0, &kept));
    assert_ptr_equal(kept->tables, s->tables);
    assert_ptr_not_equal(kept->rows, s->rows);
    assert_memory_equal(&kept->info, &info, sizeof info);
    /* What is shared lives as long as the last that needs it. */
    ctm_snapshot_unref(s);
    assert_string_equal(stack_text(kept->tables, kept->rows[0].stack), "a:1 b:1");
    ctm_snapshot_unref(kept);
}

static void test_nothing(void **state)
{
    (void)state;
    struct ctm_snapshot *s = finish(new_builder());
    struct ctm_filter filter = {.inclusive = true, .any_domain = true};
    check_sizes(s, &filter, 1, "");
    ctm_snapshot_unref(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_and_lines),
        cmocka_unit_test(test_domains),
        cmocka_unit_test(test_file_in_domain),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_result_shares_tables_and_info),
        cmocka_unit_test(test_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
