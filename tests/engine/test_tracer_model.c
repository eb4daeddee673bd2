/*
 * Random operations on the tracer and on the naive model of world.h, compared as they go.
 *
 * The places are of every kind that the block table treats apart: pools whose size class changes,
 * addresses off their grid, the edges of pages and of the address space, large blocks, addresses
 * over 48 bits, other domains.
 */
#include "support.h"

#include "world.h"

enum {
    STACKS = 120,
    POOLS = 5, /* pages, each with a place at every 16th byte */
    PLACES_A_POOL = (1 << CTM_PAGE_BITS) / 16,
    LARGE = 1500,
};

#define POOL_BASE UINT64_C(0x7f40fffe0000) /* the pages lie on both sides of a leaf's border */
#define LARGE_BASE UINT64_C(0x555500000000)

struct places {
    uint32_t pool_class[POOLS]; /* bytes; changes now and then */
    size_t odd;                 /* the first of the places that are neither in pools nor large */
    size_t others;              /* the first in other domains */
    size_t end;
};

static void add_places(struct world *w, struct places *p, struct test_random *random)
{
    static const uintptr_t odd[] = {
        0,
        1,
        CTM_POOL_HEADER,
        (1 << CTM_PAGE_BITS) - 1,
        POOL_BASE + 49,
        POOL_BASE + 50,
        POOL_BASE + CTM_POOL_HEADER + 8,
        POOL_BASE + (1 << CTM_PAGE_BITS) - 8,
        CTM_HASHED_LIMIT - 1,
        CTM_HASHED_LIMIT - 16,
        CTM_HASHED_LIMIT - (1 << CTM_PAGE_BITS) + CTM_POOL_HEADER,
        CTM_HASHED_LIMIT,
        CTM_HASHED_LIMIT + CTM_POOL_HEADER,
        CTM_HASHED_LIMIT | (POOL_BASE + CTM_POOL_HEADER),
        UINTPTR_MAX,
        UINTPTR_MAX - 15,
    };
    for (uint32_t pool = 0; pool < POOLS; pool++) {
        p->pool_class[pool] = 16 * (1 + (uint32_t)test_random_below(random, 32));
        for (uint32_t at = 0; at < PLACES_A_POOL; at++) {
            (void)world_add_place(w, 0, POOL_BASE + (pool << CTM_PAGE_BITS) + 16 * at);
        }
    }
    for (uint32_t i = 0; i < LARGE; i++) {
        (void)world_add_place(w, 0, LARGE_BASE + UINT64_C(0x5010) * i);
    }
    p->odd = w->place_count;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        (void)world_add_place(w, 0, odd[i]);
    }
    p->others = w->place_count;
    for (uint32_t i = 0; i < LARGE; i++) {
        /* The same addresses as in domain 0, and some that only other domains have. */
        uintptr_t address = i % 3 == 0 ? POOL_BASE + 16 * i : LARGE_BASE + UINT64_C(0x5010) * i;
        address = i % 50 == 0 ? UINTPTR_MAX - i : address;
        (void)world_add_place(w, 1, address);
        (void)world_add_place(w, 2, address);
    }
    p->end = w->place_count;
}

static uint64_t any_size(struct test_random *random)
{
    switch (test_random_below(random, 20)) {
    case 0:
        return 0;
    case 1:
        return CTM_HASHED_LIMIT - 1 + test_random_below(random, 3);
    case 2:
        return CTM_HASHED_LIMIT << test_random_below(random, 4);
    case 3:
    case 4:
        return CTM_SMALL_MAX - 1 + test_random_below(random, 3);
    case 5:
    case 6:
    case 7:
        return test_random_next(random) >> (24 + test_random_below(random, 40));
    default:
        return test_random_below(random, CTM_SMALL_MAX + 1);
    }
}

/* A place and a size for an allocation in domain 0: mostly such as allocators make them. */
static size_t choose(struct places *p, struct test_random *random, uint64_t *size)
{
    *size = any_size(random);
    if (test_random_percent(random, 20)) {
        return (size_t)(POOLS * PLACES_A_POOL + test_random_below(random, LARGE));
    }
    if (test_random_percent(random, 5)) {
        return p->odd + test_random_below(random, p->others - p->odd);
    }
    uint64_t pool = test_random_below(random, POOLS);
    if (test_random_below(random, 2000) == 0) {
        p->pool_class[pool] = 16 * (1 + (uint32_t)test_random_below(random, 32));
    }
    if (test_random_percent(random, 10)) {
        return (size_t)(pool * PLACES_A_POOL + test_random_below(random, PLACES_A_POOL));
    }
    uint32_t class_size = p->pool_class[pool];
    uint32_t slots = ((1u << CTM_PAGE_BITS) - CTM_POOL_HEADER) / class_size;
    *size = class_size - test_random_below(random, 16);
    return (size_t)(pool * PLACES_A_POOL +
                    (CTM_POOL_HEADER + test_random_below(random, slots) * class_size) / 16);
}

static uint32_t any_stack(struct test_random *random)
{
    return (uint32_t)test_random_below(random, STACKS);
}

static size_t any_place(const struct places *p, struct test_random *random)
{
    return (size_t)test_random_below(random, p->others);
}

/* Free a run of places: pools become empty, and take another class. */
static void free_run(struct world *w, const struct places *p, struct test_random *random)
{
    size_t from = any_place(p, random);
    size_t count = (size_t)test_random_below(random, PLACES_A_POOL);
    for (size_t i = from; i < from + count && i < p->others; i++) {
        world_free(w, i);
    }
}

static void in_another_domain(struct world *w, const struct places *p, struct test_random *random)
{
    size_t place = p->others + test_random_below(random, p->end - p->others);
    if (test_random_percent(random, 60)) {
        world_track(w, place, any_size(random), any_stack(random));
    } else {
        world_untrack(w, place);
    }
}

/* As numpy does with its arrays' data. */
static void handed_over(struct world *w, const struct places *p, struct test_random *random)
{
    uint64_t i = test_random_below(random, LARGE);
    size_t own = POOLS * PLACES_A_POOL + i;
    size_t other = p->others + 2 * i + test_random_below(random, 2);
    if (w->places[own].address == w->places[other].address && !w->places[own].live) {
        size_t gone = p->others + test_random_below(random, p->end - p->others);
        world_hand_over(w, own, gone, other, any_size(random), any_stack(random));
    }
}

/* A realloc that fails, while other threads go on. */
static void failing_realloc(struct world *w, struct places *p, struct test_random *random)
{
    struct world_held held = world_begin_realloc(w, any_place(p, random));
    for (uint64_t others = test_random_below(random, 4); others > 0; others--) {
        uint64_t size;
        size_t place = choose(p, random, &size);
        world_allocate(w, place, size, any_stack(random));
    }
    world_fail_realloc(w, &held);
}

/* `growth` is the percentage of allocations among allocations and frees. */
static void operate(struct world *w, struct places *p, struct test_random *random, unsigned growth)
{
    uint64_t size = 0;
    uint64_t kind = test_random_below(random, 1000);
    if (kind < 700) {
        size_t place = choose(p, random, &size);
        if (test_random_percent(random, growth)) {
            /* Mostly where nothing is: a missed free is the exception. */
            if (!w->places[place].live || test_random_percent(random, 10)) {
                world_allocate(w, place, size, any_stack(random));
            }
        } else {
            world_free(w, test_random_percent(random, 50) ? place : any_place(p, random));
        }
    } else if (kind < 780) {
        size_t to = choose(p, random, &size);
        size_t from = test_random_percent(random, 30) ? to : any_place(p, random);
        world_reallocate(w, from, to, size, any_stack(random));
    } else if (kind < 800) {
        failing_realloc(w, p, random);
    } else if (kind < 900) {
        world_reuse(w, any_place(p, random), any_stack(random));
    } else if (kind < 960) {
        in_another_domain(w, p, random);
    } else if (kind < 970) {
        handed_over(w, p, random);
    } else if (kind < 980) {
        world_watch(w, any_place(p, random));
    } else if (kind < 985) {
        size_t place = choose(p, random, &size);
        world_track(w, place, size, any_stack(random));
    } else if (kind < 990) {
        world_untrack(w, any_place(p, random));
    } else if (kind < 995) {
        world_reset_peak(w);
        if (test_random_percent(random, 5)) {
            world_reset_churn(w);
        }
    } else {
        free_run(w, p, random);
    }
}

static void run_rounds(struct world *w, struct places *p, struct test_random *random, size_t rounds)
{
    unsigned growth = 50;
    for (size_t round = 1; round <= rounds; round++) {
        if (round % 3000 == 0) {
            growth = 20 + (unsigned)test_random_below(random, 70);
        }
        operate(w, p, random, growth);
        if (round % 2048 == 0) {
            world_compare(w);
        }
    }
    world_compare(w);
}

static void random_operations_agree_with_the_model(void **state)
{
    (void)state;
    struct test_random random = test_random_stream(50);
    struct world w;
    struct places p;
    world_open(&w, STACKS);
    w.long_names = true;
    add_places(&w, &p, &random);
    assert_true(world_start(&w));
    for (int life = 0; life < 6; life++) {
        run_rounds(&w, &p, &random, test_rounds(40000));
        if (life % 2 == 0) {
            assert_true(world_clear(&w));
        } else {
            world_stop(&w);
            world_compare(&w);
            assert_true(world_start(&w));
        }
        world_compare(&w);
    }
    world_close(&w);
}

/* Now few stacks live, now many: ids are given back and used again all the time, in steps of all
 * sizes. */
static void ids_are_given_back_meanwhile(void **state)
{
    (void)state;
    struct test_random random = test_random_stream(52);
    struct world w;
    struct places p;
    world_open(&w, STACKS);
    w.long_names = true;
    w.reclaim_least = 30;
    w.pace = 1;
    add_places(&w, &p, &random);
    assert_true(world_start(&w));
    uint64_t cycles = 0;
    for (int life = 0; life < 60; life++) {
        w.tracer.reclaim.pace = 1 + (uint32_t)life % 13 * (uint32_t)life;
        w.tracer.reclaim.at = w.reclaim_least;
        run_rounds(&w, &p, &random, test_rounds(1000));
        for (size_t i = test_random_below(&random, 20); i < p.end; i += 1 + (size_t)life % 4) {
            world_untrack(&w, i);
        }
        world_reset_peak(&w);
        world_compare(&w);
        if (life % 3 == 0) {
            world_reclaim(&w);
            world_compare(&w);
        }
        if (life % 7 == 0) {
            world_reset_churn(&w);
        }
        if (life % 20 == 19) {
            cycles += w.tracer.reclaim.cycles;
            assert_true(world_clear(&w));
        }
    }
    assert_true(cycles > 60);
    world_close(&w);
}

/* All that was allocated is freed: nothing is left, anywhere. */
static void what_is_freed_is_gone(void **state)
{
    (void)state;
    struct test_random random = test_random_stream(51);
    struct world w;
    struct places p;
    world_open(&w, STACKS);
    add_places(&w, &p, &random);
    assert_true(world_start(&w));
    for (int round = 0; round < 3; round++) {
        run_rounds(&w, &p, &random, test_rounds(10000));
        for (size_t i = 0; i < p.end; i++) {
            world_untrack(&w, i);
        }
        assert_int_equal(ctm_sites_current_bytes(&w.tracer.sites), 0);
        assert_int_equal(ctm_sites_live_blocks(&w.tracer.sites), 0);
        assert_int_equal(w.tracer.blocks.hash.used, 0);
        assert_int_equal(w.tracer.blocks.wide.used, 0);
        assert_int_equal(w.tracer.locations.owners.used, 0);
        world_compare(&w);
    }
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations_agree_with_the_model),
        cmocka_unit_test(ids_are_given_back_meanwhile),
        cmocka_unit_test(what_is_freed_is_gone),
    };
    return cmocka_run_group_tests_name("tracer_model", tests, NULL, NULL);
}
