#include "engine/blocks.h"

#include <string.h>

enum { PAGE_BYTES = 1 << CTM_PAGE_BITS };

#define R(grain) ((32768 + (grain)-1) / (grain))
const uint16_t ctm_grain_reciprocal[CTM_SMALL_MAX / 16 + 1] = {
    0,     R(1),  R(2),  R(3),  R(4),  R(5),  R(6),  R(7),  R(8),  R(9),  R(10),
    R(11), R(12), R(13), R(14), R(15), R(16), R(17), R(18), R(19), R(20), R(21),
    R(22), R(23), R(24), R(25), R(26), R(27), R(28), R(29), R(30), R(31), R(32),
};
#undef R

int ctm_blocks_init(struct ctm_blocks *blocks, struct ctm_arena *arena)
{
    memset(blocks, 0, sizeof *blocks);
    blocks->arena = arena;
    ctm_block_hash_init(&blocks->hash, arena->pages);
    ctm_wide_hash_init(&blocks->wide, arena->pages);
    blocks->leaves = ctm_pages_map(arena->pages, CTM_LEAF_COUNT * sizeof *blocks->leaves);
    return blocks->leaves == NULL ? CTM_ENOMEM : CTM_OK;
}

static size_t entry_bytes(uint32_t grain)
{
    uint32_t slots = (PAGE_BYTES - CTM_POOL_HEADER) / (grain << CTM_GRAIN_BITS);
    /* The last slot may begin before the page's end and reach over it: such a block is no pool's,
     * yet its address is on the grid. */
    return (slots + 1) * sizeof(uint32_t);
}

/* The page of an address under 2^48, made when it is not there. NULL: no memory. */
static struct ctm_page *make_page(struct ctm_blocks *blocks, uintptr_t address)
{
    struct ctm_leaf **leaf = &blocks->leaves[ctm_blocks_leaf_number(address)];
    if (*leaf == NULL) {
        *leaf = ctm_pages_map(blocks->arena->pages, sizeof **leaf);
        if (*leaf == NULL) {
            return NULL;
        }
        (*leaf)->next = blocks->newest_leaf;
        blocks->newest_leaf = *leaf;
    }
    ctm_blocks_use_page(blocks, address);
    return ctm_blocks_page(blocks, address);
}

/* Make the array of the page that an address is in one of this class, if it holds nothing. False:
 * it does, or no memory. */
static bool claim_page(struct ctm_blocks *blocks, struct ctm_page *page, uintptr_t address,
                       uint32_t grain)
{
    if (page->grain == grain) {
        return true;
    }
    if (page->live != 0) {
        return false;
    }
    uint32_t *entries = ctm_arena_alloc(blocks->arena, entry_bytes(grain));
    if (entries == NULL) {
        return false;
    }
    if (page->grain != 0) {
        ctm_arena_free(blocks->arena, page->entries, entry_bytes(page->grain));
    }
    page->entries = entries;
    page->grain = (uint8_t)grain;
    page->reciprocal = ctm_grain_reciprocal[grain];
    uint64_t leaf = ctm_blocks_leaf_number(address);
    blocks->near_first = leaf << (CTM_PAGE_BITS + CTM_LEAF_BITS);
    blocks->near_bytes = UINT64_C(1) << (CTM_PAGE_BITS + CTM_LEAF_BITS);
    blocks->near_pages = blocks->leaves[leaf]->pages;
    return true;
}

/* Note a block of domain 0 that has none. */
static int add_wide(struct ctm_blocks *blocks, uintptr_t address, uint64_t size, uint32_t site)
{
    struct ctm_block old;
    int error = ctm_blocks_put_domain(blocks, 0, address, size, site, &old);
    blocks->odd += error == CTM_OK ? 1 : 0;
    return error;
}

/* Note a block at an address under 2^48, which is in `page` and has none. */
static int add(struct ctm_blocks *blocks, struct ctm_page *page, uintptr_t address, uint64_t size,
               uint32_t site)
{
    if (ctm_size_is_small(size)) {
        uint32_t grain = (uint32_t)ctm_grain_of(size);
        uint32_t slot = ctm_page_slot(address, grain, ctm_grain_reciprocal[grain]);
        if (slot != UINT32_MAX && claim_page(blocks, page, address, grain)) {
            ctm_page_fill(page, slot, size, site);
            return CTM_OK;
        }
    }
    int error = size < CTM_HASHED_LIMIT ? ctm_block_hash_add(&blocks->hash, address, size, site)
                                        : add_wide(blocks, address, size, site);
    page->hashed = (uint16_t)(page->hashed + (error == CTM_OK ? 1 : 0));
    return error;
}

static struct ctm_block read_wide(const struct ctm_wide_block *entry)
{
    return (struct ctm_block){.size = entry->size, .site = entry->site};
}

/* Remove a block of domain 0 from the hash table that it is in, if it is in one. */
static bool take_hashed(struct ctm_blocks *blocks, struct ctm_page *page, uintptr_t address,
                        struct ctm_block *out)
{
    struct ctm_hashed_block *hashed = ctm_block_hash_find(&blocks->hash, address);
    if (hashed != NULL) {
        *out = ctm_hashed_block_of(hashed);
        ctm_block_hash_remove(&blocks->hash, hashed);
    } else if (blocks->odd != 0 && ctm_blocks_take_domain(blocks, 0, address, out)) {
        blocks->odd--;
    } else {
        return false;
    }
    if (page != NULL) {
        page->hashed--;
    }
    return true;
}

/* Remove the block of domain 0 at `address`, which is in `page`, if there is one. */
static inline bool take_from(struct ctm_blocks *blocks, struct ctm_page *page, uintptr_t address,
                             struct ctm_block *out)
{
    struct ctm_dense dense = ctm_page_dense(page, address);
    if (dense.entry != NULL) {
        *out = ctm_dense_block(dense);
        ctm_blocks_take_dense(dense);
        return true;
    }
    size_t elsewhere = page == NULL ? blocks->odd : page->hashed;
    return elsewhere != 0 && take_hashed(blocks, page, address, out);
}

unsigned ctm_blocks_take(struct ctm_blocks *blocks, uintptr_t address, struct ctm_block *out)
{
    struct ctm_page *page = ctm_blocks_page(blocks, address);
    unsigned watched = page != NULL && page->watched != 0 ? CTM_TAKEN_WATCHED : CTM_TAKEN_NOTHING;
    return watched | (take_from(blocks, page, address, out) ? CTM_TAKEN_BLOCK : CTM_TAKEN_NOTHING);
}

int ctm_blocks_put(struct ctm_blocks *blocks, uintptr_t address, uint64_t size, uint32_t site,
                   struct ctm_block *old, bool *had_old)
{
    struct ctm_page *page = NULL;
    *had_old = false;
    if (address < CTM_HASHED_LIMIT) {
        page = make_page(blocks, address);
        if (page == NULL) {
            return CTM_ENOMEM;
        }
    }
    *had_old = take_from(blocks, page, address, old);
    int error = page == NULL ? add_wide(blocks, address, size, site)
                             : add(blocks, page, address, size, site);
    if (error < 0) {
        return error;
    }
    return *had_old ? 1 : 0;
}

bool ctm_blocks_get(const struct ctm_blocks *blocks, uintptr_t address, struct ctm_block *out)
{
    struct ctm_dense dense = ctm_blocks_dense(blocks, address);
    if (dense.entry != NULL) {
        *out = ctm_dense_block(dense);
        return true;
    }
    if ((dense.page == NULL ? blocks->odd : dense.page->hashed) == 0) {
        return false;
    }
    const struct ctm_hashed_block *hashed = ctm_block_hash_find(&blocks->hash, address);
    if (hashed == NULL) {
        return ctm_blocks_get_domain(blocks, 0, address, out);
    }
    *out = ctm_hashed_block_of(hashed);
    return true;
}

void ctm_blocks_move(struct ctm_blocks *blocks, uintptr_t address, uint32_t site)
{
    struct ctm_dense dense = ctm_blocks_dense(blocks, address);
    if (dense.entry != NULL) {
        ctm_dense_move(dense, site);
        return;
    }
    struct ctm_hashed_block *hashed = ctm_block_hash_find(&blocks->hash, address);
    if (hashed != NULL) {
        hashed->value = hashed->value >> 32 << 32 | site;
        return;
    }
    struct ctm_wide_block *wide = ctm_wide_hash_find(&blocks->wide, 0, address);
    if (wide != NULL) {
        wide->site = site;
    }
}

int ctm_blocks_put_domain(struct ctm_blocks *blocks, uint32_t domain, uintptr_t address,
                          uint64_t size, uint32_t site, struct ctm_block *old)
{
    struct ctm_wide_block replaced;
    int result = ctm_wide_hash_put(&blocks->wide, domain, address, size, site, &replaced);
    if (result > 0) {
        *old = read_wide(&replaced);
    }
    return result;
}

bool ctm_blocks_take_domain(struct ctm_blocks *blocks, uint32_t domain, uintptr_t address,
                            struct ctm_block *out)
{
    struct ctm_wide_block *entry = ctm_wide_hash_find(&blocks->wide, domain, address);
    if (entry == NULL) {
        return false;
    }
    *out = read_wide(entry);
    ctm_wide_hash_remove(&blocks->wide, entry);
    return true;
}

bool ctm_blocks_get_domain(const struct ctm_blocks *blocks, uint32_t domain, uintptr_t address,
                           struct ctm_block *out)
{
    const struct ctm_wide_block *entry = ctm_wide_hash_find(&blocks->wide, domain, address);
    if (entry == NULL) {
        return false;
    }
    *out = read_wide(entry);
    return true;
}

int ctm_blocks_watch(struct ctm_blocks *blocks, uintptr_t address)
{
    if (address >= CTM_HASHED_LIMIT) {
        return CTM_EINVAL;
    }
    struct ctm_page *page = make_page(blocks, address);
    if (page == NULL) {
        return CTM_ENOMEM;
    }
    if (page->watched == CTM_WATCHED_MAX) {
        return CTM_ELIMIT;
    }
    page->watched++;
    return CTM_OK;
}

void ctm_blocks_unwatch(struct ctm_blocks *blocks, uintptr_t address)
{
    ctm_blocks_page(blocks, address)->watched--;
}

static void each_in_page(const struct ctm_page *page,
                         void (*visit)(void *context, struct ctm_block block), void *context)
{
    struct ctm_dense dense = {NULL, page->entries, (uint32_t)page->grain << CTM_GRAIN_BITS};
    for (uint32_t left = page->live; left > 0; dense.entry++) {
        if (*dense.entry != 0) {
            visit(context, ctm_dense_block(dense));
            left--;
        }
    }
}

static void each_in_group(const struct ctm_page *pages,
                          void (*visit)(void *context, struct ctm_block block), void *context)
{
    for (size_t i = 0; i < CTM_GROUP_PAGES; i++) {
        if (i + 1 < CTM_GROUP_PAGES) {
            __builtin_prefetch(pages[i + 1].entries);
        }
        each_in_page(&pages[i], visit, context);
    }
}

void ctm_blocks_each(const struct ctm_blocks *blocks,
                     void (*visit)(void *context, struct ctm_block block), void *context)
{
    for (const struct ctm_leaf *leaf = blocks->newest_leaf; leaf != NULL; leaf = leaf->next) {
        for (size_t group = 0; group < CTM_LEAF_GROUPS; group++) {
            if ((leaf->used_groups[group / 64] >> group % 64 & 1) != 0) {
                each_in_group(&leaf->pages[group * CTM_GROUP_PAGES], visit, context);
            }
        }
    }
    if (blocks->hash.newest.value != 0) {
        visit(context, ctm_hashed_block_of(&blocks->hash.newest));
    }
    for (size_t i = 0; i < blocks->hash.capacity; i++) {
        if (blocks->hash.entries[i].value != 0) {
            visit(context, ctm_hashed_block_of(&blocks->hash.entries[i]));
        }
    }
    for (size_t i = 0; i < blocks->wide.capacity; i++) {
        if (blocks->wide.entries[i].site != 0) {
            visit(context, read_wide(&blocks->wide.entries[i]));
        }
    }
}
