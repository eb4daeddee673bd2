/* The hash table without limits: domains and addresses apart, numbers of 64 bits kept. */
#include "support.h"

#include <string.h>

#include "engine/hash.h"
#include "engine/ring.h"
#include "engine/wide_hash.h"

struct fixture {
    struct test_refusal refusal;
    struct ctm_pages pages;
    struct ctm_wide_hash hash;
};

static void open_fixture(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    ctm_pages_init(&f->pages);
    test_refuse(&f->pages, &f->refusal);
    ctm_wide_hash_init(&f->hash, &f->pages);
}

static int add(struct fixture *f, uint32_t domain, uint64_t address, uint64_t size, uint32_t site)
{
    struct ctm_wide_block old;
    return ctm_wide_hash_put(&f->hash, domain, address, size, site, &old);
}

static int put(struct fixture *f, const struct ctm_wide_block *block, struct ctm_wide_block *old)
{
    return ctm_wide_hash_put(&f->hash, block->domain, block->address, block->size, block->site,
                             old);
}

static void assert_holds(const struct fixture *f, uint32_t domain, uint64_t address, uint64_t size,
                         uint32_t site)
{
    const struct ctm_wide_block *entry = ctm_wide_hash_find(&f->hash, domain, address);
    assert_non_null(entry);
    assert_int_equal(entry->domain, domain);
    assert_int_equal(entry->address, address);
    assert_int_equal(entry->size, size);
    assert_int_equal(entry->site, site);
}

static void domains_and_addresses_are_told_apart(void **state)
{
    (void)state;
    static const uint64_t addresses[] = {0, 1, 0xffffffff, UINT64_C(1) << 48, UINT64_MAX};
    static const uint32_t domains[] = {0, 1, 389047, 0xffffffff};
    struct fixture f;
    open_fixture(&f);
    for (int round = 0; round < 2; round++) {
        for (uint32_t a = 0; a < 5; a++) {
            for (uint32_t d = 0; d < 4; d++) {
                uint32_t site = 1 + a * 4 + d;
                if (round == 0) {
                    assert_null(ctm_wide_hash_find(&f.hash, domains[d], addresses[a]));
                    assert_int_equal(add(&f, domains[d], addresses[a], UINT64_MAX - d, site), 0);
                } else {
                    assert_holds(&f, domains[d], addresses[a], UINT64_MAX - d, site);
                }
            }
        }
    }
    ctm_wide_hash_remove(&f.hash, ctm_wide_hash_find(&f.hash, 389047, 1));
    assert_null(ctm_wide_hash_find(&f.hash, 389047, 1));
    assert_holds(&f, 0, 1, UINT64_MAX, 5);
    assert_int_equal(f.hash.used, 19);
    ctm_pages_deinit(&f.pages);
}

/* Two domains in which an address has the same home: only the domain tells its blocks apart. */
static void one_chain_holds_two_domains(void **state)
{
    (void)state;
    const uint64_t address = 0x7f0000001000;
    const uint64_t hash = ctm_hash_u64(address + ctm_hash_u64(1));
    uint32_t second = 2;
    while ((hash ^ ctm_hash_u64(address + ctm_hash_u64(second))) >> 52 != 0) {
        second++; /* 12 bits: more than tell the places of the first capacity apart */
    }
    const uint32_t domains[] = {1, second};
    for (int i = 0; i < 2; i++) {
        uint32_t one = domains[i];
        uint32_t other = domains[1 - i];
        struct fixture f;
        open_fixture(&f);
        assert_int_equal(add(&f, one, address, 10, 1), CTM_OK);
        assert_null(ctm_wide_hash_find(&f.hash, other, address));
        assert_int_equal(add(&f, other, address, 20, 2), CTM_OK);
        assert_holds(&f, one, address, 10, 1);
        assert_holds(&f, other, address, 20, 2);
        ctm_wide_hash_remove(&f.hash, ctm_wide_hash_find(&f.hash, one, address));
        assert_null(ctm_wide_hash_find(&f.hash, one, address));
        assert_holds(&f, other, address, 20, 2);
        ctm_pages_deinit(&f.pages);
    }
}

static void chains_around_the_end_stay_whole(void **state)
{
    (void)state;
    enum { COUNT = 60, DOMAINS = 3 };
    struct test_random random = test_random_stream(30);
    uint64_t addresses[COUNT];
    for (size_t i = 0; i < COUNT;) {
        uint64_t address = test_random_next(&random);
        uint64_t hash = ctm_hash_u64(address + ctm_hash_u64(i % DOMAINS));
        if (hash >> 32 >= UINT32_MAX - UINT32_MAX / CTM_RING_FIRST_CAPACITY * 4) {
            addresses[i++] = address;
        }
    }
    for (size_t round = 0; round < 200; round++) {
        struct fixture f;
        open_fixture(&f);
        for (uint32_t i = 0; i < COUNT; i++) {
            assert_int_equal(add(&f, i % DOMAINS, addresses[i], i, i + 1), CTM_OK);
        }
        assert_true(f.hash.entries[0].site != 0); /* the chain does go around */
        bool gone[COUNT] = {false};
        for (size_t left = COUNT; left > 0;) {
            uint32_t at = (uint32_t)test_random_below(&random, COUNT);
            if (gone[at]) {
                continue;
            }
            gone[at] = true;
            left--;
            ctm_wide_hash_remove(&f.hash, ctm_wide_hash_find(&f.hash, at % DOMAINS, addresses[at]));
            assert_int_equal(f.hash.used, left);
            for (uint32_t i = 0; i < COUNT; i++) {
                if (gone[i]) {
                    assert_null(ctm_wide_hash_find(&f.hash, i % DOMAINS, addresses[i]));
                } else {
                    assert_holds(&f, i % DOMAINS, addresses[i], i, i + 1);
                }
            }
        }
        ctm_pages_deinit(&f.pages);
    }
}

static void random_operations_agree_with_a_list(void **state)
{
    (void)state;
    enum { KEYS = 4000 };
    static struct ctm_wide_block model[KEYS];
    struct test_random random = test_random_stream(31);
    struct fixture f;
    size_t used = 0;
    open_fixture(&f);
    for (size_t i = 0; i < KEYS; i++) {
        model[i] =
            (struct ctm_wide_block){.domain = (uint32_t)(i % 4), .address = 0x1000 + 16 * (i / 4)};
    }
    for (size_t round = test_rounds(100000); round > 0; round--) {
        struct ctm_wide_block *block = &model[test_random_below(&random, KEYS)];
        struct ctm_wide_block old = {0};
        if (block->site != 0 && test_random_percent(&random, 20)) {
            struct ctm_wide_block before = *block;
            block->size = test_random_next(&random);
            block->site = 1 + (uint32_t)test_random_below(&random, 1000);
            assert_int_equal(put(&f, block, &old), 1);
            assert_int_equal(old.size, before.size);
            assert_int_equal(old.site, before.site);
        } else if (block->site != 0) {
            assert_holds(&f, block->domain, block->address, block->size, block->site);
            ctm_wide_hash_remove(&f.hash,
                                 ctm_wide_hash_find(&f.hash, block->domain, block->address));
            block->site = 0;
            used--;
        } else {
            assert_null(ctm_wide_hash_find(&f.hash, block->domain, block->address));
            block->size = test_random_next(&random);
            block->site = 1 + (uint32_t)test_random_below(&random, 1000);
            assert_int_equal(put(&f, block, &old), 0);
            used++;
        }
        assert_int_equal(f.hash.used, used);
    }
    for (size_t i = 0; i < KEYS; i++) {
        if (model[i].site != 0) {
            assert_holds(&f, model[i].domain, model[i].address, model[i].size, model[i].site);
        }
    }
    assert_int_equal(f.pages.length, 1);
    ctm_pages_deinit(&f.pages);
}

static void a_full_table_says_so(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    for (uint32_t i = 0; i < 3000; i++) {
        size_t asked = f.refusal.asked;
        test_refuse_next(&f.refusal, 1);
        int error = add(&f, 1, 16 * i, i, 1);
        assert_int_equal(error, f.refusal.asked == asked ? CTM_OK : CTM_ENOMEM);
        if (error < 0) {
            assert_null(ctm_wide_hash_find(&f.hash, 1, 16 * i));
            assert_int_equal(add(&f, 1, 16 * i, i, 1), CTM_OK);
        }
        assert_int_equal(f.hash.used, i + 1);
    }
    for (uint32_t i = 0; i < 3000; i++) {
        assert_holds(&f, 1, 16 * i, i, 1);
    }
    f.hash.capacity = UINT32_MAX; /* as if it were as large as it can be, and full */
    f.hash.used = UINT32_MAX;
    assert_int_equal(add(&f, 1, 1, 1, 1), CTM_ELIMIT);
    ctm_pages_deinit(&f.pages);
}

static struct ctm_wide_block block_of(uint64_t i)
{
    return (struct ctm_wide_block){.address = 4096 * i, .size = 10, .domain = 7, .site = 1};
}

/* A table that is nearly empty becomes smaller, if there is memory for that. */
static void an_empty_table_becomes_small(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    struct fixture f;
    open_fixture(&f);
    for (uint64_t i = 1; i <= COUNT; i++) {
        struct ctm_wide_block block = block_of(i);
        struct ctm_wide_block old;
        assert_int_equal(put(&f, &block, &old), 0);
        assert_true(i < CTM_RING_FIRST_CAPACITY || f.hash.capacity <= i * 27 / 20 + 8);
    }
    size_t most = f.hash.capacity;
    f.refusal.first = f.refusal.asked + 1;
    f.refusal.count = COUNT;
    for (uint64_t i = COUNT; i > COUNT / 16; i--) {
        ctm_wide_hash_remove(&f.hash, ctm_wide_hash_find(&f.hash, 7, 4096 * i));
    }
    assert_int_equal(f.hash.capacity, most);
    f.refusal.first = 0;
    for (uint64_t i = COUNT / 16; i > 10; i--) {
        ctm_wide_hash_remove(&f.hash, ctm_wide_hash_find(&f.hash, 7, 4096 * i));
        assert_true(f.hash.capacity <= i * 8 + CTM_RING_FIRST_CAPACITY);
    }
    for (uint64_t i = 1; i <= COUNT; i++) {
        assert_true((ctm_wide_hash_find(&f.hash, 7, 4096 * i) != NULL) == (i <= 10));
    }
    assert_int_equal(f.hash.capacity, CTM_RING_FIRST_CAPACITY);
    assert_int_equal(f.pages.length, 1);
    ctm_pages_deinit(&f.pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_table_becomes_small),
        cmocka_unit_test(domains_and_addresses_are_told_apart),
        cmocka_unit_test(one_chain_holds_two_domains),
        cmocka_unit_test(chains_around_the_end_stay_whole),
        cmocka_unit_test(random_operations_agree_with_a_list),
        cmocka_unit_test(a_full_table_says_so),
    };
    return cmocka_run_group_tests_name("wide_hash", tests, NULL, NULL);
}
