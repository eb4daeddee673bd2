/* Locations: what is known of an owner's instructions lives and dies with the owner. */
#include "support.h"

#include <string.h>

#include "engine/locations.h"

struct fixture {
    struct test_refusal refusal;
    struct ctm_pages pages;
    struct ctm_locations locations;
};

static void open_fixture(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    ctm_pages_init(&f->pages);
    test_refuse(&f->pages, &f->refusal);
    ctm_locations_init(&f->locations, &f->pages);
}

static void add_owner(struct fixture *f, uintptr_t address, uintptr_t first, uintptr_t last,
                      uint32_t step)
{
    struct ctm_owner *owner = ctm_locations_add_owner(&f->locations, address);
    assert_non_null(owner);
    assert_int_equal(owner->first, 0);
    owner->first = first;
    owner->last = last;
    owner->step = step;
}

static void add_location(struct fixture *f, uintptr_t instruction, uint32_t frame)
{
    struct ctm_location *location = ctm_locations_add(&f->locations, instruction, frame);
    assert_non_null(location);
    assert_int_equal(location->instruction, instruction);
    assert_int_equal(location->frame, frame);
    assert_int_equal(location->parent, CTM_NO_CONTEXT);
}

static void a_dead_owner_takes_its_instructions_along(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    add_owner(&f, 0x1000, 0x1100, 0x1200, 2);
    add_owner(&f, 0x2000, 0x1200, 0x1300, 2);
    for (uintptr_t at = 0x10fe; at <= 0x1300; at += 2) {
        add_location(&f, at, (uint32_t)at);
    }
    ctm_locations_remove_owner(&f.locations, ctm_locations_owner(&f.locations, 0x1000));
    assert_null(ctm_locations_owner(&f.locations, 0x1000));
    assert_non_null(ctm_locations_owner(&f.locations, 0x2000));
    for (uintptr_t at = 0x10fe; at <= 0x1300; at += 2) {
        const struct ctm_location *location = ctm_locations_find(&f.locations, at);
        if (at >= 0x1100 && at < 0x1200) {
            assert_null(location);
        } else {
            assert_non_null(location);
            assert_int_equal(location->frame, at);
        }
    }
    /* The address returns as another's: nothing of the dead one is left. */
    add_owner(&f, 0x1000, 0x1100, 0x1200, 2);
    add_location(&f, 0x1100, 7);
    ctm_pages_deinit(&f.pages);
}

static void an_owner_without_instructions_dies_too(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    assert_non_null(ctm_locations_add_owner(&f.locations, 0x1000));
    ctm_locations_remove_owner(&f.locations, ctm_locations_owner(&f.locations, 0x1000));
    assert_null(ctm_locations_owner(&f.locations, 0x1000));
    ctm_pages_deinit(&f.pages);
}

/* Owners come and go at a few addresses; each sees only what was added in its own lifetime. */
static void addresses_return_as_others(void **state)
{
    (void)state;
    enum { OWNERS = 200, SIZE = 64 };
    struct test_random random = test_random_stream(40);
    static uint32_t born[OWNERS]; /* 0: not there */
    struct fixture f;
    open_fixture(&f);
    memset(born, 0, sizeof born);
    for (uint32_t round = (uint32_t)test_rounds(20000); round > 0; round--) {
        uintptr_t number = test_random_below(&random, OWNERS);
        uintptr_t address = 0x10000 + number * SIZE * 4;
        if (born[number] != 0) {
            for (uintptr_t i = 0; i < SIZE; i += 2) {
                const struct ctm_location *location = ctm_locations_find(&f.locations, address + i);
                assert_true(location == NULL || location->frame == born[number]);
            }
            ctm_locations_remove_owner(&f.locations, ctm_locations_owner(&f.locations, address));
            born[number] = 0;
        }
        for (uintptr_t i = 0; i < SIZE; i += 2) {
            assert_null(ctm_locations_find(&f.locations, address + i));
        }
        if (test_random_percent(&random, 70)) {
            born[number] = round;
            add_owner(&f, address, address, address + SIZE, 2);
            for (uintptr_t i = 0; i < SIZE; i += 2) {
                if (test_random_percent(&random, 30)) {
                    add_location(&f, address + i, round);
                }
            }
        }
    }
    ctm_pages_deinit(&f.pages);
}

static void no_memory_is_told(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    test_refuse_next(&f.refusal, SIZE_MAX);
    assert_null(ctm_locations_add_owner(&f.locations, 0x1000));
    assert_null(ctm_locations_add(&f.locations, 0x1000, 1));
    f.refusal.first = 0;
    assert_null(ctm_locations_owner(&f.locations, 0x1000));
    assert_null(ctm_locations_find(&f.locations, 0x1000));
    add_owner(&f, 0x1000, 0x1000, 0x1010, 2);
    add_location(&f, 0x1000, 1);
    ctm_pages_deinit(&f.pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dead_owner_takes_its_instructions_along),
        cmocka_unit_test(an_owner_without_instructions_dies_too),
        cmocka_unit_test(addresses_return_as_others),
        cmocka_unit_test(no_memory_is_told),
    };
    return cmocka_run_group_tests_name("locations", tests, NULL, NULL);
}
