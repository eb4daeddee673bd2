/* Sites: their ids, their counters, and what the peak was made of. */
#include "support.h"

#include <string.h>

#include "engine/blocks.h"
#include "engine/hash.h"
#include "engine/sites.h"

struct fixture {
    struct test_refusal refusal;
    struct ctm_pages pages;
    struct ctm_sites sites;
};

static void open_fixture(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    ctm_pages_init(&f->pages);
    test_refuse(&f->pages, &f->refusal);
    assert_int_equal(ctm_sites_init(&f->sites, &f->pages), CTM_OK);
}

static uint32_t new_site(struct fixture *f, uint32_t node)
{
    uint32_t site = 0;
    assert_int_equal(ctm_sites_add(&f->sites, node, &site), CTM_OK);
    assert_true(ctm_site_is_of(&f->sites, site, node));
    return site;
}

/* The sites of the nodes 1 and 2. */
enum { A = 1, B = 2 };

static void open_with_two(struct fixture *f)
{
    open_fixture(f);
    assert_int_equal(new_site(f, 1), A);
    assert_int_equal(new_site(f, 2), B);
}

static uint32_t domain_site(struct fixture *f, uint32_t domain, uint32_t node)
{
    uint32_t site = 0;
    assert_int_equal(ctm_sites_domain(&f->sites, domain, node, &site), CTM_OK);
    assert_int_equal(ctm_site_node(&f->sites.items[site]), node);
    assert_int_equal(ctm_site_domain(&f->sites.items[site]), domain);
    return site;
}

static void assert_at_peak(const struct fixture *f, uint32_t site, uint64_t bytes, uint64_t blocks)
{
    assert_int_equal(ctm_site_peak_bytes(&f->sites, site), bytes);
    assert_int_equal(ctm_site_peak_blocks(&f->sites, site), blocks);
}

static void ids_begin_at_one(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    assert_int_equal(new_site(&f, 100), 1);
    assert_int_equal(new_site(&f, 101), 2);
    assert_int_equal(domain_site(&f, 389047, 100), 3);
    assert_int_equal(domain_site(&f, 389047, 101), 4);
    assert_int_equal(domain_site(&f, 7, 100), 5);
    assert_int_equal(domain_site(&f, 389047, 100), 3);
    assert_int_equal(domain_site(&f, 7, 100), 5);
    ctm_pages_deinit(&f.pages);
}

static void many_sites_are_found_again(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 10000; i++) {
            assert_int_equal(domain_site(&f, 1 + i % 3, i / 3), i + 1);
        }
    }
    ctm_pages_deinit(&f.pages);
}

/* Keys that the index cannot tell apart. */
static void equal_hashes_are_not_equal_sites(void **state)
{
    (void)state;
    static const uint32_t nodes[] = {164529, 197846};
    uint64_t differ = ctm_hash_pair(389047, nodes[0]) ^ ctm_hash_pair(389047, nodes[1]);
    assert_int_equal((uint32_t)differ, 0);
    struct fixture f;
    open_fixture(&f);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(domain_site(&f, 389047, nodes[0]), 1);
        assert_int_equal(domain_site(&f, 389047, nodes[1]), 2);
    }
    ctm_pages_deinit(&f.pages);
}

static void the_peak_is_what_lived_then(void **state)
{
    (void)state;
    struct fixture f;
    open_with_two(&f);
    ctm_sites_gain(&f.sites, A, 100);
    ctm_sites_gain(&f.sites, B, 50); /* 150: the peak */
    assert_at_peak(&f, A, 100, 1);
    assert_at_peak(&f, B, 50, 1);
    ctm_sites_lose(&f.sites, A, 100);
    ctm_sites_gain(&f.sites, B, 60); /* 110 */
    uint32_t c = new_site(&f, 3);
    ctm_sites_gain(&f.sites, c, 40); /* 150 again: the first time counts */
    assert_int_equal(ctm_sites_current_bytes(&f.sites), 150);
    assert_int_equal(f.sites.peak_bytes, 150);
    assert_at_peak(&f, A, 100, 1);
    assert_at_peak(&f, B, 50, 1);
    assert_at_peak(&f, c, 0, 0);
    ctm_sites_gain(&f.sites, c, 1); /* 151: a new one */
    assert_at_peak(&f, A, 0, 0);
    assert_at_peak(&f, B, 110, 2);
    assert_at_peak(&f, c, 41, 2);
    ctm_sites_gain(&f.sites, A, 0); /* a block without bytes is no new peak */
    assert_at_peak(&f, A, 0, 0);
    assert_int_equal(ctm_sites_live_blocks(&f.sites), 5);
    ctm_pages_deinit(&f.pages);
}

static void a_reset_peak_is_what_lives_now(void **state)
{
    (void)state;
    struct fixture f;
    open_with_two(&f);
    ctm_sites_new_peak(&f.sites);
    assert_int_equal(f.sites.peak_bytes, 0);
    ctm_sites_gain(&f.sites, A, 10);
    ctm_sites_gain(&f.sites, B, 20);
    ctm_sites_lose(&f.sites, B, 20);
    ctm_sites_new_peak(&f.sites);
    ctm_sites_new_peak(&f.sites);
    assert_int_equal(f.sites.peak_bytes, 10);
    assert_at_peak(&f, A, 10, 1);
    assert_at_peak(&f, B, 0, 0);
    ctm_sites_lose(&f.sites, A, 10);
    assert_at_peak(&f, A, 10, 1);
    ctm_sites_new_peak(&f.sites);
    ctm_sites_gain(&f.sites, B, 0);
    assert_at_peak(&f, A, 0, 0);
    assert_at_peak(&f, B, 0, 0);
    ctm_pages_deinit(&f.pages);
}

/* What was the peak goes on being it, and of what it was. */
static void a_sum_that_wraps_around_is_no_peak(void **state)
{
    (void)state;
    struct fixture f;
    open_with_two(&f);
    ctm_sites_gain(&f.sites, A, 100);
    ctm_sites_lose(&f.sites, A, 100);
    ctm_sites_gain(&f.sites, A, 20);
    ctm_sites_gain(&f.sites, B, UINT64_MAX); /* 19 */
    assert_int_equal(ctm_sites_current_bytes(&f.sites), 19);
    assert_int_equal(f.sites.peak_bytes, 100);
    assert_at_peak(&f, A, 100, 1);
    assert_at_peak(&f, B, 0, 0);
    ctm_sites_lose(&f.sites, B, UINT64_MAX);
    assert_int_equal(ctm_sites_current_bytes(&f.sites), 20);
    ctm_sites_gain(&f.sites, A, 81); /* 101 */
    assert_int_equal(f.sites.peak_bytes, 101);
    assert_at_peak(&f, A, 101, 2);
    /* From the peak itself. */
    ctm_sites_gain(&f.sites, B, UINT64_MAX);
    assert_int_equal(f.sites.peak_bytes, 101);
    assert_at_peak(&f, B, 0, 0);
    ctm_pages_deinit(&f.pages);
}

static void assert_live(const struct fixture *f, uint32_t site, uint64_t bytes, uint64_t blocks)
{
    assert_int_equal(ctm_site_live_bytes(&f->sites.items[site]), bytes);
    assert_int_equal(ctm_site_live_blocks(&f->sites.items[site]), blocks);
}

static void assert_churn(const struct fixture *f, uint32_t site, struct ctm_churn wanted)
{
    struct ctm_churn churn = ctm_site_churn(&f->sites, site);
    assert_memory_equal(&churn, &wanted, sizeof churn);
}

static void reuse_is_no_allocation(void **state)
{
    (void)state;
    struct fixture f;
    open_with_two(&f);
    ctm_sites_gain(&f.sites, A, 10);
    ctm_sites_keep(&f.sites, A, 10);
    ctm_sites_keep(&f.sites, A, 10);
    assert_live(&f, A, 10, 1);
    assert_churn(&f, A, (struct ctm_churn){10, 1, 20, 2});
    ctm_sites_pass(&f.sites, A, B, 10);
    assert_live(&f, A, 0, 0);
    assert_live(&f, B, 10, 1);
    assert_churn(&f, A, (struct ctm_churn){10, 1, 20, 2});
    assert_churn(&f, B, (struct ctm_churn){0, 0, 10, 1});
    assert_int_equal(ctm_sites_current_bytes(&f.sites), 10);
    assert_int_equal(ctm_sites_live_blocks(&f.sites), 1);
    ctm_sites_lose(&f.sites, B, 10);
    assert_live(&f, B, 0, 0);
    assert_churn(&f, B, (struct ctm_churn){0, 0, 10, 1});
    assert_at_peak(&f, A, 10, 1);
    assert_at_peak(&f, B, 0, 0);
    ctm_pages_deinit(&f.pages);
}

static void a_restored_block_was_never_lost(void **state)
{
    (void)state;
    struct fixture f;
    open_with_two(&f);
    ctm_sites_gain(&f.sites, A, 10);
    ctm_sites_lose(&f.sites, A, 10);
    ctm_sites_restore(&f.sites, A, 10);
    assert_live(&f, A, 10, 1);
    assert_churn(&f, A, (struct ctm_churn){10, 1, 0, 0});
    assert_at_peak(&f, A, 10, 1);
    assert_int_equal(f.sites.peak_bytes, 10);
    /* What another thread allocates meanwhile is live together with it. */
    ctm_sites_lose(&f.sites, A, 10);
    ctm_sites_gain(&f.sites, B, 8);
    assert_int_equal(f.sites.peak_bytes, 10);
    ctm_sites_restore(&f.sites, A, 10);
    assert_int_equal(f.sites.peak_bytes, 18);
    assert_at_peak(&f, A, 10, 1);
    assert_at_peak(&f, B, 8, 1);
    /* The same where churn is counted anew meanwhile. */
    ctm_sites_lose(&f.sites, A, 10);
    ctm_sites_reset_churn(&f.sites);
    ctm_sites_restore(&f.sites, A, 10);
    assert_live(&f, A, 10, 1);
    assert_churn(&f, A, (struct ctm_churn){0});
    assert_int_equal(ctm_sites_current_bytes(&f.sites), 18);
    ctm_pages_deinit(&f.pages);
}

/* However often, and whatever went before, what is live stays and churn begins at 0. */
static void reset_churn_is_counted_from_zero(void **state)
{
    (void)state;
    struct fixture f;
    open_with_two(&f);
    ctm_sites_gain(&f.sites, A, 100);
    ctm_sites_gain(&f.sites, A, 30);
    ctm_sites_gain(&f.sites, B, 5);
    ctm_sites_keep(&f.sites, B, 5);
    ctm_sites_pass(&f.sites, A, B, 30);
    for (int round = 0; round < 3; round++) {
        ctm_sites_reset_churn(&f.sites);
        assert_churn(&f, A, (struct ctm_churn){0});
        assert_churn(&f, B, (struct ctm_churn){0});
        assert_live(&f, A, 100, 1);
        assert_live(&f, B, 35, 2);
        ctm_sites_lose(&f.sites, A, 100);
        assert_churn(&f, A, (struct ctm_churn){0});
        assert_live(&f, A, 0, 0);
        ctm_sites_gain(&f.sites, A, 100);
        ctm_sites_keep(&f.sites, A, 100);
        assert_churn(&f, A, (struct ctm_churn){100, 1, 100, 1});
        ctm_sites_pass(&f.sites, B, A, 30);
        ctm_sites_pass(&f.sites, A, B, 30);
        ctm_sites_keep(&f.sites, B, 5);
        assert_churn(&f, A, (struct ctm_churn){100, 1, 130, 2});
        assert_churn(&f, B, (struct ctm_churn){0, 0, 35, 2});
        assert_int_equal(ctm_sites_current_bytes(&f.sites), 135);
        assert_int_equal(ctm_sites_live_blocks(&f.sites), 3);
    }
    assert_at_peak(&f, A, 130, 2);
    assert_at_peak(&f, B, 5, 1);
    ctm_pages_deinit(&f.pages);
}

static void a_site_that_is_none_is_of_no_node(void **state)
{
    (void)state;
    static const uint32_t nodes[] = {0, 1, 2, 3, UINT32_MAX - 1, UINT32_MAX};
    struct fixture f;
    open_fixture(&f);
    uint32_t given_back = new_site(&f, 1);
    uint32_t of_domain = domain_site(&f, UINT32_MAX, 2);
    uint32_t kept = new_site(&f, 3);
    uint32_t last = domain_site(&f, 7, 1);
    ctm_sites_gain(&f.sites, given_back, 10);
    ctm_sites_lose(&f.sites, given_back, 10);
    ctm_sites_reset_churn(&f.sites);
    ctm_sites_free(&f.sites, last); /* behind the end now */
    ctm_sites_free(&f.sites, given_back);
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        assert_false(ctm_site_is_of(&f.sites, 0, nodes[i]));
        assert_false(ctm_site_is_of(&f.sites, given_back, nodes[i]));
        assert_false(ctm_site_is_of(&f.sites, of_domain, nodes[i]));
        assert_false(ctm_site_is_of(&f.sites, last, nodes[i]));
        assert_true(ctm_site_is_of(&f.sites, kept, nodes[i]) == (nodes[i] == 3));
    }
    assert_false(ctm_site_is_free(&f.sites.items[of_domain]));
    assert_int_equal(ctm_sites_find(&f.sites, UINT32_MAX, 2), of_domain);
    /* Whoever gets it next finds it empty, reset or not. */
    assert_int_equal(new_site(&f, 2), given_back);
    assert_live(&f, given_back, 0, 0);
    assert_churn(&f, given_back, (struct ctm_churn){0});
    ctm_sites_reset_churn(&f.sites);
    assert_churn(&f, given_back, (struct ctm_churn){0});
    ctm_pages_deinit(&f.pages);
}

static void what_lies_behind_the_end_does_not_count(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    ctm_sites_gain(&f.sites, new_site(&f, 1), 10);
    struct ctm_site *behind = &f.sites.items[f.sites.length];
    behind->gained_blocks = 5;
    ctm_sites_reset_churn(&f.sites);
    assert_int_equal(behind->gained_blocks, 5);
    assert_int_equal(ctm_sites_live_blocks(&f.sites), 1);
    ctm_pages_deinit(&f.pages);
}

static void a_climb_ends_an_epoch_once(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    uint32_t a = new_site(&f, 1);
    ctm_sites_gain(&f.sites, a, 10);
    assert_int_equal(f.sites.epoch, 1);
    ctm_sites_lose(&f.sites, a, 10);
    for (int i = 0; i < 5; i++) {
        ctm_sites_gain(&f.sites, a, 11);
        assert_int_equal(f.sites.epoch, 2);
    }
    ctm_pages_deinit(&f.pages);
}

static void a_refusal_loses_nothing(void **state)
{
    (void)state;
    struct fixture f;
    memset(&f, 0, sizeof f);
    ctm_pages_init(&f.pages);
    test_refuse(&f.pages, &f.refusal);
    test_refuse_next(&f.refusal, 1);
    assert_int_equal(ctm_sites_init(&f.sites, &f.pages), CTM_ENOMEM);
    open_fixture(&f);
    uint32_t made = 0;
    size_t refused = 0;
    for (uint32_t i = 0; i < 3000; i++) {
        uint32_t site = UINT32_MAX;
        size_t asked = f.refusal.asked;
        test_refuse_next(&f.refusal, 1);
        int error = i % 2 == 0 ? ctm_sites_add(&f.sites, i, &site)
                               : ctm_sites_domain(&f.sites, 3, i, &site);
        if (f.refusal.asked != asked) {
            assert_int_equal(error, CTM_ENOMEM);
            assert_int_equal(f.sites.length, made + 1);
            refused++;
            site = i % 2 == 0 ? new_site(&f, i) : domain_site(&f, 3, i);
        }
        assert_int_equal(site, ++made);
    }
    assert_true(refused >= 6);
    for (uint32_t i = 1; i < 3000; i += 2) {
        assert_int_equal(domain_site(&f, 3, i), i + 1);
    }
    ctm_pages_deinit(&f.pages);
}

static void sites_have_a_limit(void **state)
{
    (void)state;
    struct fixture f;
    uint32_t site = 77;
    open_fixture(&f);
    f.sites.length = CTM_SITE_MAX + 1; /* as if it were full */
    assert_int_equal(ctm_sites_add(&f.sites, 1, &site), CTM_ELIMIT);
    assert_int_equal(ctm_sites_domain(&f.sites, 2, 1, &site), CTM_ELIMIT);
    assert_int_equal(site, 77);
    assert_int_equal(f.sites.domain_index.used, 0);
    ctm_pages_deinit(&f.pages);
}

/* What was found lately is not looked for in an array that has become shorter. */
static void what_was_found_is_forgotten_with_its_site(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    struct fixture f;
    open_fixture(&f);
    for (uint32_t i = 1; i <= COUNT; i++) {
        assert_int_equal(domain_site(&f, 7, i), i);
        assert_int_equal(ctm_sites_find(&f.sites, 7, i), i);
        assert_int_equal(ctm_sites_find(&f.sites, 8, i), 0);
        assert_int_equal(ctm_sites_find(&f.sites, 7, i), i);
    }
    ctm_sites_free(&f.sites, COUNT);
    assert_int_equal(ctm_sites_find(&f.sites, 7, COUNT), 0);
    for (uint32_t i = COUNT - 1; i >= 10; i--) {
        ctm_sites_free(&f.sites, i);
    }
    uint32_t capacity = f.sites.capacity;
    ctm_sites_shrink(&f.sites, 0);
    assert_true(f.sites.capacity < capacity);
    for (uint32_t i = 1; i < COUNT; i++) {
        assert_int_equal(ctm_sites_find(&f.sites, 7, i), i < 10 ? i : 0);
    }
    ctm_pages_deinit(&f.pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_begin_at_one),
        cmocka_unit_test(many_sites_are_found_again),
        cmocka_unit_test(equal_hashes_are_not_equal_sites),
        cmocka_unit_test(the_peak_is_what_lived_then),
        cmocka_unit_test(a_reset_peak_is_what_lives_now),
        cmocka_unit_test(a_sum_that_wraps_around_is_no_peak),
        cmocka_unit_test(reuse_is_no_allocation),
        cmocka_unit_test(a_restored_block_was_never_lost),
        cmocka_unit_test(reset_churn_is_counted_from_zero),
        cmocka_unit_test(a_site_that_is_none_is_of_no_node),
        cmocka_unit_test(what_lies_behind_the_end_does_not_count),
        cmocka_unit_test(a_climb_ends_an_epoch_once),
        cmocka_unit_test(a_refusal_loses_nothing),
        cmocka_unit_test(sites_have_a_limit),
        cmocka_unit_test(what_was_found_is_forgotten_with_its_site),
    };
    return cmocka_run_group_tests_name("sites", tests, NULL, NULL);
}
