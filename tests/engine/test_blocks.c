/* The block table: whatever home a block has, it is there once, and comes back as it went in. */
#include "support.h"

#include <string.h>

#include "engine/blocks.h"

#define POOL UINT64_C(0x7f1234560000)
#define PAGE (UINT64_C(1) << CTM_PAGE_BITS)

struct fixture {
    struct test_refusal refusal;
    struct ctm_pages pages;
    struct ctm_arena arena;
    struct ctm_blocks blocks;
};

static void open_fixture(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    ctm_pages_init(&f->pages);
    test_refuse(&f->pages, &f->refusal);
    ctm_arena_init(&f->arena, &f->pages);
    assert_int_equal(ctm_blocks_init(&f->blocks, &f->arena), CTM_OK);
}

static void put_new(struct fixture *f, uintptr_t address, uint64_t size, uint32_t site)
{
    struct ctm_block old;
    bool had_old = false;
    if (!ctm_blocks_put_dense(&f->blocks, address, size, site)) {
        assert_int_equal(ctm_blocks_put(&f->blocks, address, size, site, &old, &had_old), 0);
        assert_false(had_old);
    }
}

static void assert_there(const struct fixture *f, uintptr_t address, uint64_t size, uint32_t site)
{
    struct ctm_block block = {0};
    assert_true(ctm_blocks_get(&f->blocks, address, &block));
    assert_int_equal(block.size, size);
    assert_int_equal(block.site, site);
    struct ctm_dense dense = ctm_blocks_dense(&f->blocks, address);
    if (dense.entry == NULL) {
        assert_false(ctm_blocks_know_nothing(&f->blocks, dense));
    } else {
        assert_int_equal(*dense.entry >> 4, site);
        assert_int_equal(dense.class_size - (*dense.entry & 15), size);
    }
}

static void assert_absent(struct fixture *f, uintptr_t address)
{
    struct ctm_block block;
    assert_false(ctm_blocks_get(&f->blocks, address, &block));
    assert_null(ctm_blocks_dense(&f->blocks, address).entry);
    assert_int_equal(ctm_blocks_take(&f->blocks, address, &block), CTM_TAKEN_NOTHING);
}

static void take(struct fixture *f, uintptr_t address, uint64_t size, uint32_t site)
{
    struct ctm_dense dense = ctm_blocks_dense(&f->blocks, address);
    if (dense.entry != NULL && address % 32 == 0) {
        struct ctm_block simply = ctm_dense_block(dense);
        ctm_blocks_take_dense(dense);
        assert_int_equal(simply.size, size);
        assert_int_equal(simply.site, site);
        return;
    }
    struct ctm_block block = {0};
    assert_int_equal(ctm_blocks_take(&f->blocks, address, &block), CTM_TAKEN_BLOCK);
    assert_int_equal(block.size, size);
    assert_int_equal(block.site, site);
}

struct sums {
    uint64_t blocks;
    uint64_t bytes;
    uint64_t sites;
};

static void sum_up(void *context, struct ctm_block block)
{
    struct sums *sums = context;
    sums->blocks++;
    sums->bytes += block.size;
    sums->sites += block.site;
}

static struct sums visited(const struct fixture *f)
{
    struct sums sums = {0};
    ctm_blocks_each(&f->blocks, sum_up, &sums);
    return sums;
}

/* Every size of every class at every place of a pool: four bytes a block, none in a hash table. */
static void pools_are_dense(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    for (uint32_t class_size = 16; class_size <= CTM_SMALL_MAX; class_size += 16) {
        uint32_t blocks = 0;
        uint64_t bytes = 0;
        for (uint64_t at = CTM_POOL_HEADER; at + class_size <= PAGE; at += class_size) {
            uint64_t size = class_size - blocks % 16;
            put_new(&f, POOL + at, size, CTM_SITE_MAX - blocks);
            bytes += size;
            blocks++;
        }
        assert_int_equal(blocks, (PAGE - CTM_POOL_HEADER) / class_size);
        assert_int_equal(f.blocks.hash.used, 0);
        assert_int_equal(visited(&f).blocks, blocks);
        assert_int_equal(visited(&f).bytes, bytes);
        blocks = 0;
        for (uint64_t at = CTM_POOL_HEADER; at + class_size <= PAGE; at += class_size) {
            assert_there(&f, POOL + at, class_size - blocks % 16, CTM_SITE_MAX - blocks);
            assert_absent(&f, POOL + at + 8);
            if (class_size > 16) {
                assert_absent(&f, POOL + at + 16);
            }
            take(&f, POOL + at, class_size - blocks % 16, CTM_SITE_MAX - blocks);
            assert_absent(&f, POOL + at);
            blocks++;
        }
        assert_int_equal(visited(&f).blocks, 0);
    }
    ctm_pages_deinit(&f.pages);
}

/* Any address of a page, with any small size: dense or not, it is there. */
static void any_address_of_a_page_will_do(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    for (uint64_t size = 0; size <= CTM_SMALL_MAX + 1; size += size < 40 ? 1 : 59) {
        for (uint64_t at = 0; at < PAGE; at += at < 100 || at > PAGE - 100 ? 1 : 37) {
            assert_absent(&f, POOL + at);
            put_new(&f, POOL + at, size, 7);
            assert_there(&f, POOL + at, size, 7);
            assert_int_equal(visited(&f).blocks, 1);
            take(&f, POOL + at, size, 7);
            assert_absent(&f, POOL + at);
        }
    }
    assert_int_equal(f.blocks.hash.used, 0);
    ctm_pages_deinit(&f.pages);
}

static void blocks_off_the_grid_live_beside_the_pool(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    put_new(&f, POOL + 48, 32, 1);
    put_new(&f, POOL + 48 + 32, 32, 2);
    put_new(&f, POOL + 48 + 64 + 16, 32, 3); /* between two places of the grid */
    put_new(&f, POOL + 48 + 128 + 8, 32, 4); /* not even aligned */
    put_new(&f, POOL + 16, 32, 5);           /* in the header */
    put_new(&f, POOL + 48 + 256, 48, 6);     /* on the grid, but of another class */
    put_new(&f, POOL + 48 + 320, 0, 7);      /* no size */
    put_new(&f, POOL + 48 + 384, 100000, 8); /* too large for a pool */
    put_new(&f, POOL + PAGE - 16, 32, 9);    /* reaches over the end */
    assert_int_equal(f.blocks.hash.used, 6 + ((PAGE - 16 - 48) % 32 != 0 ? 1 : 0));
    assert_int_equal(ctm_blocks_page(&f.blocks, POOL)->hashed, f.blocks.hash.used);
    assert_int_equal(visited(&f).blocks, 9);
    assert_int_equal(visited(&f).sites, 45);
    /* While some are in the hash table, new ones on the grid are dense nevertheless. */
    put_new(&f, POOL + 48 + 640, 20, 10);
    assert_int_equal(ctm_blocks_page(&f.blocks, POOL)->live,
                     visited(&f).blocks - f.blocks.hash.used);
    take(&f, POOL + 48, 32, 1);
    take(&f, POOL + 48 + 32, 32, 2);
    take(&f, POOL + 48 + 64 + 16, 32, 3);
    take(&f, POOL + 48 + 128 + 8, 32, 4);
    take(&f, POOL + 16, 32, 5);
    take(&f, POOL + 48 + 256, 48, 6);
    take(&f, POOL + 48 + 320, 0, 7);
    take(&f, POOL + 48 + 384, 100000, 8);
    take(&f, POOL + PAGE - 16, 32, 9);
    take(&f, POOL + 48 + 640, 20, 10);
    assert_int_equal(ctm_blocks_page(&f.blocks, POOL)->hashed, 0);
    assert_int_equal(ctm_blocks_page(&f.blocks, POOL)->live, 0);
    ctm_pages_deinit(&f.pages);
}

static void a_page_has_a_limit_of_watched_addresses(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    for (uintptr_t i = 0; i < CTM_WATCHED_MAX; i++) {
        assert_int_equal(ctm_blocks_watch(&f.blocks, POOL + 16 * i), CTM_OK);
    }
    assert_int_equal(ctm_blocks_watch(&f.blocks, POOL + 16 * CTM_WATCHED_MAX), CTM_ELIMIT);
    ctm_blocks_unwatch(&f.blocks, POOL);
    assert_int_equal(ctm_blocks_watch(&f.blocks, POOL), CTM_OK);
    assert_int_equal(ctm_blocks_page(&f.blocks, POOL)->watched, CTM_WATCHED_MAX);
    ctm_pages_deinit(&f.pages);
}

static void an_empty_page_takes_another_class(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    put_new(&f, POOL + 48, 64, 1);
    put_new(&f, POOL + 48 + 64, 64, 1);
    take(&f, POOL + 48, 64, 1);
    put_new(&f, POOL + 48, 16, 2); /* still of class 64: into the hash table */
    assert_int_equal(ctm_blocks_page(&f.blocks, POOL)->grain, 4);
    take(&f, POOL + 48 + 64, 64, 1);
    put_new(&f, POOL + 64, 16, 3);
    assert_int_equal(ctm_blocks_page(&f.blocks, POOL)->grain, 1);
    assert_there(&f, POOL + 48, 16, 2);
    assert_there(&f, POOL + 64, 16, 3);
    take(&f, POOL + 48, 16, 2);
    take(&f, POOL + 64, 16, 3);
    assert_int_equal(visited(&f).blocks, 0);
    ctm_pages_deinit(&f.pages);
}

/* An address handed out again without a free: from every home to every home. */
static void a_block_replaces_what_was_at_its_address(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {
        16, 1, 20, 500, 0, 1000, 1 << 20, CTM_HASHED_LIMIT - 1, CTM_HASHED_LIMIT, UINT64_MAX};
    static const uintptr_t addresses[] = {
        POOL + 48,        POOL + 64,  POOL + 49, POOL, 0, CTM_HASHED_LIMIT - 1,
        CTM_HASHED_LIMIT, UINTPTR_MAX};
    enum { SIZES = sizeof sizes / sizeof *sizes, ADDRESSES = sizeof addresses / sizeof *addresses };
    for (size_t a = 0; a < ADDRESSES; a++) {
        for (size_t i = 0; i < SIZES * SIZES * 2; i++) {
            uint64_t first = sizes[i % SIZES];
            uint64_t second = sizes[i / SIZES % SIZES];
            bool neighbour = i >= SIZES * SIZES;
            struct fixture f;
            struct ctm_block old = {0};
            bool had_old = false;
            open_fixture(&f);
            if (neighbour) {
                put_new(&f, POOL + 48 + 160, 32, 9);
            }
            put_new(&f, addresses[a], first, 1);
            assert_int_equal(ctm_blocks_put(&f.blocks, addresses[a], second, 2, &old, &had_old), 1);
            assert_true(had_old);
            assert_int_equal(old.size, first);
            assert_int_equal(old.site, 1);
            assert_there(&f, addresses[a], second, 2);
            assert_int_equal(visited(&f).blocks, neighbour ? 2 : 1);
            take(&f, addresses[a], second, 2);
            assert_absent(&f, addresses[a]);
            assert_int_equal(visited(&f).blocks, neighbour ? 1 : 0);
            ctm_pages_deinit(&f.pages);
        }
    }
}

static void a_moved_block_keeps_its_size(void **state)
{
    (void)state;
    static const uintptr_t addresses[] = {POOL + 48, POOL + 49, POOL + 96, POOL + PAGE,
                                          CTM_HASHED_LIMIT};
    static const uint64_t sizes[] = {35, 35, UINT64_MAX, 1000, 16};
    struct fixture f;
    open_fixture(&f);
    for (uint32_t i = 0; i < 5; i++) {
        put_new(&f, addresses[i], sizes[i], i + 1);
    }
    for (uint32_t i = 0; i < 5; i++) {
        ctm_blocks_move(&f.blocks, addresses[i], CTM_SITE_MAX - i);
        assert_there(&f, addresses[i], sizes[i], CTM_SITE_MAX - i);
    }
    ctm_blocks_move(&f.blocks, POOL + 4000, 1); /* nothing there: nothing happens */
    assert_absent(&f, POOL + 4000);
    assert_int_equal(visited(&f).blocks, 5);
    ctm_pages_deinit(&f.pages);
}

static void domains_are_apart(void **state)
{
    (void)state;
    struct fixture f;
    struct ctm_block block = {0};
    open_fixture(&f);
    put_new(&f, POOL + 48, 32, 1);
    assert_false(ctm_blocks_take_domain(&f.blocks, 5, POOL + 48, &block));
    assert_int_equal(ctm_blocks_put_domain(&f.blocks, 5, POOL + 48, 64, 2, &block), 0);
    assert_int_equal(ctm_blocks_put_domain(&f.blocks, 6, POOL + 48, 65, 3, &block), 0);
    assert_there(&f, POOL + 48, 32, 1);
    assert_int_equal(ctm_blocks_put_domain(&f.blocks, 5, POOL + 48, 66, 4, &block), 1);
    assert_int_equal(block.size, 64);
    assert_int_equal(block.site, 2);
    assert_true(ctm_blocks_get_domain(&f.blocks, 5, POOL + 48, &block));
    assert_int_equal(block.size, 66);
    assert_int_equal(block.site, 4);
    assert_int_equal(visited(&f).blocks, 3);
    take(&f, POOL + 48, 32, 1);
    assert_absent(&f, POOL + 48);
    assert_true(ctm_blocks_take_domain(&f.blocks, 6, POOL + 48, &block));
    assert_int_equal(block.size, 65);
    assert_false(ctm_blocks_get_domain(&f.blocks, 6, POOL + 48, &block));
    assert_true(ctm_blocks_take_domain(&f.blocks, 5, POOL + 48, &block));
    assert_int_equal(visited(&f).blocks, 0);
    ctm_pages_deinit(&f.pages);
}

static void frees_in_a_watched_page_are_told(void **state)
{
    (void)state;
    struct fixture f;
    struct ctm_block block = {0};
    open_fixture(&f);
    assert_int_equal(ctm_blocks_watch(&f.blocks, POOL + 480), CTM_OK);
    put_new(&f, POOL + 48, 32, 1);
    put_new(&f, POOL + 50, 32, 2);
    assert_int_equal(ctm_blocks_take(&f.blocks, POOL + 480, &block), CTM_TAKEN_WATCHED);
    assert_int_equal(ctm_blocks_take(&f.blocks, POOL + 48, &block),
                     CTM_TAKEN_WATCHED | CTM_TAKEN_BLOCK);
    assert_int_equal(block.site, 1);
    assert_int_equal(ctm_blocks_take(&f.blocks, POOL + 50, &block),
                     CTM_TAKEN_WATCHED | CTM_TAKEN_BLOCK);
    assert_int_equal(block.site, 2);
    assert_absent(&f, POOL + PAGE);
    assert_int_equal(ctm_blocks_watch(&f.blocks, POOL + 16), CTM_OK);
    ctm_blocks_unwatch(&f.blocks, POOL + 480);
    assert_int_equal(ctm_blocks_take(&f.blocks, POOL + 480, &block), CTM_TAKEN_WATCHED);
    ctm_blocks_unwatch(&f.blocks, POOL + 16);
    assert_absent(&f, POOL + 16);
    assert_int_equal(ctm_blocks_watch(&f.blocks, CTM_HASHED_LIMIT), CTM_EINVAL);
    test_refuse_next(&f.refusal, 1);
    assert_int_equal(ctm_blocks_watch(&f.blocks, 0), CTM_ENOMEM);
    ctm_pages_deinit(&f.pages);
}

static void what_has_no_memory_is_not_there(void **state)
{
    (void)state;
    struct fixture f;
    struct ctm_block old = {0};
    bool had_old = false;
    memset(&f, 0, sizeof f);
    ctm_pages_init(&f.pages);
    test_refuse(&f.pages, &f.refusal);
    ctm_arena_init(&f.arena, &f.pages);
    test_refuse_next(&f.refusal, SIZE_MAX);
    assert_int_equal(ctm_blocks_init(&f.blocks, &f.arena), CTM_ENOMEM);
    f.refusal.first = 0;

    open_fixture(&f);
    test_refuse_next(&f.refusal, 3); /* a leaf; the hash table; the wide one */
    assert_int_equal(ctm_blocks_put(&f.blocks, POOL + 48, 32, 1, &old, &had_old), CTM_ENOMEM);
    assert_false(had_old);
    assert_absent(&f, POOL + 48);
    f.refusal.first = 0;
    assert_int_equal(ctm_blocks_watch(&f.blocks, POOL), CTM_OK);
    ctm_blocks_unwatch(&f.blocks, POOL);
    put_new(&f, POOL + 4096, 1000, 1); /* the newest of the hash table needs no memory */
    test_refuse_next(&f.refusal, 3);
    assert_int_equal(ctm_blocks_put(&f.blocks, POOL, 1000, 1, &old, &had_old), CTM_ENOMEM);
    assert_int_equal(ctm_blocks_put(&f.blocks, POOL, UINT64_MAX, 1, &old, &had_old), CTM_ENOMEM);
    assert_int_equal(ctm_blocks_put(&f.blocks, UINTPTR_MAX, 1, 1, &old, &had_old), CTM_ENOMEM);
    assert_absent(&f, POOL);
    assert_absent(&f, UINTPTR_MAX);
    test_refuse_next(&f.refusal, 1);
    assert_int_equal(ctm_blocks_put_domain(&f.blocks, 9, POOL, 1, 1, &old), CTM_ENOMEM);
    take(&f, POOL + 4096, 1000, 1);
    assert_int_equal(visited(&f).blocks, 0);

    /* No memory for a dense array: a block of a pool goes into the hash table. */
    test_refuse_next(&f.refusal, 1);
    put_new(&f, POOL + 48, 32, 1);
    assert_int_equal(f.blocks.hash.used, 1);
    assert_there(&f, POOL + 48, 32, 1);
    take(&f, POOL + 48, 32, 1);

    /* What is replaced is gone even where there is no memory for what replaces it. */
    put_new(&f, POOL + 48, 32, 2);
    assert_int_equal(f.blocks.hash.used, 0);
    test_refuse_next(&f.refusal, SIZE_MAX);
    assert_int_equal(ctm_blocks_put(&f.blocks, POOL + 48, UINT64_MAX, 3, &old, &had_old),
                     CTM_ENOMEM);
    assert_true(had_old);
    assert_int_equal(old.size, 32);
    assert_int_equal(old.site, 2);
    assert_absent(&f, POOL + 48);
    assert_int_equal(visited(&f).blocks, 0);
    ctm_pages_deinit(&f.pages);
}

/* A pass over the blocks makes no memory resident that holds none. */
static void visiting_touches_only_what_was_used(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    uint64_t sites = 0;
    for (uint32_t i = 0; i < 5; i++) {
        put_new(&f, ((uintptr_t)i << (CTM_PAGE_BITS + CTM_LEAF_BITS)) + POOL % PAGE + 48, 32,
                i + 1);
        put_new(&f, ((uintptr_t)(i + 1) << (CTM_PAGE_BITS + CTM_LEAF_BITS)) - 16, 32, i + 1);
        sites += 2 * (i + 1);
    }
    size_t resident = ctm_pages_resident(&f.pages);
    struct sums sums = visited(&f);
    assert_int_equal(sums.blocks, 10);
    assert_int_equal(sums.sites, sites);
    assert_int_equal(ctm_pages_resident(&f.pages), resident);
    ctm_pages_deinit(&f.pages);
    memset(&f.blocks, 0, sizeof f.blocks);
    assert_int_equal(visited(&f).blocks, 0); /* as before ctm_blocks_init */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pools_are_dense),
        cmocka_unit_test(any_address_of_a_page_will_do),
        cmocka_unit_test(blocks_off_the_grid_live_beside_the_pool),
        cmocka_unit_test(an_empty_page_takes_another_class),
        cmocka_unit_test(a_block_replaces_what_was_at_its_address),
        cmocka_unit_test(a_moved_block_keeps_its_size),
        cmocka_unit_test(domains_are_apart),
        cmocka_unit_test(a_page_has_a_limit_of_watched_addresses),
        cmocka_unit_test(frees_in_a_watched_page_are_told),
        cmocka_unit_test(what_has_no_memory_is_not_there),
        cmocka_unit_test(visiting_touches_only_what_was_used),
    };
    return cmocka_run_group_tests_name("blocks", tests, NULL, NULL);
}
