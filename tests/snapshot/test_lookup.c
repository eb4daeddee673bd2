#include "snapshot/lookup.h"

#include "base/platform.h"
#include "random.h"
#include "snapshot/pool.h"
#include "support.h"

static bool find(const struct ctm_lookup *lookup, uint64_t hash, uint32_t wanted)
{
    struct ctm_probe probe = ctm_lookup_probe(lookup, hash);
    uint32_t id;
    while (ctm_lookup_next(lookup, &probe, &id)) {
        if (id == wanted) {
            return true;
        }
    }
    return false;
}

static void put(struct ctm_lookup *lookup, uint64_t hash, uint32_t id)
{
    assert_ok(ctm_lookup_reserve(lookup));
    struct ctm_probe probe = ctm_lookup_probe(lookup, hash);
    uint32_t other;
    while (ctm_lookup_next(lookup, &probe, &other)) {
        assert_int_not_equal(other, id);
    }
    ctm_lookup_put(lookup, &probe, id);
}

/* All under one hash, at the last slot: what does not fit there wraps around to the first. */
static void test_equal_hashes(void **state)
{
    (void)state;
    struct ctm_lookup lookup = {0};
    for (uint32_t id = 0; id < 500; id++) {
        put(&lookup, UINT32_MAX, id);
    }
    for (uint32_t id = 0; id < 500; id++) {
        assert_true(find(&lookup, UINT32_MAX, id));
        assert_false(find(&lookup, UINT32_MAX - 1, id));
    }
    assert_false(find(&lookup, UINT32_MAX, 500));
    ctm_lookup_deinit(&lookup);
    assert_null(lookup.slots);
}

static void test_many(void **state)
{
    (void)state;
    struct ctm_lookup lookup = {0};
    struct rng rng = rng_from(1);
    for (uint32_t id = 0; id < 20000; id++) {
        put(&lookup, rng_next(&rng), id);
    }
    assert_int_equal(lookup.used, 20000);
    assert_true(lookup.used <= lookup.limit && lookup.limit <= lookup.mask);
    rng = rng_from(1);
    for (uint32_t id = 0; id < 20000; id++) {
        uint64_t hash = rng_next(&rng);
        assert_true(find(&lookup, hash, id));
        assert_false(find(&lookup, hash + 1, id));
    }
    ctm_lookup_deinit(&lookup);
}

static void test_largest_id(void **state)
{
    (void)state;
    struct ctm_lookup lookup = {0};
    put(&lookup, 7, (uint32_t)CTM_MOST_IDS - 1);
    assert_true(find(&lookup, 7, (uint32_t)CTM_MOST_IDS - 1));
    ctm_lookup_deinit(&lookup);
}

static void test_pool_interns(void **state)
{
    (void)state;
    struct ctm_pool pool = {0};
    for (int round = 0; round < 2; round++) {
        for (uint64_t item = 0; item < 1000; item++) {
            uint32_t id;
            uint64_t bytes = item * 1000003;
            assert_ok(ctm_pool_intern(&pool, 42, &bytes, sizeof bytes, &id));
            assert_int_equal(id, item);
        }
    }
    assert_int_equal(pool.count, 1000);
    ctm_pool_deinit(&pool);
}

/* The last id that there is can be found again; a new item gets none, and changes nothing. */
static void test_pool_is_full(void **state)
{
    (void)state;
    struct ctm_pool pool = {0};
    uint32_t id = 0;
    uint64_t item = 5;
    assert_ok(ctm_pool_intern(&pool, 42, &item, sizeof item, &id));
    pool.count = CTM_MOST_IDS;
    item = 6;
    id = 77;
    assert_int_equal(ctm_pool_intern(&pool, 42, &item, sizeof item, &id), CTM_ELIMIT);
    assert_int_equal(id, 77);
    assert_int_equal(pool.count, CTM_MOST_IDS);
    item = 5;
    assert_ok(ctm_pool_intern(&pool, 42, &item, sizeof item, &id));
    assert_int_equal(id, 0);
    ctm_pool_deinit(&pool);
}

static void test_seeds_differ(void **state)
{
    (void)state;
    assert_true(ctm_os_random() != ctm_os_random());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_hashes), cmocka_unit_test(test_many),
        cmocka_unit_test(test_largest_id),   cmocka_unit_test(test_pool_interns),
        cmocka_unit_test(test_pool_is_full), cmocka_unit_test(test_seeds_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
