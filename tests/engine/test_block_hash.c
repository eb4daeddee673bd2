/* The 16-byte hash table: what goes in comes out, bit for bit, wherever its chain lies. */
#include "support.h"

#include <string.h>

#include "engine/block_hash.h"
#include "engine/blocks.h"
#include "engine/hash.h"
#include "engine/ring.h"

struct fixture {
    struct test_refusal refusal;
    struct ctm_pages pages;
    struct ctm_block_hash hash;
};

static void open_fixture(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    ctm_pages_init(&f->pages);
    test_refuse(&f->pages, &f->refusal);
    ctm_block_hash_init(&f->hash, &f->pages);
}

static void assert_holds(const struct ctm_block_hash *hash, uint64_t address, uint64_t size,
                         uint32_t site)
{
    const struct ctm_hashed_block *entry = ctm_block_hash_find(hash, address);
    assert_non_null(entry);
    assert_int_equal(ctm_hashed_size(entry), size);
    assert_int_equal(ctm_hashed_site(entry), site);
}

static void every_bit_comes_back(void **state)
{
    (void)state;
    static const uint64_t numbers[] = {0,
                                       1,
                                       15,
                                       16,
                                       0xffff,
                                       0x10000,
                                       0xffffffff,
                                       UINT64_C(1) << 32,
                                       CTM_HASHED_LIMIT >> 1,
                                       CTM_HASHED_LIMIT - 1};
    static const uint32_t sites[] = {1, 2, 0xffff, 0x10000, CTM_SITE_MAX};
    enum { NUMBERS = sizeof numbers / sizeof *numbers, SITES = sizeof sites / sizeof *sites };
    for (size_t s = 0; s < NUMBERS; s++) {
        for (size_t k = 0; k < SITES; k++) {
            struct fixture f;
            open_fixture(&f);
            for (size_t a = 0; a < NUMBERS; a++) {
                assert_null(ctm_block_hash_find(&f.hash, numbers[a]));
                assert_int_equal(ctm_block_hash_add(&f.hash, numbers[a], numbers[s], sites[k]),
                                 CTM_OK);
            }
            for (size_t a = 0; a < NUMBERS; a++) {
                assert_holds(&f.hash, numbers[a], numbers[s], sites[k]);
                /* An address past 48 bits is never mistaken for its low bits. */
                assert_null(ctm_block_hash_find(&f.hash, numbers[a] | CTM_HASHED_LIMIT));
            }
            ctm_pages_deinit(&f.pages);
        }
    }
}

static size_t inside_table(const struct ctm_block_hash *hash)
{
    size_t count = 0;
    for (size_t i = 0; i < hash->capacity; i++) {
        count += hash->entries[i].value != 0 ? 1 : 0;
    }
    return count;
}

/* Blocks that go in the opposite order of their coming, or in the same, or at once. */
static void the_newest_waits_outside(void **state)
{
    (void)state;
    enum { COUNT = 5 };
    for (int order = 0; order < 3; order++) {
        struct fixture f;
        open_fixture(&f);
        for (uint32_t i = 0; i < COUNT; i++) {
            assert_int_equal(ctm_block_hash_add(&f.hash, i, 100 + i, 1 + i), CTM_OK);
            assert_int_equal(f.hash.used, order == 2 ? 1 : i + 1);
            assert_int_equal(inside_table(&f.hash), f.hash.used - 1);
            assert_holds(&f.hash, i, 100 + i, 1 + i);
            if (order == 2) {
                ctm_block_hash_remove(&f.hash, ctm_block_hash_find(&f.hash, i));
                assert_null(ctm_block_hash_find(&f.hash, i));
            }
        }
        for (uint32_t gone = 0; order != 2 && gone < COUNT; gone++) {
            uint32_t i = order == 0 ? gone : COUNT - 1 - gone;
            assert_holds(&f.hash, i, 100 + i, 1 + i);
            ctm_block_hash_remove(&f.hash, ctm_block_hash_find(&f.hash, i));
            assert_null(ctm_block_hash_find(&f.hash, i));
            assert_int_equal(f.hash.used, COUNT - 1 - gone);
        }
        assert_int_equal(inside_table(&f.hash), 0);
        assert_int_equal(f.hash.newest.key | f.hash.newest.value, 0);
        ctm_pages_deinit(&f.pages);
    }
}

/* Addresses whose home is among the last places: chains around the end, at any capacity. */
static void chains_around_the_end_stay_whole(void **state)
{
    (void)state;
    enum { COUNT = 60 };
    struct test_random random = test_random_stream(20);
    uint64_t addresses[COUNT];
    for (size_t i = 0; i < COUNT;) {
        uint64_t address = test_random_next(&random) % CTM_HASHED_LIMIT;
        if (ctm_hash_u64(address) >> 32 >= UINT32_MAX - UINT32_MAX / CTM_RING_FIRST_CAPACITY * 4) {
            addresses[i++] = address;
        }
    }
    for (size_t round = 0; round < 200; round++) {
        struct fixture f;
        open_fixture(&f);
        for (size_t i = 0; i < COUNT; i++) {
            assert_int_equal(ctm_block_hash_add(&f.hash, addresses[i], i, (uint32_t)i + 1), CTM_OK);
        }
        assert_int_equal(f.hash.capacity, CTM_RING_FIRST_CAPACITY);
        assert_true(f.hash.entries[0].value != 0); /* the chain does go around */
        bool gone[COUNT] = {false};
        for (size_t left = COUNT; left > 0;) {
            size_t at = test_random_below(&random, COUNT);
            if (gone[at]) {
                continue;
            }
            gone[at] = true;
            left--;
            ctm_block_hash_remove(&f.hash, ctm_block_hash_find(&f.hash, addresses[at]));
            assert_int_equal(f.hash.used, left);
            for (size_t i = 0; i < COUNT; i++) {
                if (gone[i]) {
                    assert_null(ctm_block_hash_find(&f.hash, addresses[i]));
                } else {
                    assert_holds(&f.hash, addresses[i], i, (uint32_t)i + 1);
                }
            }
        }
        for (size_t i = 0; i < f.hash.capacity; i++) {
            assert_true(f.hash.entries[i].key == 0 && f.hash.entries[i].value == 0);
        }
        assert_int_equal(f.hash.newest.key | f.hash.newest.value, 0);
        ctm_pages_deinit(&f.pages);
    }
}

static void random_operations_agree_with_a_list(void **state)
{
    (void)state;
    enum { ADDRESSES = 6000 };
    static struct ctm_block model[ADDRESSES]; /* site 0: not there */
    struct test_random random = test_random_stream(21);
    struct fixture f;
    size_t used = 0;
    open_fixture(&f);
    memset(model, 0, sizeof model);
    for (size_t round = test_rounds(200000); round > 0; round--) {
        size_t i = test_random_below(&random, ADDRESSES);
        uint64_t address = UINT64_C(0x7fff00000000) + 48 * i;
        if (model[i].site != 0) {
            assert_holds(&f.hash, address, model[i].size, model[i].site);
            ctm_block_hash_remove(&f.hash, ctm_block_hash_find(&f.hash, address));
            model[i].site = 0;
            used--;
        } else {
            assert_null(ctm_block_hash_find(&f.hash, address));
            model[i].size = test_random_next(&random) >> (16 + test_random_below(&random, 48));
            model[i].site = 1 + (uint32_t)test_random_below(&random, CTM_SITE_MAX);
            assert_int_equal(ctm_block_hash_add(&f.hash, address, model[i].size, model[i].site),
                             CTM_OK);
            used++;
        }
        assert_int_equal(f.hash.used, used);
    }
    for (size_t i = 0; i < ADDRESSES; i++) {
        if (model[i].site != 0) {
            assert_holds(&f.hash, UINT64_C(0x7fff00000000) + 48 * i, model[i].size, model[i].site);
        }
    }
    assert_int_equal(f.pages.length, 1);
    ctm_pages_deinit(&f.pages);
}

static void growing_wastes_little(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    for (uint64_t i = 0; i < 200000; i++) {
        assert_int_equal(ctm_block_hash_add(&f.hash, 64 * i, 600, 1), CTM_OK);
        if (i > 5000) {
            assert_true(f.hash.capacity * sizeof *f.hash.entries <= 24 * (i + 1) + 4096);
        }
    }
    for (uint64_t i = 0; i < 200000; i++) {
        assert_holds(&f.hash, 64 * i, 600, 1);
    }
    ctm_pages_deinit(&f.pages);
}

static void a_full_table_says_so(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    test_refuse_next(&f.refusal, 1);
    assert_int_equal(ctm_block_hash_add(&f.hash, 1, 1, 1), CTM_OK); /* it waits outside */
    assert_int_equal(ctm_block_hash_add(&f.hash, 16, 1, 1), CTM_ENOMEM);
    assert_null(ctm_block_hash_find(&f.hash, 16));
    assert_holds(&f.hash, 1, 1, 1);
    uint64_t there = 1;
    for (uint64_t i = 0; i < 3000; i++) {
        size_t asked = f.refusal.asked;
        test_refuse_next(&f.refusal, 1);
        int error = ctm_block_hash_add(&f.hash, 16 * i, i, 1);
        assert_int_equal(error, f.refusal.asked == asked ? CTM_OK : CTM_ENOMEM);
        if (error < 0) {
            assert_null(ctm_block_hash_find(&f.hash, 16 * i));
            assert_int_equal(ctm_block_hash_add(&f.hash, 16 * i, i, 1), CTM_OK);
        }
        assert_int_equal(f.hash.used, ++there);
    }
    for (uint64_t i = 0; i < 3000; i++) {
        assert_holds(&f.hash, 16 * i, i, 1);
    }
    f.hash.capacity = UINT32_MAX; /* as if it were as large as it can be, and full */
    f.hash.used = UINT32_MAX;
    assert_int_equal(ctm_block_hash_add(&f.hash, 1, 1, 1), CTM_ELIMIT);
    ctm_pages_deinit(&f.pages);
}

/* A table that is nearly empty becomes smaller, if there is memory for that. */
static void an_empty_table_becomes_small(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    struct fixture f;
    open_fixture(&f);
    for (uint64_t i = 1; i <= COUNT; i++) {
        assert_int_equal(ctm_block_hash_add(&f.hash, 4096 * i, 5000, 1), CTM_OK);
        assert_true(i < CTM_RING_FIRST_CAPACITY || f.hash.capacity <= i * 27 / 20 + 8);
    }
    size_t most = f.hash.capacity;
    f.refusal.first = f.refusal.asked + 1;
    f.refusal.count = COUNT;
    for (uint64_t i = COUNT; i > COUNT / 16; i--) {
        ctm_block_hash_remove(&f.hash, ctm_block_hash_find(&f.hash, 4096 * i));
    }
    assert_int_equal(f.hash.capacity, most);
    f.refusal.first = 0;
    for (uint64_t i = COUNT / 16; i > 10; i--) {
        size_t before = f.hash.capacity;
        ctm_block_hash_remove(&f.hash, ctm_block_hash_find(&f.hash, 4096 * i));
        bool stays = before == CTM_RING_FIRST_CAPACITY || i - 1 >= before / 8;
        assert_true((f.hash.capacity == before) == stays);
    }
    for (uint64_t i = 1; i <= COUNT; i++) {
        assert_true((ctm_block_hash_find(&f.hash, 4096 * i) != NULL) == (i <= 10));
    }
    assert_int_equal(f.hash.capacity, CTM_RING_FIRST_CAPACITY);
    assert_int_equal(f.pages.length, 1);
    ctm_pages_deinit(&f.pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_table_becomes_small),
        cmocka_unit_test(every_bit_comes_back),
        cmocka_unit_test(the_newest_waits_outside),
        cmocka_unit_test(chains_around_the_end_stay_whole),
        cmocka_unit_test(random_operations_agree_with_a_list),
        cmocka_unit_test(growing_wastes_little),
        cmocka_unit_test(a_full_table_says_so),
    };
    return cmocka_run_group_tests_name("block_hash", tests, NULL, NULL);
}
