/* What was given back not long ago is known, and what was not mostly is not. */
#include "support.h"

#include "engine/ghosts.h"
#include "engine/hash.h"

enum { SET_MOST = 32768 };

struct fixture {
    struct test_refusal refusal;
    struct ctm_pages pages;
    struct ctm_ghosts ghosts;
};

static void open_fixture(struct fixture *f)
{
    *f = (struct fixture){0};
    ctm_pages_init(&f->pages);
    test_refuse(&f->pages, &f->refusal);
    ctm_ghosts_init(&f->ghosts, &f->pages);
}

static void add(struct fixture *f, uint64_t from, uint64_t count)
{
    for (uint64_t number = from; number < from + count; number++) {
        ctm_ghosts_add(&f->ghosts, ctm_hash_u64(number));
    }
}

/* How many of these are taken for ghosts. */
static uint32_t ask(struct fixture *f, uint64_t from, uint64_t count)
{
    uint32_t returned = f->ghosts.returned;
    for (uint64_t number = from; number < from + count; number++) {
        ctm_ghosts_ask(&f->ghosts, ctm_hash_u64(number));
    }
    return f->ghosts.returned - returned;
}

static void two_sets_are_known_and_no_more(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    uint64_t all = 2 * SET_MOST;
    add(&f, 0, all);
    assert_int_equal(ask(&f, 0, all), all);
    assert_true(ask(&f, all, all) < all / 4);
    size_t mapped = f.pages.mapped;
    add(&f, all, 1);
    assert_int_equal(ask(&f, SET_MOST, SET_MOST + 1), SET_MOST + 1);
    assert_true(ask(&f, 0, SET_MOST) < SET_MOST / 2);
    add(&f, all + 1, all * 3);
    assert_int_equal(ask(&f, all * 4 + 1 - SET_MOST, SET_MOST), SET_MOST);
    /* Nothing is left of those before. */
    assert_true(ask(&f, all * 5, all) < all / 4);
    assert_int_equal(f.pages.mapped, mapped);
    ctm_pages_deinit(&f.pages);
}

static void most_are_three_of_four(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    assert_false(ctm_ghosts_judge(&f.ghosts));
    add(&f, 0, 100);
    uint64_t stranger = 100;
    while (ask(&f, stranger, 1) != 0) {
        stranger++;
    }
    (void)ctm_ghosts_judge(&f.ghosts);
    struct {
        uint32_t known;
        uint32_t strange;
        bool most;
    } cases[] = {{63, 0, false}, {64, 0, true},  {75, 25, true}, {74, 26, false},
                 {0, 0, false},  {48, 16, true}, {47, 17, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ask(&f, 0, cases[i].known), cases[i].known);
        for (uint32_t n = 0; n < cases[i].strange; n++) {
            assert_int_equal(ask(&f, stranger, 1), 0);
        }
        assert_true(ctm_ghosts_judge(&f.ghosts) == cases[i].most);
    }
    ctm_pages_deinit(&f.pages);
}

static void without_memory_nothing_is_added(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    test_refuse_next(&f.refusal, 1);
    add(&f, 0, 1);
    assert_null(f.ghosts.sets[0]);
    add(&f, 0, 1);
    assert_int_equal(ask(&f, 0, 1), 1);
    ctm_pages_deinit(&f.pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_sets_are_known_and_no_more),
        cmocka_unit_test(most_are_three_of_four),
        cmocka_unit_test(without_memory_nothing_is_added),
    };
    return cmocka_run_group_tests_name("ghosts", tests, NULL, NULL);
}
