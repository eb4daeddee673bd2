#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/check.h"
#include "engine/reclaim.h"

const uint32_t world_domains[WORLD_DOMAINS] = {0, 389047, 424242};

enum { LONG_NAME = CTM_ARENA_LARGE + 500 };

/* ---- stacks: which frames number s has is arithmetic, so that it can be asked at any time ---- */

uint32_t world_depth(uint32_t stack)
{
    return 1 + stack % 9;
}

static uint32_t left_out_of(uint32_t stack)
{
    return stack % 4 == 1 ? stack : 0;
}

uint32_t world_total(uint32_t stack)
{
    return world_depth(stack) + left_out_of(stack);
}

/* The number of the frame `age` levels above the newest one: the older, the more stacks share it.
 */
static uint32_t frame_number(uint32_t stack, uint32_t age)
{
    return (stack >> age) * 16 + age;
}

static size_t file_text(const struct world *w, uint32_t number, char *text)
{
    int length = snprintf(text, LONG_NAME + 1, "/srv/app/module_%u.py", number % 50);
    if (w->long_names && number % 64 == 0) {
        length = snprintf(text, LONG_NAME + 1, "/long/%u", number);
        memset(text + length, 'x', (size_t)(LONG_NAME - length));
        length = LONG_NAME;
    }
    assert_true(length > 0 && length <= LONG_NAME);
    return (size_t)length;
}

static size_t name_text(uint32_t number, char *text)
{
    return (size_t)snprintf(text, LONG_NAME + 1, "Class.function_%u", number);
}

static bool is_text(struct ctm_name name, const char *text, size_t length)
{
    return name.length == length && memcmp(name.bytes, text, length) == 0;
}

bool world_frame_is(const struct world *w, uint32_t stack, uint32_t age, struct ctm_name file,
                    struct ctm_name name, uint32_t line)
{
    char text[LONG_NAME + 1];
    uint32_t number = frame_number(stack, age);
    return line == number + 1 && is_text(file, text, file_text(w, number, text)) &&
           is_text(name, text, name_text(number, text));
}

static int intern_frame(struct world *w, uint32_t number, uint32_t *id)
{
    char text[LONG_NAME + 1];
    struct ctm_location_frame frame = {.line = number + 1};
    int error = ctm_names_intern(&w->tracer.names, text, file_text(w, number, text), &frame.file);
    if (error == CTM_OK) {
        error = ctm_names_intern(&w->tracer.names, text, name_text(number, text), &frame.name);
    }
    return error == CTM_OK ? ctm_stacks_frame(&w->tracer.stacks, frame, id) : error;
}

static uint32_t node_of(struct world *w, uint32_t stack)
{
    if (w->nodes[stack] != CTM_NO_CONTEXT) {
        return w->nodes[stack];
    }
    uint32_t node = ctm_stacks_root(left_out_of(stack));
    for (uint32_t age = world_depth(stack); age > 0; age--) {
        uint32_t frame;
        int error = intern_frame(w, frame_number(stack, age - 1), &frame);
        if (error == CTM_OK) {
            error = ctm_stacks_child(&w->tracer.stacks, node, frame, &node);
        }
        if (error < 0) {
            assert_int_equal(error, CTM_ENOMEM);
            assert_true(w->faults);
            return CTM_NO_CONTEXT;
        }
    }
    w->nodes[stack] = node;
    return node;
}

static void compare_stack(const struct world *w, uint32_t stack)
{
    const struct ctm_stacks *stacks = &w->tracer.stacks;
    const struct ctm_names *names = &w->tracer.names;
    uint32_t node = w->nodes[stack];
    assert_int_equal(test_stack_depth(stacks, node), world_total(stack));
    for (uint32_t age = 0; age < world_depth(stack); age++) {
        assert_true(node < stacks->node_length);
        const struct ctm_location_frame *frame = &stacks->frames[stacks->nodes[node].frame];
        assert_true(frame->file < names->length && frame->name < names->length);
        assert_true(world_frame_is(w, stack, age, names->items[frame->file],
                                   names->items[frame->name], frame->line));
        node = stacks->nodes[node].parent;
    }
    assert_int_equal(node, ctm_stacks_root(left_out_of(stack)));
}

/* ---- the model ---- */

static void *grown(void *old, size_t count, size_t size)
{
    void *items = realloc(old, count * size);
    assert_non_null(items);
    return items;
}

void world_open(struct world *w, uint32_t stack_count)
{
    memset(w, 0, sizeof *w);
    ctm_tracer_init(&w->tracer);
    test_refuse(&w->tracer.pages, &w->refusal);
    w->stack_count = stack_count;
    w->sum_count = (size_t)stack_count * WORLD_DOMAINS;
    w->nodes = grown(NULL, stack_count, sizeof *w->nodes);
    w->live = grown(NULL, w->sum_count, sizeof *w->live);
    w->peak = grown(NULL, w->sum_count, sizeof *w->peak);
    w->total = grown(NULL, w->sum_count, sizeof *w->total);
    w->reused = grown(NULL, w->sum_count, sizeof *w->reused);
    w->changed = grown(NULL, w->sum_count, sizeof *w->changed);
    w->is_changed = grown(NULL, w->sum_count, sizeof *w->is_changed);
}

void world_close(struct world *w)
{
    ctm_tracer_stop(&w->tracer);
    assert_int_equal(w->tracer.pages.mapped, 0);
    free(w->places);
    free(w->nodes);
    free(w->live);
    free(w->peak);
    free(w->total);
    free(w->reused);
    free(w->changed);
    free(w->is_changed);
}

size_t world_add_place(struct world *w, uint32_t domain, uintptr_t address)
{
    if (w->place_count == w->place_capacity) {
        w->place_capacity = w->place_capacity == 0 ? 64 : w->place_capacity * 2;
        w->places = grown(w->places, w->place_capacity, sizeof *w->places);
    }
    w->places[w->place_count] = (struct world_place){.address = address, .domain = domain};
    return w->place_count++;
}

static size_t sum_of(const struct world *w, const struct world_place *place)
{
    return (size_t)place->domain * w->stack_count + place->stack;
}

/* The live sum of a place, which is about to change. */
static struct world_sum *changing_sum(struct world *w, const struct world_place *place)
{
    size_t sum = sum_of(w, place);
    if (!w->is_changed[sum]) {
        w->is_changed[sum] = true;
        w->changed[w->changed_count++] = (uint32_t)sum;
    }
    return &w->live[sum];
}

/* What lives now is what lived at the peak. */
static void copy_peak(struct world *w)
{
    for (size_t i = 0; i < w->changed_count; i++) {
        uint32_t sum = w->changed[i];
        w->peak[sum] = w->live[sum];
        w->is_changed[sum] = false;
    }
    w->changed_count = 0;
    w->at_peak = w->current;
}

static void remember(struct world *w, struct world_place *place, uint64_t size, uint32_t stack)
{
    place->live = true;
    place->size = size;
    place->stack = stack;
    struct world_sum *live = changing_sum(w, place);
    live->bytes += size;
    live->blocks++;
    w->current.bytes += size;
    w->current.blocks++;
    if (w->current.bytes > w->at_peak.bytes) {
        copy_peak(w);
    }
}

static void count(struct world_sum *sum, uint64_t size)
{
    sum->bytes += size;
    sum->blocks++;
}

static void count_total(struct world *w, const struct world_place *place)
{
    count(&w->total[sum_of(w, place)], place->size);
}

static void forget(struct world *w, struct world_place *place)
{
    struct world_sum *live = changing_sum(w, place);
    assert_true(place->live && live->blocks > 0 && live->bytes >= place->size);
    live->bytes -= place->size;
    live->blocks--;
    w->current.bytes -= place->size;
    w->current.blocks--;
    place->live = false;
}

static bool has_kept_site(const struct world *w, uint32_t stack)
{
    bool kept = false;
    for (size_t sum = stack; sum < w->sum_count; sum += w->stack_count) {
        kept = kept || w->live[sum].blocks != 0 || w->peak[sum].blocks != 0;
    }
    return kept;
}

/* The node that is remembered for a stack is still that: ids are used again. */
static bool is_node_of(const struct world *w, uint32_t stack)
{
    const struct ctm_stacks *stacks = &w->tracer.stacks;
    uint32_t at = w->nodes[stack];
    for (uint32_t age = 0; age < world_depth(stack); age++) {
        if (at >= stacks->node_length || ctm_stacks_is_free_node(stacks, at) ||
            stacks->frames[stacks->nodes[at].frame].line != frame_number(stack, age) + 1) {
            return false;
        }
        at = stacks->nodes[at].parent;
    }
    return at == ctm_stacks_root(left_out_of(stack));
}

/* The tracer may just have given nodes back, but none of a stack that still counts, or of the one
 * that it was called with. */
static void settle(struct world *w, uint32_t called_with)
{
    bool may_have_lost = w->may_lose_nodes;
    w->may_lose_nodes =
        w->tracer.reclaim.pass == CTM_RECLAIM_FOLDED || w->tracer.reclaim.pass == CTM_RECLAIM_NODES;
    if (!may_have_lost) {
        return;
    }
    for (uint32_t stack = 0; stack < w->stack_count; stack++) {
        bool kept = stack == called_with || has_kept_site(w, stack);
        if (w->nodes[stack] != CTM_NO_CONTEXT && !is_node_of(w, stack)) {
            assert_false(kept);
            w->nodes[stack] = CTM_NO_CONTEXT;
        }
    }
}

static void forget_all(struct world *w)
{
    for (size_t i = 0; i < w->place_count; i++) {
        w->places[i].live = false;
        w->places[i].watched = false;
    }
    for (uint32_t stack = 0; stack < w->stack_count; stack++) {
        w->nodes[stack] = CTM_NO_CONTEXT;
    }
    memset(w->live, 0, w->sum_count * sizeof *w->live);
    memset(w->peak, 0, w->sum_count * sizeof *w->peak);
    memset(w->total, 0, w->sum_count * sizeof *w->total);
    memset(w->reused, 0, w->sum_count * sizeof *w->reused);
    memset(w->is_changed, 0, w->sum_count * sizeof *w->is_changed);
    w->changed_count = 0;
    w->current = (struct world_sum){0, 0};
    w->at_peak = w->current;
}

/* The tracer said that it dropped the trace that it was just told of. */
static bool was_dropped(struct world *w)
{
    if (w->tracer.dropped == w->dropped) {
        return false;
    }
    assert_true(w->faults);
    assert_int_equal(w->tracer.dropped, ++w->dropped);
    return true;
}

static void compare_counters(const struct world *w)
{
    const struct ctm_tracer *tracer = &w->tracer;
    assert_int_equal(ctm_sites_current_bytes(&tracer->sites), w->current.bytes);
    assert_int_equal(ctm_sites_live_blocks(&tracer->sites), w->current.blocks);
    assert_int_equal(tracer->sites.peak_bytes, w->at_peak.bytes);
    assert_int_equal(tracer->dropped, w->dropped);
    assert_int_equal(tracer->missed_frees, w->missed_frees);
}

/* ---- operations ---- */

static void reclaim_early(struct world *w)
{
    w->may_lose_nodes = false;
    if (w->reclaim_least != 0) {
        w->tracer.reclaim.least = w->reclaim_least;
        w->tracer.reclaim.at = w->reclaim_least;
    }
    if (w->pace != 0) {
        w->tracer.reclaim.pace = w->pace;
    }
}

bool world_start(struct world *w)
{
    forget_all(w);
    int error = ctm_tracer_start(&w->tracer);
    assert_true(error == CTM_OK || (error == CTM_ENOMEM && w->faults));
    assert_true(w->tracer.tracing == (error == CTM_OK));
    if (error == CTM_OK) {
        w->dropped = 0;
        w->missed_frees = 0;
    }
    reclaim_early(w);
    compare_counters(w);
    return error == CTM_OK;
}

bool world_clear(struct world *w)
{
    uint64_t generation = w->tracer.generation;
    forget_all(w);
    int error = ctm_tracer_clear(&w->tracer);
    assert_true(error == CTM_OK || (error == CTM_ENOMEM && w->faults));
    assert_true(w->tracer.tracing == (error == CTM_OK));
    assert_true(w->tracer.generation != generation);
    reclaim_early(w);
    compare_counters(w);
    return error == CTM_OK;
}

void world_stop(struct world *w)
{
    uint64_t generation = w->tracer.generation;
    forget_all(w);
    ctm_tracer_stop(&w->tracer);
    assert_false(w->tracer.tracing);
    assert_true(w->tracer.generation != generation);
    compare_counters(w);
}

void world_reset_peak(struct world *w)
{
    ctm_sites_new_peak(&w->tracer.sites);
    copy_peak(w);
    compare_counters(w);
}

void world_reset_churn(struct world *w)
{
    ctm_tracer_reset_churn(&w->tracer);
    memset(w->total, 0, w->sum_count * sizeof *w->total);
    memset(w->reused, 0, w->sum_count * sizeof *w->reused);
}

void world_reclaim(struct world *w)
{
    test_give_back(&w->tracer);
    w->may_lose_nodes = true;
    settle(w, w->stack_count);
    compare_counters(w);
}

void world_allocate(struct world *w, size_t number, uint64_t size, uint32_t stack)
{
    struct world_place *place = &w->places[number];
    ctm_tracer_allocated_hook(&w->tracer, place->address, size, node_of(w, stack));
    settle(w, stack);
    if (place->live) {
        forget(w, place);
        place->watched = false;
        w->missed_frees++;
    }
    if (!was_dropped(w)) {
        remember(w, place, size, stack);
        count_total(w, place);
    }
    compare_counters(w);
}

/* Tell the tracer that a block goes; compare what it says was there. */
static bool take(struct world *w, struct world_place *place, struct ctm_block *block)
{
    bool had_trace = ctm_tracer_freed_hook(&w->tracer, place->address, block);
    assert_true(had_trace == place->live);
    if (had_trace) {
        assert_int_equal(block->size, place->size);
        assert_true(block->site < w->tracer.sites.length);
        assert_int_equal(ctm_site_node(&w->tracer.sites.items[block->site]),
                         w->nodes[place->stack]);
        forget(w, place);
    }
    place->watched = false;
    return had_trace;
}

void world_free(struct world *w, size_t number)
{
    struct ctm_block block;
    (void)take(w, &w->places[number], &block);
    compare_counters(w);
}

void world_reallocate(struct world *w, size_t from, size_t to, uint64_t size, uint32_t stack)
{
    world_free(w, from);
    world_allocate(w, to, size, stack);
}

struct world_held world_begin_realloc(struct world *w, size_t number)
{
    struct world_held held = {.place = number, .model = w->places[number]};
    held.given_back = w->tracer.reclaim.sites;
    held.had_trace = take(w, &w->places[number], &held.block);
    compare_counters(w);
    return held;
}

void world_fail_realloc(struct world *w, const struct world_held *held)
{
    struct world_place *place = &w->places[held->place];
    if (!held->had_trace || held->given_back != w->tracer.reclaim.sites) {
        return;
    }
    ctm_tracer_restored_hook(&w->tracer, place->address, held->block);
    if (place->live) {
        forget(w, place);
        place->watched = false;
        w->missed_frees++;
    }
    if (!was_dropped(w)) {
        remember(w, place, held->model.size, held->model.stack);
    }
    compare_counters(w);
}

void world_reuse(struct world *w, size_t number, uint32_t stack)
{
    struct world_place *place = &w->places[number];
    ctm_tracer_reused_hook(&w->tracer, place->address, node_of(w, stack));
    settle(w, stack);
    if (!place->live) {
        return;
    }
    if (was_dropped(w)) {
        forget(w, place);
        place->watched = false;
    } else {
        if (stack != place->stack) {
            /* Not through a new peak: as many bytes as before. */
            uint64_t size = place->size;
            forget(w, place);
            remember(w, place, size, stack);
        }
        count(&w->reused[sum_of(w, place)], place->size);
    }
    compare_counters(w);
}

void world_watch(struct world *w, size_t number)
{
    struct world_place *place = &w->places[number];
    if (place->watched || place->address == 0) {
        return;
    }
    struct ctm_owner *owner = ctm_tracer_add_owner_hook(&w->tracer, place->address);
    place->watched = owner != NULL;
    assert_true(place->watched || w->faults || place->address >= CTM_HASHED_LIMIT);
}

void world_track(struct world *w, size_t number, uint64_t size, uint32_t stack)
{
    struct world_place *place = &w->places[number];
    int error = ctm_tracer_track_hook(&w->tracer, world_domains[place->domain], place->address,
                                      size, node_of(w, stack));
    if (place->live) {
        forget(w, place);
    }
    settle(w, stack);
    place->watched = false;
    if (was_dropped(w)) {
        assert_int_equal(error, CTM_ENOMEM);
    } else {
        assert_int_equal(error, CTM_OK);
        remember(w, place, size, stack);
        count_total(w, place);
    }
    compare_counters(w);
}

void world_untrack(struct world *w, size_t number)
{
    struct world_place *place = &w->places[number];
    ctm_tracer_untrack_hook(&w->tracer, world_domains[place->domain], place->address);
    if (place->live) {
        forget(w, place);
    }
    place->watched = false;
    compare_counters(w);
}

void world_hand_over(struct world *w, size_t own, size_t gone, size_t other, uint64_t size,
                     uint32_t stack)
{
    struct world_place *place = &w->places[own];
    assert_int_equal(place->address, w->places[other].address);
    uint64_t before = w->at_peak.bytes;
    world_allocate(w, own, size, stack);
    uint64_t peak = w->at_peak.bytes;
    ctm_tracer_disown_hook(&w->tracer, place->address);
    if (place->live) {
        struct world_sum *total = &w->total[sum_of(w, place)];
        total->bytes -= size;
        total->blocks--;
        forget(w, place);
    }
    place->watched = false;
    compare_counters(w);
    world_untrack(w, gone);
    world_track(w, other, size, stack);
    if (peak > before && peak == w->at_peak.bytes && w->places[other].live) {
        struct world_sum *giver = &w->peak[sum_of(w, place)];
        struct world_sum *taker = &w->peak[sum_of(w, &w->places[other])];
        giver->bytes -= size;
        giver->blocks--;
        taker->bytes += size;
        taker->blocks++;
    }
}

/* ---- comparing ---- */

static uint32_t domain_number(uint32_t domain)
{
    uint32_t number = 0;
    while (number < WORLD_DOMAINS && world_domains[number] != domain) {
        number++;
    }
    assert_true(number < WORLD_DOMAINS);
    return number;
}

static void compare_site(const struct world *w, uint32_t id, size_t sum)
{
    const struct ctm_sites *sites = &w->tracer.sites;
    assert_int_equal(ctm_site_live_bytes(&sites->items[id]), w->live[sum].bytes);
    assert_int_equal(ctm_site_live_blocks(&sites->items[id]), w->live[sum].blocks);
    assert_int_equal(ctm_site_peak_bytes(sites, id), w->peak[sum].bytes);
    assert_int_equal(ctm_site_peak_blocks(sites, id), w->peak[sum].blocks);
}

/* What was allocated and reused, by sum: the newest line of a stack is of no other. */
struct churn {
    struct world_sum *total;
    struct world_sum *reused;
};

static struct churn churn_new(const struct world *w)
{
    struct churn churn = {calloc(w->sum_count, sizeof *churn.total),
                          calloc(w->sum_count, sizeof *churn.reused)};
    assert_non_null(churn.total);
    assert_non_null(churn.reused);
    return churn;
}

static void add_churn(const struct world *w, const struct churn *churn,
                      struct ctm_folded_place place, const struct ctm_churn *counted)
{
    uint32_t line = place.line;
    if (line == 0) {
        assert_false(w->tracer.folded.exact);
        line = 1; /* of which file does not matter: only the sums over all can be right */
    }
    size_t sum = (size_t)domain_number(place.domain) * w->stack_count + (line - 1) / 16;
    churn->total[sum].bytes += counted->total_bytes;
    churn->total[sum].blocks += counted->total_blocks;
    churn->reused[sum].bytes += counted->reused_bytes;
    churn->reused[sum].blocks += counted->reused_blocks;
}

static void add_churn_of_site(const struct world *w, const struct churn *churn, uint32_t id)
{
    const struct ctm_tracer *tracer = &w->tracer;
    const struct ctm_site *site = &tracer->sites.items[id];
    uint32_t frame = tracer->stacks.nodes[ctm_site_node(site)].frame;
    struct ctm_folded_place place = {.domain = ctm_site_domain(site),
                                     .line = tracer->stacks.frames[frame].line};
    struct ctm_churn counted = ctm_site_churn(&tracer->sites, id);
    add_churn(w, churn, place, &counted);
}

static void compare_sums(const struct world *w, const struct world_sum *a,
                         const struct world_sum *b)
{
    struct world_sum left = {0};
    struct world_sum right = {0};
    for (size_t sum = 0; sum < w->sum_count; sum++) {
        left.bytes += a[sum].bytes;
        left.blocks += a[sum].blocks;
        right.bytes += b[sum].bytes;
        right.blocks += b[sum].blocks;
        if (w->tracer.folded.exact) {
            assert_int_equal(a[sum].bytes, b[sum].bytes);
            assert_int_equal(a[sum].blocks, b[sum].blocks);
        }
    }
    assert_int_equal(left.bytes, right.bytes);
    assert_int_equal(left.blocks, right.blocks);
}

static void compare_churn(const struct world *w, struct churn *churn)
{
    compare_sums(w, churn->total, w->total);
    compare_sums(w, churn->reused, w->reused);
    free(churn->total);
    free(churn->reused);
}

void world_compare_sites(const struct world *w)
{
    const struct ctm_tracer *tracer = &w->tracer;
    compare_counters(w);
    uint32_t *stack_of = grown(NULL, (size_t)tracer->stacks.node_length + 1, sizeof *stack_of);
    bool *seen = calloc(w->sum_count, sizeof *seen);
    struct churn churn = churn_new(w);
    assert_non_null(seen);
    memset(stack_of, 0xff, (size_t)tracer->stacks.node_length * sizeof *stack_of);
    for (uint32_t stack = 0; stack < w->stack_count; stack++) {
        if (w->nodes[stack] != CTM_NO_CONTEXT) {
            stack_of[w->nodes[stack]] = stack;
        }
    }
    for (uint32_t id = 1; id < tracer->sites.length; id++) {
        const struct ctm_site *site = &tracer->sites.items[id];
        if (ctm_site_is_free(site)) {
            continue;
        }
        add_churn_of_site(w, &churn, id);
        uint32_t stack = stack_of[ctm_site_node(site)];
        assert_true(stack < w->stack_count);
        size_t sum = (size_t)domain_number(ctm_site_domain(site)) * w->stack_count + stack;
        assert_false(seen[sum]);
        seen[sum] = true;
        compare_site(w, id, sum);
    }
    for (uint32_t i = 0; i < tracer->folded.length; i++) {
        const struct ctm_folded_row *row = &tracer->folded.rows[i];
        add_churn(w, &churn, row->place, &row->churn);
    }
    for (size_t sum = 0; sum < w->sum_count; sum++) {
        if (!seen[sum]) {
            assert_int_equal(w->peak[sum].blocks, 0);
            assert_int_equal(w->live[sum].blocks, 0);
        }
    }
    compare_churn(w, &churn);
    free(stack_of);
    free(seen);
}

static void compare_place(const struct world *w, const struct world_place *place)
{
    const struct ctm_blocks *blocks = &w->tracer.blocks;
    struct ctm_block block = {0};
    uint32_t domain = world_domains[place->domain];
    bool there = domain == 0 ? ctm_blocks_get(blocks, place->address, &block)
                             : ctm_blocks_get_domain(blocks, domain, place->address, &block);
    assert_true(there == place->live);
    if (there) {
        const struct ctm_site *site = &w->tracer.sites.items[block.site];
        assert_int_equal(block.size, place->size);
        assert_int_equal(ctm_site_domain(site), domain);
        assert_int_equal(ctm_site_node(site), w->nodes[place->stack]);
    }
    if (domain == 0 && place->address != 0) {
        bool watched = ctm_locations_owner(&w->tracer.locations, place->address) != NULL;
        assert_true(watched == place->watched);
    }
}

void world_compare(const struct world *w)
{
    const char *broken = ctm_tracer_check(&w->tracer);
    if (broken != NULL) {
        fail_msg("%s", broken);
    }
    compare_counters(w);
    if (!w->tracer.tracing) {
        return;
    }
    world_compare_sites(w);
    for (size_t i = 0; i < w->place_count; i++) {
        compare_place(w, &w->places[i]);
    }
    for (uint32_t stack = 0; stack < w->stack_count; stack++) {
        if (w->nodes[stack] != CTM_NO_CONTEXT) {
            compare_stack(w, stack);
        }
    }
}
