/* Merging: every trace of every snapshot is there as often as it was, whatever the order. */
#include <string.h>

#include "model.h"
#include "snapshot/merge.h"
#include "support.h"

static struct ctm_snapshot *merge(struct ctm_snapshot *const *snapshots, size_t count)
{
    struct ctm_snapshot *merged;
    assert_ok(ctm_merge(snapshots, count, &merged));
    return merged;
}

static void check_row(const struct ctm_snapshot *s, size_t at, uint64_t size, uint64_t count,
                      const char *stack)
{
    assert_int_equal(s->rows[at].size, size);
    assert_int_equal(s->rows[at].count, count);
    assert_string_equal(stack_text(s->tables, s->rows[at].stack), stack);
}

static void test_equal_rows_are_one(void **state)
{
    (void)state;
    static const struct spec first[] = {{0, 8, 2, 2, "a:1@f m:1"}, {0, 4, 1, 1, "m:1"}};
    static const struct spec second[] = {{0, 9, 1, 1, "z:1"},
                                         {0, 8, 3, 2, "a:1@f m:1"},
                                         {1, 8, 1, 2, "a:1@f m:1"},
                                         {0, 8, 1, 3, "a:1@f m:1"}};
    struct ctm_snapshot *snapshots[] = {make_snapshot(first, 2), make_snapshot(second, 4)};
    struct ctm_snapshot *merged = merge(snapshots, 2);
    assert_int_equal(merged->row_count, 5);
    assert_int_equal(merged->trace_count, 9);
    check_row(merged, 0, 8, 5, "a:1 m:1");
    check_row(merged, 1, 9, 1, "z:1");
    check_row(merged, 4, 4, 1, "m:1");
    ctm_snapshot_unref(snapshots[0]);
    ctm_snapshot_unref(snapshots[1]);
    /* It stands on its own. */
    check_row(merged, 0, 8, 5, "a:1 m:1");
    ctm_snapshot_unref(merged);
}

static void test_only_what_is_needed_is_taken(void **state)
{
    (void)state;
    static const struct spec specs[] = {{0, 8, 2, 2, "a:1@f m:1"}, {0, 4, 1, 1, "b:1@g m:2"}};
    struct ctm_snapshot *s = make_snapshot(specs, 2);
    struct ctm_snapshot *few;
    assert_ok(ctm_snapshot_with_rows(s, &s->rows[1], 1, &few));
    struct ctm_snapshot *merged = merge(&few, 1);
    assert_int_equal(merged->tables->stack_count, 1);
    assert_int_equal(merged->tables->node_count, 2);
    assert_int_equal(merged->tables->frame_count, 2);
    assert_int_equal(merged->tables->string_count, 4);
    ctm_snapshot_unref(merged);
    ctm_snapshot_unref(few);
    ctm_snapshot_unref(s);
}

static struct ctm_snapshot *with_info(struct ctm_info info, bool traces)
{
    struct ctm_builder *b = new_builder();
    struct ctm_snapshot *s;
    if (traces) {
        add_row(b, &(struct spec){0, 1, 1, 1, "a:1"});
    }
    assert_ok(ctm_builder_finish(b, &info, &s));
    return s;
}

static struct ctm_info info_of(struct ctm_snapshot *a, struct ctm_snapshot *b)
{
    struct ctm_snapshot *snapshots[] = {a, b};
    struct ctm_snapshot *merged = merge(snapshots, 2);
    struct ctm_info info = merged->info;
    ctm_snapshot_unref(merged);
    return info;
}

static void test_info(void **state)
{
    (void)state;
    const struct ctm_info first = {.time_ns = 5,
                                   .current_bytes = 10,
                                   .current_blocks = 2,
                                   .peak_bytes = 20,
                                   .dropped = 1,
                                   .lost = 2,
                                   .nframe = 3,
                                   .pid = 7,
                                   .kind = CTM_KIND_PEAK};
    const struct ctm_info second = {.time_ns = 4,
                                    .current_bytes = 100,
                                    .current_blocks = 20,
                                    .peak_bytes = 200,
                                    .dropped = 10,
                                    .lost = 20,
                                    .nframe = 30,
                                    .pid = 8,
                                    .kind = CTM_KIND_PEAK};
    struct ctm_snapshot *a = with_info(first, true);
    struct ctm_snapshot *b = with_info(second, true);
    struct ctm_info both = info_of(a, b);
    assert_int_equal(both.time_ns, 5);
    assert_int_equal(both.current_bytes, 110);
    assert_int_equal(both.current_blocks, 22);
    assert_int_equal(both.peak_bytes, 220);
    assert_int_equal(both.dropped, 11);
    assert_int_equal(both.lost, 22);
    assert_int_equal(both.nframe, 30);
    assert_int_equal(both.pid, 0);
    assert_int_equal(both.kind, CTM_KIND_PEAK);
    assert_int_equal(info_of(a, a).pid, 7);
    ctm_snapshot_unref(a);
    ctm_snapshot_unref(b);
}

/* What one does not know of its traces, nobody knows of the whole; without traces there is nothing
 * to know. */
static void test_unknown_totals(void **state)
{
    (void)state;
    const struct ctm_info known = {.current_bytes = 10, .current_blocks = 2, .peak_bytes = 20};
    struct ctm_snapshot *a = with_info(known, true);
    struct ctm_snapshot *unknown = with_info((struct ctm_info){0}, true);
    struct ctm_snapshot *empty = with_info((struct ctm_info){0}, false);
    assert_int_equal(info_of(a, empty).current_bytes, 10);
    assert_int_equal(info_of(empty, a).peak_bytes, 20);
    assert_int_equal(info_of(a, unknown).current_bytes, 0);
    assert_int_equal(info_of(unknown, a).current_blocks, 0);
    assert_int_equal(info_of(unknown, a).peak_bytes, 0);
    ctm_snapshot_unref(a);
    ctm_snapshot_unref(unknown);
    ctm_snapshot_unref(empty);
}

static void test_refusals(void **state)
{
    (void)state;
    const uint64_t half = UINT64_C(1) << 63;
    struct ctm_snapshot *merged = NULL;
    struct ctm_snapshot *kinds[] = {with_info((struct ctm_info){0}, true),
                                    with_info((struct ctm_info){.kind = CTM_KIND_CHURN}, true)};
    assert_int_equal(ctm_merge(kinds, 0, &merged), CTM_EINVAL);
    assert_int_equal(ctm_merge(kinds, 2, &merged), CTM_EINVAL);
    struct ctm_snapshot *large = make_snapshot(&(struct spec){0, half, 1, 1, "a:1"}, 1);
    struct ctm_snapshot *twice[] = {large, large};
    assert_int_equal(ctm_merge(twice, 2, &merged), CTM_ELIMIT);
    struct ctm_snapshot *many = make_snapshot(&(struct spec){0, 0, half, 1, "a:1"}, 1);
    struct ctm_snapshot *often[] = {many, many};
    assert_int_equal(ctm_merge(often, 2, &merged), CTM_ELIMIT);
    struct ctm_snapshot *full = with_info((struct ctm_info){.lost = half}, true);
    struct ctm_snapshot *sums[] = {full, full};
    assert_int_equal(ctm_merge(sums, 2, &merged), CTM_ELIMIT);
    assert_null(merged);
    ctm_snapshot_unref(kinds[0]);
    ctm_snapshot_unref(kinds[1]);
    ctm_snapshot_unref(large);
    ctm_snapshot_unref(many);
    ctm_snapshot_unref(full);
}

/* ---- random ---- */

static struct model models[3];
static struct model given;

static bool same_trace(const struct model_trace *a, const struct model_trace *b)
{
    if (a->domain != b->domain || a->size != b->size || a->total_nframe != b->total_nframe ||
        model_compare(&a->traceback, &b->traceback) != 0) {
        return false;
    }
    for (size_t i = 0; i < a->traceback.length; i++) {
        if (strcmp(a->names[i], b->names[i]) != 0) {
            return false;
        }
    }
    return true;
}

static uint64_t count_like(const struct model *m, const struct model_trace *trace)
{
    uint64_t count = 0;
    for (size_t i = 0; i < m->length; i++) {
        count += same_trace(&m->traces[i], trace) ? m->traces[i].count : 0;
    }
    return count;
}

static void check_all(const struct ctm_snapshot *merged)
{
    uint64_t traces = 0;
    model_of_snapshot(&given, merged);
    for (size_t which = 0; which < 3; which++) {
        for (size_t i = 0; i < models[which].length; i++) {
            const struct model_trace *trace = &models[which].traces[i];
            uint64_t wanted = 0;
            for (size_t other = 0; other < 3; other++) {
                wanted += count_like(&models[other], trace);
            }
            assert_int_equal(count_like(&given, trace), wanted);
            traces += trace->count;
        }
    }
    assert_int_equal(merged->trace_count, traces);
}

static void merge_round(struct rng *rng)
{
    struct ctm_snapshot *s[3];
    for (size_t i = 0; i < 3; i++) {
        /* Together no more rows than a model has room for. */
        do {
            model_random(&models[i], rng, rng_chance(rng, 50));
        } while (models[i].length > MODEL_TRACES / 3);
        s[i] = model_snapshot(&models[i], rng_chance(rng, 50));
    }
    struct ctm_snapshot *all = merge(s, 3);
    struct ctm_snapshot *left = merge(s, 2);
    struct ctm_snapshot *left_first[] = {left, s[2]};
    struct ctm_snapshot *right = merge(&s[1], 2);
    struct ctm_snapshot *right_last[] = {right, s[0]};
    struct ctm_snapshot *by_left = merge(left_first, 2);
    struct ctm_snapshot *by_right = merge(right_last, 2);
    check_all(all);
    check_all(by_left);
    check_all(by_right);
    assert_int_equal(all->row_count, by_left->row_count);
    assert_int_equal(all->row_count, by_right->row_count);
    struct ctm_snapshot *made[] = {s[0], s[1], s[2], all, left, right, by_left, by_right};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        ctm_snapshot_unref(made[i]);
    }
}

static void test_random(void **state)
{
    (void)state;
    uint64_t seed = test_first_seed();
    for (uint64_t i = 0; i < test_rounds(500); i++) {
        struct rng rng = rng_from(seed + i);
        merge_round(&rng);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_rows_are_one),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_only_what_is_needed_is_taken),
        cmocka_unit_test(test_unknown_totals),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
