/* The map from addresses to records, against a list that is searched from end to end. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "engine/address_map.h"

struct item {
    uintptr_t address;
    uint64_t payload[3];
};

struct fixture {
    struct test_refusal refusal;
    struct ctm_pages pages;
    struct ctm_address_map map;
};

static void open_fixture(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    ctm_pages_init(&f->pages);
    test_refuse(&f->pages, &f->refusal);
    ctm_address_map_init(&f->map, &f->pages, sizeof(struct item));
}

static struct item *find(const struct fixture *f, uintptr_t address)
{
    return ctm_address_map_find(&f->map, address, sizeof(struct item));
}

static void add(struct fixture *f, uintptr_t address)
{
    struct item *item = ctm_address_map_add(&f->map, address);
    assert_non_null(item);
    assert_int_equal(item->address, address);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(item->payload[i], 0);
        item->payload[i] = address * 3 + (uint64_t)i;
    }
}

static void assert_there(const struct fixture *f, uintptr_t address)
{
    const struct item *item = find(f, address);
    assert_non_null(item);
    assert_int_equal(item->address, address);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(item->payload[i], address * 3 + (uint64_t)i);
    }
}

static void an_empty_map_finds_nothing(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    assert_null(find(&f, 1));
    add(&f, 1);
    assert_there(&f, 1);
    assert_null(find(&f, 2));
    ctm_address_map_remove(&f.map, find(&f, 1));
    assert_null(find(&f, 1));
    assert_int_equal(f.map.used, 0);
    add(&f, 1); /* zeroed again */
    ctm_pages_deinit(&f.pages);
}

/* Addresses that all belong into the last places of the first table: a chain around its end. */
static void chains_around_the_end_stay_whole(void **state)
{
    (void)state;
    enum { COUNT = 40, FIRST_MASK = 255 };
    struct test_random random = test_random_stream(10);
    uintptr_t addresses[COUNT];
    struct fixture first;
    open_fixture(&first);
    add(&first, 1);
    for (size_t i = 0; i < COUNT;) {
        uintptr_t address = test_random_next(&random) >> 16;
        if (ctm_address_map_home(&first.map, address) >= FIRST_MASK - 3) {
            addresses[i++] = address;
        }
    }
    ctm_pages_deinit(&first.pages);
    for (size_t round = 0; round < 200; round++) {
        struct fixture f;
        open_fixture(&f);
        for (size_t i = 0; i < COUNT; i++) {
            add(&f, addresses[i]);
        }
        assert_int_equal(f.map.mask, FIRST_MASK);
        for (size_t left = COUNT; left > 0; left--) {
            size_t at = test_random_below(&random, left);
            uintptr_t gone = addresses[at];
            addresses[at] = addresses[left - 1];
            addresses[left - 1] = gone;
            ctm_address_map_remove(&f.map, find(&f, gone));
            assert_null(find(&f, gone));
            for (size_t i = 0; i + 1 < left; i++) {
                assert_there(&f, addresses[i]);
            }
        }
        ctm_pages_deinit(&f.pages);
    }
}

static void random_operations_agree_with_a_list(void **state)
{
    (void)state;
    enum { ADDRESSES = 3000 };
    struct test_random random = test_random_stream(11);
    static bool there[ADDRESSES];
    struct fixture f;
    size_t used = 0;
    open_fixture(&f);
    memset(there, 0, sizeof there);
    for (size_t round = test_rounds(100000); round > 0; round--) {
        size_t i = test_random_below(&random, ADDRESSES);
        uintptr_t address = 0x7f0000000000 + 16 * (i + 1);
        if (there[i]) {
            assert_there(&f, address);
            ctm_address_map_remove(&f.map, find(&f, address));
            used--;
        } else {
            assert_null(find(&f, address));
            add(&f, address);
            used++;
        }
        there[i] = !there[i];
        assert_int_equal(f.map.used, used);
    }
    for (size_t i = 0; i < ADDRESSES; i++) {
        assert_true((find(&f, 0x7f0000000000 + 16 * (i + 1)) != NULL) == there[i]);
    }
    assert_int_equal(f.pages.length, 1);
    ctm_pages_deinit(&f.pages);
}

static void an_empty_map_becomes_small(void **state)
{
    (void)state;
    enum { COUNT = 10000, LEFT = 10 };
    struct fixture f;
    open_fixture(&f);
    ctm_address_map_shrink(&f.map);
    assert_int_equal(ctm_address_map_capacity(&f.map), 0);
    add(&f, 16);
    size_t least = f.map.mask;
    for (uintptr_t i = 2; i <= COUNT; i++) {
        add(&f, 16 * i);
        ctm_address_map_shrink(&f.map);
    }
    size_t most = f.map.mask;
    assert_true(most >= COUNT);
    for (uintptr_t i = COUNT; i > LEFT; i--) {
        ctm_address_map_remove(&f.map, find(&f, 16 * i));
    }
    uint32_t moves = f.map.moves;
    test_refuse_next(&f.refusal, 1);
    ctm_address_map_shrink(&f.map);
    assert_int_equal(f.map.mask, most);
    assert_int_equal(f.map.moves, moves);
    ctm_address_map_shrink(&f.map);
    assert_int_equal(f.map.mask, least);
    assert_int_not_equal(f.map.moves, moves);
    assert_int_equal(f.pages.length, 1);
    for (uintptr_t i = 1; i <= LEFT; i++) {
        assert_there(&f, 16 * i);
    }
    ctm_pages_deinit(&f.pages);
}

/* Who walks down from the end, and begins anew when `moves` changed, meets all that stay. */
static void a_walk_down_misses_nothing(void **state)
{
    (void)state;
    enum { ADDRESSES = 400 };
    struct test_random random = test_random_stream(12);
    struct fixture f;
    for (size_t round = test_rounds(300); round > 0; round--) {
        bool met[ADDRESSES] = {false};
        bool stays[ADDRESSES] = {false};
        open_fixture(&f);
        for (uintptr_t i = 0; i < ADDRESSES / 2; i++) {
            add(&f, 16 * (i + 1));
            stays[i] = true;
        }
        uint32_t moves = f.map.moves;
        for (uint32_t left = ctm_address_map_capacity(&f.map); left > 0;) {
            const struct item *item = ctm_address_map_at(&f.map, --left);
            if (item != NULL) {
                met[item->address / 16 - 1] = true;
            }
            size_t i = test_random_below(&random, ADDRESSES);
            struct item *other = find(&f, 16 * (i + 1));
            if (other != NULL) {
                stays[i] = false;
                ctm_address_map_remove(&f.map, other);
            } else if (test_random_percent(&random, 70)) {
                add(&f, 16 * (i + 1));
            }
            if (f.map.moves != moves) {
                moves = f.map.moves;
                left = ctm_address_map_capacity(&f.map);
            }
        }
        for (size_t i = 0; i < ADDRESSES; i++) {
            assert_true(met[i] || !stays[i]);
        }
        ctm_pages_deinit(&f.pages);
    }
}

static void a_refusal_changes_nothing(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    test_refuse_next(&f.refusal, 1);
    assert_null(ctm_address_map_add(&f.map, 16));
    assert_null(find(&f, 16));
    for (uintptr_t i = 1; i <= 1000; i++) {
        size_t asked = f.refusal.asked;
        test_refuse_next(&f.refusal, 1);
        struct item *item = ctm_address_map_add(&f.map, 16 * i);
        if (f.refusal.asked != asked) {
            assert_null(item);
            assert_int_equal(f.map.used, i - 1);
            add(&f, 16 * i);
        } else {
            assert_non_null(item);
            ctm_address_map_remove(&f.map, item);
            add(&f, 16 * i);
        }
    }
    for (uintptr_t i = 1; i <= 1000; i++) {
        assert_there(&f, 16 * i);
    }
    ctm_pages_deinit(&f.pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map_finds_nothing),
        cmocka_unit_test(chains_around_the_end_stay_whole),
        cmocka_unit_test(random_operations_agree_with_a_list),
        cmocka_unit_test(an_empty_map_becomes_small),
        cmocka_unit_test(a_walk_down_misses_nothing),
        cmocka_unit_test(a_refusal_changes_nothing),
    };
    return cmocka_run_group_tests_name("address_map", tests, NULL, NULL);
}
