/*
 * Snapshots of a tracer against the naive model: each trace with its size, domain and frames, cut
 * to nframe, as often as the model has it. Each allocation of the snapshot floor can fail.
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "base/platform.h"
#include "heap.h"
#include "snapshot/take.h"
#include "world.h"

static int take_snapshot(const struct world *w, const struct ctm_take_options *options,
                         struct ctm_snapshot **out)
{
    struct ctm_moment *moment = NULL;
    int error = ctm_take_moment(&w->tracer, options, &moment);
    return error < 0 ? error : ctm_moment_snapshot(moment, out);
}

enum { STACKS = 60, PLACES = 3000 };

/* Few sizes most of the time, around the limits of what is counted in which way. */
static uint64_t draw_size(struct test_random *random)
{
    static const uint64_t sizes[] = {0,
                                     100,
                                     512,
                                     1023,
                                     1024,
                                     5000,
                                     UINT16_MAX - 1,
                                     UINT16_MAX,
                                     UINT16_MAX + 1,
                                     UINT32_MAX,
                                     UINT64_C(1) << 32,
                                     UINT64_C(1) << 50};
    if (test_random_percent(random, 20)) {
        return 1000 + test_random_below(random, 5000);
    }
    return sizes[test_random_below(random, sizeof sizes / sizeof *sizes)];
}

static const struct ctm_take_options all_frames = {
    .nframe = 100, .total_nframe = true, .total_limit = 65535};

/* Many blocks of few sizes at few stacks: rows with counts. */
static void populate(struct world *w)
{
    struct test_random random = test_random_stream(80);
    world_open(w, STACKS);
    assert_true(world_start(w));
    for (uint32_t i = 0; i < PLACES; i++) {
        uint32_t domain = i % 5 == 0 ? 1 + i / 5 % 2 : 0;
        size_t place = world_add_place(w, domain, 0x7f0000000030 + 64 * (uintptr_t)i);
        world_track(w, place, draw_size(&random), (uint32_t)test_random_below(&random, STACKS));
    }
    for (uint32_t i = 0; i < PLACES; i += 7) {
        world_untrack(w, i);
    }
    world_compare(w);
}

static struct ctm_name name_of(const struct ctm_string *string)
{
    return (struct ctm_name){.bytes = string->bytes, .length = (uint32_t)string->length};
}

/* The row's frames are those of the stack, newest first, cut to nframe. */
static bool row_is_of(const struct world *w, const struct ctm_snapshot *s,
                      const struct ctm_row *row, uint32_t stack, uint32_t nframe)
{
    const struct ctm_tables *tables = s->tables;
    uint32_t node = tables->stacks[row->stack].node;
    uint32_t depth = world_depth(stack);
    for (uint32_t age = 0; age < depth && age < nframe; age++) {
        if (node == CTM_NO_NODE) {
            return false;
        }
        const struct ctm_frame *frame = &tables->frames[tables->nodes[node].frame];
        const struct ctm_string *file = &tables->strings[frame->file];
        const struct ctm_string *name = &tables->strings[frame->name];
        if (!world_frame_is(w, stack, age, name_of(file), name_of(name), frame->line)) {
            return false;
        }
        node = tables->nodes[node].parent;
    }
    return node == CTM_NO_NODE;
}

/* The row is the trace of this live place. */
static bool row_is_at(const struct world *w, const struct ctm_snapshot *s,
                      const struct ctm_row *row, const struct world_place *place,
                      const struct ctm_take_options *options)
{
    uint32_t total = world_total(place->stack);
    total = total < options->total_limit ? total : options->total_limit;
    total = options->total_nframe ? total : CTM_TOTAL_UNKNOWN;
    return place->live && place->size == row->size && world_domains[place->domain] == row->domain &&
           s->tables->stacks[row->stack].total_nframe == total &&
           row_is_of(w, s, row, place->stack, options->nframe);
}

/* Equal entries have one id. */
static void check_tables(const struct ctm_tables *tables)
{
    for (uint32_t i = 0; i < tables->node_count; i++) {
        struct ctm_node node = tables->nodes[i];
        assert_true(node.frame < tables->frame_count);
        assert_true(node.parent == CTM_NO_NODE || node.parent < i);
        for (uint32_t k = 0; k < i; k++) {
            assert_true(memcmp(&tables->nodes[k], &node, sizeof node) != 0);
        }
    }
    for (uint32_t i = 0; i < tables->stack_count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            assert_true(memcmp(&tables->stacks[k], &tables->stacks[i], sizeof *tables->stacks));
        }
    }
}

/* The documented order. */
static bool comes_before(const struct ctm_row *a, const struct ctm_row *b)
{
    const uint64_t keys[][2] = {
        {b->size * b->count, a->size * a->count},
        {a->domain, b->domain},
        {a->stack, b->stack},
        {a->size, b->size},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (keys[i][0] != keys[i][1]) {
            return keys[i][0] < keys[i][1];
        }
    }
    return false;
}

/* Each row has as many places as it says, no two rows are equal, and they come in order. */
static void compare_rows(const struct world *w, const struct ctm_snapshot *s,
                         const struct ctm_take_options *options)
{
    uint64_t traces = 0;
    check_tables(s->tables);
    for (size_t i = 0; i < s->row_count; i++) {
        const struct ctm_row *row = &s->rows[i];
        uint64_t count = 0;
        for (size_t k = 0; k < w->place_count; k++) {
            count += row_is_at(w, s, row, &w->places[k], options) ? 1 : 0;
        }
        assert_int_equal(count, row->count);
        assert_true(i == 0 || comes_before(&s->rows[i - 1], row));
        traces += row->count;
    }
    assert_int_equal(traces, w->current.blocks);
    assert_int_equal(s->trace_count, w->current.blocks);
}

static void a_snapshot_has_every_trace(void **state)
{
    (void)state;
    struct world w;
    populate(&w);
    w.tracer.dropped = 5;
    w.tracer.lost = 6;
    struct ctm_snapshot *s = NULL;
    uint64_t before = ctm_os_wall_clock();
    assert_int_equal(take_snapshot(&w, &all_frames, &s), CTM_OK);
    compare_rows(&w, s, &all_frames);
    assert_true(s->row_count < w.current.blocks);
    assert_int_equal(s->info.current_bytes, w.current.bytes);
    assert_int_equal(s->info.current_blocks, w.current.blocks);
    assert_int_equal(s->info.peak_bytes, w.at_peak.bytes);
    assert_int_equal(s->info.dropped, 5);
    assert_int_equal(s->info.lost, 6);
    assert_int_equal(s->info.nframe, 100);
    assert_int_equal(s->info.pid, ctm_os_process());
    assert_true(s->info.time_ns >= before && s->info.time_ns <= ctm_os_wall_clock());
    ctm_snapshot_unref(s);
    assert_int_equal(heap.live, 0);
    world_close(&w);
}

static void stacks_are_cut_to_nframe(void **state)
{
    (void)state;
    static const struct ctm_take_options options[] = {
        {.nframe = 1, .total_nframe = true, .total_limit = 65535},
        {.nframe = 3, .total_nframe = true, .total_limit = 12},
        {.nframe = 4, .total_nframe = false},
        {.nframe = 100, .total_nframe = true, .total_limit = 1},
    };
    struct world w;
    populate(&w);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        struct ctm_snapshot *s = NULL;
        assert_int_equal(take_snapshot(&w, &options[i], &s), CTM_OK);
        compare_rows(&w, s, &options[i]);
        ctm_snapshot_unref(s);
    }
    world_close(&w);
}

static void one_stack_may_have_many_sizes(void **state)
{
    (void)state;
    struct world w;
    struct ctm_snapshot *s = NULL;
    world_open(&w, STACKS);
    assert_true(world_start(&w));
    for (uint32_t i = 0; i < PLACES; i++) {
        size_t place = world_add_place(&w, 0, 0x7f0000000030 + 64 * (uintptr_t)i);
        world_track(&w, place, i / 2, 1);
    }
    /* Of the same bytes together, the largest first. */
    for (uint32_t i = 0; i < 6; i++) {
        size_t place = world_add_place(&w, 0, 0x7f1000000030 + 64 * (uintptr_t)i);
        world_track(&w, place, i == 0 ? 60000 : i < 3 ? 30000 : 20000, 1);
    }
    assert_int_equal(take_snapshot(&w, &all_frames, &s), CTM_OK);
    assert_int_equal(s->row_count, PLACES / 2 + 3);
    compare_rows(&w, s, &all_frames);
    ctm_snapshot_unref(s);
    world_close(&w);
}

/* Blocks of 1, 2, ..., `count` bytes at a line, each called from another one. */
static void allocate_at(struct ctm_tracer *tracer, uint32_t line, uint32_t count)
{
    for (uint32_t size = 1; size <= count; size++) {
        uint32_t node = ctm_stacks_root(0);
        const uint32_t lines[] = {1000 + size, line};
        for (size_t i = 0; i < 2; i++) {
            struct ctm_location_frame place = {.line = lines[i]};
            uint32_t frame;
            assert_int_equal(ctm_names_intern(&tracer->names, "a.py", 4, &place.file), CTM_OK);
            assert_int_equal(ctm_names_intern(&tracer->names, "f", 1, &place.name), CTM_OK);
            assert_int_equal(ctm_stacks_frame(&tracer->stacks, place, &frame), CTM_OK);
            assert_int_equal(ctm_stacks_child(&tracer->stacks, node, frame, &node), CTM_OK);
        }
        uintptr_t address = 0x7f0000000000 + line * 0x10000 + 64 * (uintptr_t)size;
        ctm_tracer_allocated_hook(tracer, address, size, node);
    }
}

/* Stacks that differ only behind the cut are one; its sizes are two at most: the mean, rounded. */
static void totals_of_stacks_that_are_equal_when_cut_are_joined(void **state)
{
    static const struct ctm_take_options newest = {.nframe = 1, .total_limit = 65535};
    (void)state;
    struct world w;
    struct ctm_snapshot *s = NULL;
    world_open(&w, STACKS);
    assert_true(world_start(&w));
    allocate_at(&w.tracer, 1, 5);
    allocate_at(&w.tracer, 2, 4);
    assert_int_equal(ctm_take_totals(&w.tracer, &newest, CTM_KIND_CHURN, &s), CTM_OK);
    const struct ctm_row expected[] = {
        {.size = 3, .count = 5}, {.size = 3, .count = 2}, {.size = 2, .count = 2}};
    assert_int_equal(s->row_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(s->rows[i].size, expected[i].size);
        assert_int_equal(s->rows[i].count, expected[i].count);
    }
    assert_int_equal(s->rows[1].stack, s->rows[2].stack);
    assert_int_not_equal(s->rows[0].stack, s->rows[1].stack);
    ctm_snapshot_unref(s);
    world_close(&w);
}

static uint32_t node_at(struct ctm_tracer *tracer, uint32_t parent, uint32_t line)
{
    struct ctm_location_frame place = {.line = line};
    uint32_t frame;
    uint32_t node;
    assert_int_equal(ctm_names_intern(&tracer->names, "a.py", 4, &place.file), CTM_OK);
    assert_int_equal(ctm_names_intern(&tracer->names, "f", 1, &place.name), CTM_OK);
    assert_int_equal(ctm_stacks_frame(&tracer->stacks, place, &frame), CTM_OK);
    assert_int_equal(ctm_stacks_child(&tracer->stacks, parent, frame, &node), CTM_OK);
    return node;
}

/* The lines of the stack of the row with that size, newest first; 0 ends them. */
static void assert_lines(const struct ctm_snapshot *s, uint64_t size, const uint32_t *lines)
{
    size_t row = 0;
    while (row < s->row_count && s->rows[row].size != size) {
        row++;
    }
    assert_true(row < s->row_count);
    uint32_t node = s->tables->stacks[s->rows[row].stack].node;
    for (; *lines != 0; lines++) {
        assert_int_not_equal(node, CTM_NO_NODE);
        assert_int_equal(s->tables->frames[s->tables->nodes[node].frame].line, *lines);
        node = s->tables->nodes[node].parent;
    }
    assert_int_equal(node, CTM_NO_NODE);
}

/* Ids that were given back are used again: a caller may have a higher one than whom it calls. */
static void callers_may_have_any_id(void **state)
{
    static const struct ctm_take_options two_frames = {.nframe = 2, .total_limit = 65535};
    (void)state;
    struct world w;
    struct ctm_snapshot *s = NULL;
    uint32_t gone[4];
    world_open(&w, STACKS);
    assert_true(world_start(&w));
    struct ctm_tracer *tracer = &w.tracer;
    for (uint32_t i = 0; i < 4; i++) {
        gone[i] = node_at(tracer, ctm_stacks_root(0), 100 + i);
    }
    uint32_t oldest = node_at(tracer, ctm_stacks_root(0), 1);
    uint32_t old = node_at(tracer, oldest, 2);
    for (uint32_t i = 0; i < 4; i++) {
        ctm_stacks_free_node(&tracer->stacks, gone[i]);
    }
    /* The last that was given back comes first. */
    uint32_t caller = node_at(tracer, old, 3);
    uint32_t newer = node_at(tracer, caller, 4);
    uint32_t newest = node_at(tracer, newer, 5);
    assert_true(old > caller && caller > newer && newer > newest);
    ctm_tracer_allocated_hook(tracer, 0x7f0000000030, 10, newest);
    ctm_tracer_allocated_hook(tracer, 0x7f0000010030, 20, newer);
    ctm_tracer_allocated_hook(tracer, 0x7f0000020030, 30, old);
    assert_int_equal(take_snapshot(&w, &all_frames, &s), CTM_OK);
    assert_int_equal(s->tables->node_count, 5);
    assert_lines(s, 10, (const uint32_t[]){5, 4, 3, 2, 1, 0});
    assert_lines(s, 20, (const uint32_t[]){4, 3, 2, 1, 0});
    assert_lines(s, 30, (const uint32_t[]){2, 1, 0});
    ctm_snapshot_unref(s);
    assert_int_equal(take_snapshot(&w, &two_frames, &s), CTM_OK);
    assert_lines(s, 10, (const uint32_t[]){5, 4, 0});
    assert_lines(s, 20, (const uint32_t[]){4, 3, 0});
    assert_lines(s, 30, (const uint32_t[]){2, 1, 0});
    ctm_snapshot_unref(s);
    assert_int_equal(heap.live, 0);
    world_close(&w);
}

/* What comes and goes after the moment changes nothing in it. */
static void a_moment_does_not_change(void **state)
{
    (void)state;
    struct world w;
    populate(&w);
    struct ctm_moment *moment = NULL;
    assert_int_equal(ctm_take_moment(&w.tracer, &all_frames, &moment), CTM_OK);
    struct world_place *then = malloc(w.place_count * sizeof *then);
    assert_non_null(then);
    memcpy(then, w.places, w.place_count * sizeof *then);
    struct world_sum current = w.current;
    for (size_t i = 0; i < w.place_count; i++) {
        if (i % 3 == 0 && w.places[i].live) {
            world_untrack(&w, i);
        } else if (!w.places[i].live) {
            world_track(&w, i, 77, (uint32_t)(i % STACKS));
        }
    }
    world_reclaim(&w);
    struct ctm_snapshot *s = NULL;
    assert_int_equal(ctm_moment_snapshot(moment, &s), CTM_OK);
    memcpy(w.places, then, w.place_count * sizeof *then);
    w.current = current;
    compare_rows(&w, s, &all_frames);
    ctm_snapshot_unref(s);
    free(then);
    assert_int_equal(heap.live, 0);
    world_close(&w);
}

/* The churn of sites that were given back stands under frames of their own, beside what is live. */
static void totals_have_every_block(void **state)
{
    (void)state;
    static const struct ctm_take_options options[] = {
        {.nframe = 100, .total_nframe = true, .total_limit = 65535},
        {.nframe = 1, .total_nframe = false},
    };
    struct world w;
    populate(&w);
    for (size_t i = 0; i < w.place_count; i++) {
        if (w.places[i].live && w.places[i].stack % 4 == 0) {
            world_untrack(&w, i);
        }
    }
    world_reset_peak(&w);
    world_reclaim(&w);
    assert_true(w.tracer.folded.length > 0);
    uint64_t bytes = 0;
    uint64_t blocks = 0;
    for (uint32_t id = 1; id < w.tracer.sites.length; id++) {
        struct ctm_churn churn = ctm_site_churn(&w.tracer.sites, id);
        bytes += churn.total_bytes;
        blocks += churn.total_blocks;
    }
    for (uint32_t i = 0; i < w.tracer.folded.length; i++) {
        bytes += w.tracer.folded.rows[i].churn.total_bytes;
        blocks += w.tracer.folded.rows[i].churn.total_blocks;
    }
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        struct ctm_snapshot *s = NULL;
        assert_int_equal(ctm_take_totals(&w.tracer, &options[i], CTM_KIND_CHURN, &s), CTM_OK);
        check_tables(s->tables);
        uint64_t sum = 0;
        for (size_t row = 0; row < s->row_count; row++) {
            sum += s->rows[row].size * s->rows[row].count;
        }
        assert_int_equal(sum, bytes);
        assert_int_equal(s->trace_count, blocks);
        ctm_snapshot_unref(s);
    }
    assert_int_equal(heap.live, 0);
    world_close(&w);
}

static void more_blocks_than_a_snapshot_counts_are_refused(void **state)
{
    struct world w;
    struct ctm_snapshot *s;
    (void)state;

    world_open(&w, 1);
    assert_true(world_start(&w));
    allocate_at(&w.tracer, 1, 1);
    struct ctm_site *site = &w.tracer.sites.items[w.tracer.sites.length - 1];
    site->gained_blocks += UINT32_MAX;
    assert_int_equal(take_snapshot(&w, &all_frames, &s), CTM_ELIMIT);
    site->gained_blocks -= UINT32_MAX;
    assert_int_equal(heap.live, 0);
    world_close(&w);
}

/* Blocks enough for their sizes to be given back while the rest is counted: none is lost. */
static void sizes_are_given_back_while_others_are_counted(void **state)
{
    enum { LINES = 5, EACH = 60000 };
    struct world w;
    (void)state;

    world_open(&w, 1);
    assert_true(world_start(&w));
    for (uint32_t line = 1; line <= LINES; line++) {
        allocate_at(&w.tracer, line, 1);
    }
    const struct ctm_sites *sites = &w.tracer.sites;
    uint32_t nodes[LINES];
    for (uint32_t line = 0; line < LINES; line++) {
        nodes[line] = ctm_site_node(&sites->items[sites->length - LINES + line]);
    }
    for (uint32_t i = 0; i < LINES * EACH; i++) {
        uintptr_t address = 0x7e0000000000 + 16 * (uintptr_t)i;
        ctm_tracer_allocated_hook(&w.tracer, address, 2 + i % 3, nodes[i % LINES]);
    }
    struct ctm_take_options options = {.nframe = 2};
    struct ctm_snapshot *s;
    assert_int_equal(take_snapshot(&w, &options, &s), CTM_OK);
    assert_int_equal(s->trace_count, LINES + LINES * EACH);
    assert_int_equal(s->row_count, 4 * LINES);
    for (size_t i = 0; i < s->row_count; i++) {
        const struct ctm_row *row = &s->rows[i];
        uint64_t count = row->size == 1 ? 1 : EACH / 3;
        assert_true(row->size >= 1 && row->size <= 4);
        assert_true(row->count == count || (row->size > 1 && row->count == count + 1));
    }
    ctm_snapshot_unref(s);
    world_close(&w);
}

/* More rows than are made at once. */
static void many_rows_are_all_made(void **state)
{
    enum { ROWS = 40000 };
    struct world w;
    (void)state;

    world_open(&w, 1);
    assert_true(world_start(&w));
    allocate_at(&w.tracer, 1, ROWS);
    struct ctm_take_options options = {.nframe = 1};
    struct ctm_snapshot *s;
    assert_int_equal(take_snapshot(&w, &options, &s), CTM_OK);
    assert_int_equal(s->row_count, ROWS);
    for (size_t i = 0; i < s->row_count; i++) {
        assert_int_equal(s->rows[i].size, ROWS - i);
        assert_int_equal(s->rows[i].count, 1);
    }
    ctm_snapshot_unref(s);
    world_close(&w);
}

/* Nothing lies behind a table that is full. */
static void a_full_table_of_sites_is_read_to_its_end(void **state)
{
    struct world w;
    (void)state;

    world_open(&w, 1);
    assert_true(world_start(&w));
    const struct ctm_sites *sites = &w.tracer.sites;
    uint32_t line = 1;
    for (; sites->length < 2 || sites->length < sites->capacity; line++) {
        allocate_at(&w.tracer, line, 1);
    }
    struct ctm_take_options options = {.nframe = 1};
    struct ctm_snapshot *s;
    assert_int_equal(take_snapshot(&w, &options, &s), CTM_OK);
    assert_int_equal(s->trace_count, line - 1);
    ctm_snapshot_unref(s);
    world_close(&w);
}

static void one_block_is_one_row(void **state)
{
    (void)state;
    struct world w;
    populate(&w);
    for (size_t i = 0; i < w.place_count; i += 50) {
        const struct world_place *place = &w.places[i];
        struct ctm_snapshot *s = NULL;
        assert_int_equal(ctm_take_block(&w.tracer, &all_frames, world_domains[place->domain],
                                        place->address, &s),
                         CTM_OK);
        assert_int_equal(s->row_count, place->live ? 1 : 0);
        if (place->live) {
            assert_int_equal(s->rows[0].count, 1);
            assert_int_equal(s->rows[0].size, place->size);
            assert_int_equal(s->rows[0].domain, world_domains[place->domain]);
            assert_true(row_is_of(&w, s, &s->rows[0], place->stack, all_frames.nframe));
        }
        ctm_snapshot_unref(s);
    }
    assert_int_equal(heap.live, 0);
    world_close(&w);
}

static void a_tracer_without_traces_has_none(void **state)
{
    (void)state;
    struct world w;
    struct ctm_snapshot *s = NULL;
    world_open(&w, STACKS);
    assert_int_equal(take_snapshot(&w, &all_frames, &s), CTM_OK); /* not started */
    assert_int_equal(s->row_count, 0);
    ctm_snapshot_unref(s);
    assert_true(world_start(&w));
    assert_int_equal(take_snapshot(&w, &all_frames, &s), CTM_OK);
    assert_int_equal(s->row_count, 0);
    ctm_snapshot_unref(s);
    world_close(&w);
}

/* Each allocation refused once: an error without a leak, or a snapshot that is right. */
static void no_memory_is_told(void **state)
{
    (void)state;
    struct world w;
    populate(&w);
    size_t failed = 0;
    for (size_t nth = 1; nth == 1 || heap.failed != 0; nth++) {
        struct ctm_snapshot *s = NULL;
        heap.until = nth;
        heap.failed = 0;
        int error = take_snapshot(&w, &all_frames, &s);
        heap.until = 0;
        failed += heap.failed;
        if (error == CTM_OK) {
            compare_rows(&w, s, &all_frames);
            ctm_snapshot_unref(s);
        } else {
            assert_int_equal(error, CTM_ENOMEM);
            assert_int_equal(heap.failed, 1);
        }
        assert_int_equal(heap.live, 0);
    }
    assert_true(failed > 10);
    for (size_t nth = 1; nth == 1 || heap.failed != 0; nth++) {
        struct ctm_snapshot *s = NULL;
        heap.until = nth;
        heap.failed = 0;
        int error = ctm_take_block(&w.tracer, &all_frames, 0, w.places[1].address, &s);
        heap.until = 0;
        if (error == CTM_OK) {
            assert_int_equal(s->row_count, 1);
            ctm_snapshot_unref(s);
        } else {
            assert_int_equal(error, CTM_ENOMEM);
        }
        assert_int_equal(heap.live, 0);
    }
    world_compare(&w);
    world_close(&w);
}

/* Nothing lives, and all that was allocated is known by line, by file, or by neither. */
static void populate_folded(struct world *w)
{
    populate(w);
    w->tracer.folded.line_limit = 20;
    w->tracer.folded.file_limit = 5;
    for (size_t i = 0; i < w->place_count; i++) {
        if (w->places[i].domain == 0) {
            world_reuse(w, i, (uint32_t)i % w->stack_count);
        }
        world_untrack(w, i);
    }
    world_reset_peak(w);
    world_reclaim(w);
    assert_int_equal(w->tracer.sites.length, 1);
    assert_int_equal(w->tracer.folded.lines, 20);
    assert_int_equal(w->tracer.folded.files, 5);
    world_compare(w);
}

static void compare_totals(const struct world *w, const struct ctm_snapshot *s, bool with_totals)
{
    struct world_sum expected = {0};
    struct world_sum found = {0};
    size_t without_file = 0;
    for (size_t sum = 0; sum < w->sum_count; sum++) {
        expected.bytes += w->reused[sum].bytes + (with_totals ? w->total[sum].bytes : 0);
        expected.blocks += w->reused[sum].blocks + (with_totals ? w->total[sum].blocks : 0);
    }
    for (size_t i = 0; i < s->row_count; i++) {
        const struct ctm_row *row = &s->rows[i];
        const struct ctm_stack *stack = &s->tables->stacks[row->stack];
        const struct ctm_node *node = &s->tables->nodes[stack->node];
        const struct ctm_frame *frame = &s->tables->frames[node->frame];
        const struct ctm_string *file = &s->tables->strings[frame->file];
        found.bytes += row->size * row->count;
        found.blocks += row->count;
        assert_int_equal(node->parent, CTM_NO_NODE);
        assert_int_equal(stack->total_nframe, CTM_TOTAL_UNKNOWN);
        if (file->length == strlen("<given back>") &&
            memcmp(file->bytes, "<given back>", file->length) == 0) {
            assert_int_equal(frame->line, 0);
            without_file++;
        }
    }
    assert_true(expected.blocks > 0);
    assert_true(without_file > 0 || !with_totals);
    assert_int_equal(found.bytes, expected.bytes);
    assert_int_equal(found.blocks, expected.blocks);
}

static void what_was_given_back_is_in_the_totals(void **state)
{
    (void)state;
    struct world w;
    struct ctm_snapshot *s = NULL;
    populate_folded(&w);
    assert_int_equal(ctm_take_totals(&w.tracer, &all_frames, CTM_KIND_PEAK, &s), CTM_OK);
    assert_int_equal(s->row_count, 0);
    ctm_snapshot_unref(s);
    assert_int_equal(ctm_take_totals(&w.tracer, &all_frames, CTM_KIND_CHURN, &s), CTM_OK);
    compare_totals(&w, s, true);
    ctm_snapshot_unref(s);
    assert_int_equal(ctm_take_totals(&w.tracer, &all_frames, CTM_KIND_REUSE, &s), CTM_OK);
    compare_totals(&w, s, false);
    ctm_snapshot_unref(s);
    for (size_t nth = 1; nth == 1 || heap.failed != 0; nth++) {
        heap.until = nth;
        heap.failed = 0;
        int error = ctm_take_totals(&w.tracer, &all_frames, CTM_KIND_CHURN, &s);
        heap.until = 0;
        if (error == CTM_OK) {
            compare_totals(&w, s, true);
            ctm_snapshot_unref(s);
        } else {
            assert_int_equal(error, CTM_ENOMEM);
        }
        assert_int_equal(heap.live, 0);
    }
    world_close(&w);
}

/* Each mapping refused once, in the same way. */
static void no_pages_is_told(void **state)
{
    (void)state;
    struct world w;
    struct test_refusal refusal = {0};
    populate(&w);
    test_refuse(&w.tracer.pages, &refusal);
    for (size_t nth = 1; refusal.asked >= refusal.first; nth++) {
        struct ctm_snapshot *s = NULL;
        refusal = (struct test_refusal){.first = nth, .count = 1};
        int error = take_snapshot(&w, &all_frames, &s);
        if (error == CTM_OK) {
            compare_rows(&w, s, &all_frames);
            ctm_snapshot_unref(s);
        } else {
            assert_int_equal(error, CTM_ENOMEM);
        }
        /* Mappings are few, and none is done without. */
        assert_int_equal(error == CTM_OK, refusal.asked < nth);
        assert_int_equal(heap.live, 0);
    }
    assert_true(refusal.first > 5);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_has_every_trace),
        cmocka_unit_test(stacks_are_cut_to_nframe),
        cmocka_unit_test(one_stack_may_have_many_sizes),
        cmocka_unit_test(totals_of_stacks_that_are_equal_when_cut_are_joined),
        cmocka_unit_test(more_blocks_than_a_snapshot_counts_are_refused),
        cmocka_unit_test(sizes_are_given_back_while_others_are_counted),
        cmocka_unit_test(many_rows_are_all_made),
        cmocka_unit_test(a_full_table_of_sites_is_read_to_its_end),
        cmocka_unit_test(one_block_is_one_row),
        cmocka_unit_test(a_tracer_without_traces_has_none),
        cmocka_unit_test(callers_may_have_any_id),
        cmocka_unit_test(a_moment_does_not_change),
        cmocka_unit_test(totals_have_every_block),
        cmocka_unit_test(no_memory_is_told),
        cmocka_unit_test(no_pages_is_told),
        cmocka_unit_test(what_was_given_back_is_in_the_totals),
    };
    return cmocka_run_group_tests_name("take", tests, NULL, NULL);
}
