/* References, derived snapshots, memory, and many threads on one snapshot. */
#include <pthread.h>
#include <string.h>

#include "snapshot/diff.h"
#include "snapshot/filter.h"
#include "support.h"

static const struct spec TRACES[] = {
    {0, 1, 1, 1, "a:1 b:1"},
    {1, 2, 2, 1, "b:2 a:1"},
    {2, 3, 3, 1, "c:1 b:1"},
};

static void test_references(void **state)
{
    (void)state;
    struct ctm_snapshot *s = make_snapshot(TRACES, 3);
    assert_ptr_equal(ctm_snapshot_ref(s), s);
    ctm_snapshot_unref(s);
    assert_int_equal(s->row_count, 3);
    ctm_snapshot_unref(s);
    ctm_snapshot_unref(NULL);
}

static void test_with_rows(void **state)
{
    (void)state;
    struct ctm_snapshot *s = make_snapshot(TRACES, 3);
    struct ctm_row rows[] = {s->rows[2], s->rows[0], s->rows[0]};
    rows[0].count = 40;
    struct ctm_snapshot *derived;
    assert_ok(ctm_snapshot_with_rows(s, rows, 3, &derived));
    assert_ptr_equal(derived->tables, s->tables);
    ctm_snapshot_unref(s);
    assert_int_equal(derived->row_count, 3);
    assert_memory_equal(derived->rows, rows, sizeof rows);
    assert_int_equal(derived->trace_count, 42);
    assert_string_equal(stack_text(derived->tables, derived->rows[0].stack), "c:1 b:1");
    struct ctm_snapshot *empty;
    assert_ok(ctm_snapshot_with_rows(derived, NULL, 0, &empty));
    assert_int_equal(empty->row_count, 0);
    assert_int_equal(empty->trace_count, 0);
    ctm_snapshot_unref(empty);
    rows[1].stack = derived->tables->stack_count;
    assert_int_equal(ctm_snapshot_with_rows(derived, rows, 3, &empty), CTM_EINVAL);
    rows[1].stack = 0;
    rows[1].count = 0;
    assert_int_equal(ctm_snapshot_with_rows(derived, rows, 3, &empty), CTM_EINVAL);
    rows[1].count = UINT64_MAX - 40;
    assert_int_equal(ctm_snapshot_with_rows(derived, rows, 3, &empty), CTM_ELIMIT);
    ctm_snapshot_unref(derived);
}

static void test_memory(void **state)
{
    (void)state;
    struct ctm_snapshot *s = make_snapshot(TRACES, 3);
    struct ctm_snapshot *fewer;
    assert_ok(ctm_snapshot_with_rows(s, s->rows, 1, &fewer));
    assert_int_equal(ctm_snapshot_memory(s) - ctm_snapshot_memory(fewer), 2 * sizeof *s->rows);
    const struct ctm_tables *t = s->tables;
    size_t least = t->string_count * sizeof *t->strings + t->frame_count * sizeof *t->frames +
                   t->node_count * sizeof *t->nodes + t->stack_count * sizeof *t->stacks +
                   s->row_count * sizeof *s->rows + sizeof *s;
    assert_in_range(ctm_snapshot_memory(s), least, least + 4096);
    ctm_snapshot_unref(s);
    ctm_snapshot_unref(fewer);
}

static int read_snapshot(struct ctm_snapshot *s)
{
    struct ctm_groups groups;
    int status = ctm_group(s, CTM_KEY_LINENO, CTM_AT_FRAMES, &groups);
    if (status != CTM_OK) {
        return status;
    }
    bool right = groups.length == 4 && groups.items[0].size == 10;
    ctm_groups_free(&groups);
    struct ctm_diffs diffs;
    status = ctm_diff(s, s, CTM_KEY_TRACEBACK, CTM_AT_NEWEST, &diffs);
    if (status != CTM_OK) {
        return status;
    }
    right = right && diffs.length == 3;
    ctm_diffs_free(&diffs);
    struct ctm_filter filter = {.inclusive = true, .domain = 2};
    struct ctm_snapshot *kept;
    status = ctm_filter(s, &filter, 1, &kept);
    if (status != CTM_OK) {
        return status;
    }
    right = right && kept->trace_count == 3;
    ctm_snapshot_unref(kept);
    return right ? CTM_OK : CTM_EINVAL;
}

/* Each thread has one reference, which it gives back. */
static void *read_often(void *argument)
{
    struct ctm_snapshot *s = argument;
    intptr_t status = CTM_OK;
    for (int i = 0; i < 300 && status == CTM_OK; i++) {
        struct ctm_snapshot *again = ctm_snapshot_ref(s);
        status = read_snapshot(again);
        ctm_snapshot_unref(again);
    }
    ctm_snapshot_unref(s);
    return (void *)status;
}

static void test_threads(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    struct ctm_snapshot *s = make_snapshot(TRACES, 3);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_often, ctm_snapshot_ref(s)), 0);
    }
    ctm_snapshot_unref(s);
    for (size_t i = 0; i < THREADS; i++) {
        void *status;
        assert_int_equal(pthread_join(threads[i], &status), 0);
        assert_ok((int)(intptr_t)status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_with_rows),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
