/*
 * Every page that the engine asks of the OS refused, for every one of them: a missing trace is
 * allowed if it is counted, a wrong one never, and afterwards all goes on.
 *
 * A script makes every table of the tracer grow more than once. It is run once to count the
 * requests, and then for every n with the nth refused, alone, with those after it, and with all
 * from there to the end. The model of world.h follows along, and what it cannot explain fails.
 */
#include "support.h"

#include "world.h"

enum {
    STACKS = 700,
    POOL_PAGES = 40,
    POOL_PLACES = 1200,
    LARGE_PLACES = 1500,
    DOMAIN_PLACES = 1200,
    OWNERS = 200,
    LEAVES = 3,
};

struct script {
    size_t pools; /* the first place of each kind */
    size_t large;
    size_t edges;
    size_t domains;
    size_t end;
};

static struct script add_places(struct world *w)
{
    struct script s = {.pools = 0};
    for (uint32_t i = 0; i < POOL_PLACES; i++) {
        uintptr_t page = 0x7f0000000000 + ((uintptr_t)(i % POOL_PAGES) << CTM_PAGE_BITS);
        uint32_t class_size = 16 * (1 + i % POOL_PAGES % 8);
        (void)world_add_place(w, 0, page + CTM_POOL_HEADER + i / POOL_PAGES * class_size);
    }
    s.large = w->place_count;
    for (uint32_t i = 0; i < LARGE_PLACES; i++) {
        (void)world_add_place(w, 0, 0x7f1000000000 + (uintptr_t)i * 0x3010);
    }
    s.edges = w->place_count;
    for (uint32_t i = 0; i < LEAVES; i++) {
        (void)world_add_place(w, 0, (uintptr_t)i << (CTM_PAGE_BITS + CTM_LEAF_BITS));
        (void)world_add_place(w, 0, CTM_HASHED_LIMIT + (uintptr_t)i * 16);
    }
    s.domains = w->place_count;
    for (uint32_t i = 0; i < DOMAIN_PLACES; i++) {
        (void)world_add_place(w, 1 + i % 2, 0x7f0000000000 + (uintptr_t)i / 2 * 64);
    }
    s.end = w->place_count;
    return s;
}

static uint64_t size_at(const struct script *s, size_t place)
{
    if (place < s->large) {
        return 16 * (1 + place % POOL_PAGES % 8) - place % 16;
    }
    return place < s->edges ? 600 + place : CTM_HASHED_LIMIT + place;
}

static uint32_t stack_at(size_t place, uint32_t shift)
{
    return (uint32_t)(place * 11 + shift) % STACKS;
}

static void allocate_all(struct world *w, const struct script *s)
{
    for (size_t i = s->pools; i < s->domains; i++) {
        world_allocate(w, i, size_at(s, i), stack_at(i, 0));
    }
}

static void watch_some(struct world *w, const struct script *s)
{
    for (size_t i = 0; i < OWNERS; i++) {
        world_watch(w, s->large + i);
    }
}

static void track_all(struct world *w, const struct script *s)
{
    for (size_t i = s->domains; i < s->end; i++) {
        world_track(w, i, i, stack_at(i, 0));
    }
}

/* Reuse, missed frees, reallocs that succeed and that fail, a pool of another class. */
static void stir(struct world *w, const struct script *s)
{
    for (size_t i = s->pools; i < s->edges; i += 3) {
        world_reuse(w, i, stack_at(i, 3));
    }
    for (size_t i = s->pools; i < s->domains; i += 5) {
        world_allocate(w, i, size_at(s, i) * 2, stack_at(i, 5));
    }
    for (size_t i = s->large; i < s->edges; i += 4) {
        struct world_held held = world_begin_realloc(w, i);
        world_allocate(w, s->pools + i % POOL_PLACES, 24, stack_at(i, 1));
        world_fail_realloc(w, &held);
    }
    for (size_t i = s->pools; i < s->large; i++) {
        world_free(w, i);
    }
    for (size_t i = s->pools; i < s->large; i += 2) {
        world_reallocate(w, s->large + i, i, 24, stack_at(i, 2));
    }
    for (size_t i = s->domains; i < s->end; i += 3) {
        world_untrack(w, i);
        world_track(w, i, i * 2, stack_at(i, 9));
    }
    world_reset_peak(w);
}

/* The script; where starting fails, it is started again, as a user would. */
static void play(struct world *w, const struct script *s)
{
    for (int attempt = 0; !w->tracer.tracing && attempt < 2; attempt++) {
        (void)world_start(w);
    }
    if (!w->tracer.tracing) {
        return;
    }
    allocate_all(w, s);
    watch_some(w, s);
    track_all(w, s);
    stir(w, s);
    world_compare(w);
    if (world_clear(w) || world_start(w)) {
        allocate_all(w, s);
        world_compare(w);
    }
}

/* With memory again, nothing is dropped any more. */
static void play_on(struct world *w, const struct script *s)
{
    w->refusal.first = 0;
    w->faults = false;
    if (!w->tracer.tracing) {
        assert_true(world_start(w));
    }
    allocate_all(w, s);
    watch_some(w, s);
    track_all(w, s);
    for (size_t i = 0; i < s->end; i++) {
        assert_true(w->places[i].live);
    }
    stir(w, s);
    world_compare(w);
    world_stop(w);
    world_compare(w);
}

/* Play with `count` requests refused from number `first` on; how many requests there were. */
static size_t play_refusing(size_t first, size_t count, uint64_t *dropped)
{
    struct world w;
    world_open(&w, STACKS);
    w.long_names = true;
    w.reclaim_least = 25;
    struct script s = add_places(&w);
    w.faults = first != 0;
    w.refusal.first = first;
    w.refusal.count = count;
    play(&w, &s);
    size_t asked = w.refusal.asked;
    *dropped += w.dropped;
    play_on(&w, &s);
    world_close(&w);
    return asked;
}

static void the_script_makes_every_table_grow(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, STACKS);
    w.long_names = true;
    struct script s = add_places(&w);
    assert_true(world_start(&w));
    size_t names = w.tracer.names.capacity;
    size_t frames = w.tracer.stacks.frame_capacity;
    size_t nodes = w.tracer.stacks.node_capacity;
    size_t sites = w.tracer.sites.capacity;
    allocate_all(&w, &s);
    watch_some(&w, &s);
    track_all(&w, &s);
    assert_true(w.tracer.names.capacity > names);
    assert_true(w.tracer.stacks.frame_capacity > frames);
    assert_true(w.tracer.stacks.node_capacity > nodes);
    assert_true(w.tracer.sites.capacity > 2 * sites);
    assert_true(w.tracer.blocks.hash.capacity > 1280);
    assert_true(w.tracer.blocks.wide.capacity > 1280);
    assert_true(w.tracer.locations.owners.mask > 255);
    assert_true(w.tracer.sites.domain_index.capacity > 512);
    assert_true(w.tracer.names.index.capacity > 512);
    world_stop(&w);
    world_close(&w);
}

static void one_refusal_costs_at_most_traces(void **state)
{
    (void)state;
    uint64_t dropped = 0;
    size_t requests = play_refusing(0, 0, &dropped);
    assert_int_equal(dropped, 0);
    print_message("%zu requests for pages\n", requests);
    assert_true(requests > 60);
    /* Fewer where each takes long (CTM_TEST_SCALE). */
    size_t step = requests / test_rounds(requests);
    for (size_t nth = 1; nth <= requests; nth += step) {
        (void)play_refusing(nth, 1, &dropped);
    }
    assert_true(dropped > 0);
}

static void a_shortage_costs_at_most_traces(void **state)
{
    (void)state;
    uint64_t dropped = 0;
    size_t requests = play_refusing(0, 0, &dropped);
    size_t step = requests / test_rounds(requests);
    (void)play_refusing(requests / 3, SIZE_MAX, &dropped);
    assert_true(dropped > 1000);
    for (size_t nth = 1; nth <= requests; nth += 5 * step) {
        (void)play_refusing(nth, 1 + nth % 40, &dropped);
    }
    for (size_t nth = 1; nth <= requests; nth += 13 * step) {
        (void)play_refusing(nth, SIZE_MAX, &dropped);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_script_makes_every_table_grow),
        cmocka_unit_test(one_refusal_costs_at_most_traces),
        cmocka_unit_test(a_shortage_costs_at_most_traces),
    };
    return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
