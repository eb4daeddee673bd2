/*
 * The block table: (domain, address) -> (size, site).
 *
 * Three homes, one answer. A block of domain 0 that looks as if CPython's small-object allocator
 * made it costs four bytes: its 16 KiB page has a dense array with an entry for each block of the
 * page's size class. Any other block of domain 0 costs 16 bytes in a hash table, and what does
 * not fit there either (another domain, a size or an address over 48 bits) 24 bytes in a wide one.
 * That pages hold equal blocks is never assumed, only hoped for: an address that is not exactly on
 * the grid of its page goes to the hash table, and each page knows how many of its blocks did.
 *
 * Guarded by the tracer's gate. No function calls anything but pages and arena.
 */
#ifndef CTM_ENGINE_BLOCKS_H
#define CTM_ENGINE_BLOCKS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "engine/block_hash.h"
#include "engine/wide_hash.h"

struct ctm_block {
    uint64_t size; /* bytes asked for */
    uint32_t site; /* 1 to CTM_SITE_MAX */
};

enum {
    CTM_PAGE_BITS = 14,   /* CPython's pool: 16 KiB, aligned */
    CTM_POOL_HEADER = 48, /* bytes before the first block of a pool */
    CTM_SMALL_MAX = 512,  /* bytes of the largest block that a pool holds */
    CTM_GRAIN_BITS = 4,   /* size classes are multiples of 16 bytes */
    CTM_SITE_BITS = 28,   /* of a dense entry; the other 4 are class size - asked size */
    CTM_SITE_MAX = (1 << CTM_SITE_BITS) - 1,
    CTM_ADDRESS_BITS = 48,
    CTM_LEAF_BITS = 16, /* pages under one leaf: 1 GiB of addresses */
    CTM_LEAF_COUNT = 1 << (CTM_ADDRESS_BITS - CTM_PAGE_BITS - CTM_LEAF_BITS),
    CTM_WATCHED_MAX = UINT8_MAX, /* in one page */
    CTM_GROUP_PAGES = 256,       /* whose records fill one page of memory */
    CTM_LEAF_GROUPS = (1 << CTM_LEAF_BITS) / CTM_GROUP_PAGES,
};

struct ctm_page {
    uint32_t *entries;   /* by slot: site << 4 | slack; 0: no block. NULL while grain is 0 */
    uint16_t live;       /* entries that hold a block */
    uint16_t hashed;     /* blocks of domain 0 that start here and are in one of the hash tables */
    uint16_t reciprocal; /* of the grain: see ctm_grain_reciprocal. Here it is a load less far */
    uint8_t grain;       /* size class of `entries`, in units of 16 bytes */
    uint8_t watched;     /* addresses in this page that are watched */
};

/* The pages of 1 GiB of addresses. Which groups of them were ever used is on record, so that a pass
 * over all blocks reads no memory that holds none: reading would make it resident. */
struct ctm_leaf {
    struct ctm_page pages[1 << CTM_LEAF_BITS]; /* first: none lies across two cache lines */
    struct ctm_leaf *next;
    uint64_t used_groups[CTM_LEAF_GROUPS / 64]; /* bit g: pages from g * CTM_GROUP_PAGES on */
};

struct ctm_blocks {
    struct ctm_leaf **leaves; /* CTM_LEAF_COUNT, each NULL until a block needs it */
    /* The leaf in which a page was given an array last, where nearly all blocks are: its first
     * address, how many belong to it, and its pages. No address while there is none. */
    uint64_t near_first;
    uint64_t near_bytes;
    struct ctm_page *near_pages;
    struct ctm_leaf *newest_leaf;
    struct ctm_arena *arena;
    struct ctm_block_hash hash;
    struct ctm_wide_hash wide;
    size_t odd; /* blocks of domain 0 in `wide` */
};

/* What is known of a freed address. */
enum ctm_taken {
    CTM_TAKEN_NOTHING = 0,
    CTM_TAKEN_BLOCK = 1,   /* a block was there: *out holds it, the table no longer does */
    CTM_TAKEN_WATCHED = 2, /* the page has watched addresses: this may be one of them */
};

CTM_MUST_CHECK int ctm_blocks_init(struct ctm_blocks *blocks, struct ctm_arena *arena);

/*
 * Note a block of domain 0. Returns 0, or 1 if the address had a block: *old holds what was
 * replaced. CTM_ENOMEM: nothing is noted; if *had_old is set, *old was there and is removed.
 */
CTM_MUST_CHECK int ctm_blocks_put(struct ctm_blocks *blocks, uintptr_t address, uint64_t size,
                                  uint32_t site, struct ctm_block *old, bool *had_old);

/* Remove the block of domain 0 at `address`. Returns a set of enum ctm_taken. */
unsigned ctm_blocks_take(struct ctm_blocks *blocks, uintptr_t address, struct ctm_block *out);

/* The block of domain 0 at `address`, or false. */
bool ctm_blocks_get(const struct ctm_blocks *blocks, uintptr_t address, struct ctm_block *out);

/* Give the block of domain 0 at `address`, which is there, to another site. */
void ctm_blocks_move(struct ctm_blocks *blocks, uintptr_t address, uint32_t site);

/* The same for domains other than 0. `put` returns 0, 1 (*old replaced) or CTM_ENOMEM. */
CTM_MUST_CHECK int ctm_blocks_put_domain(struct ctm_blocks *blocks, uint32_t domain,
                                         uintptr_t address, uint64_t size, uint32_t site,
                                         struct ctm_block *old);
bool ctm_blocks_take_domain(struct ctm_blocks *blocks, uint32_t domain, uintptr_t address,
                            struct ctm_block *out);
bool ctm_blocks_get_domain(const struct ctm_blocks *blocks, uint32_t domain, uintptr_t address,
                           struct ctm_block *out);

/*
 * Watch an address of the host's: ctm_blocks_take says CTM_TAKEN_WATCHED for each free in its
 * page, so that the caller looks it up. CTM_ENOMEM; CTM_ELIMIT: too many in one page. Addresses
 * over 48 bits cannot be watched: CTM_EINVAL.
 */
CTM_MUST_CHECK int ctm_blocks_watch(struct ctm_blocks *blocks, uintptr_t address);
void ctm_blocks_unwatch(struct ctm_blocks *blocks, uintptr_t address);

/* Call `visit` for each block, in no order. The table must not change meanwhile. */
void ctm_blocks_each(const struct ctm_blocks *blocks,
                     void (*visit)(void *context, struct ctm_block block), void *context);

/* ---- the hot path, inline ---- */

/* ceil(2^15 / grain): (n * reciprocal) >> 15 is n / grain for each n a page can hold. */
extern const uint16_t ctm_grain_reciprocal[CTM_SMALL_MAX / 16 + 1];

/* Whether CPython's small-object allocator makes blocks of this size. */
static inline bool ctm_size_is_small(uint64_t size)
{
    return size - 1 < CTM_SMALL_MAX;
}

/* The size class of a size in units of 16 bytes; of 0, as of what is too large, one of no page. */
static inline uint64_t ctm_grain_of(uint64_t size)
{
    return ((size - 1) >> CTM_GRAIN_BITS) + 1;
}

/* Slot of an address in a page of this class, or UINT32_MAX if it is not on the page's grid. */
static inline uint32_t ctm_page_slot(uintptr_t address, uint32_t grain, uint32_t reciprocal)
{
    uint32_t offset = (uint32_t)(address & ((1u << CTM_PAGE_BITS) - 1));
    uint32_t from_first = offset - CTM_POOL_HEADER;
    /* Rotated: an offset between two units, or inside the header, becomes a number above 2^27,
     * which no slot of 17 bits times a class is equal to. */
    uint32_t units = from_first >> CTM_GRAIN_BITS | from_first << (32 - CTM_GRAIN_BITS);
    uint32_t slot = (units * reciprocal) >> 15;
    return CTM_LIKELY(slot * grain == units) ? slot : UINT32_MAX;
}

/* The number of the leaf that an address belongs to: CTM_LEAF_COUNT or more over 48 bits. */
static inline uint64_t ctm_blocks_leaf_number(uintptr_t address)
{
    return (uint64_t)address >> (CTM_PAGE_BITS + CTM_LEAF_BITS);
}

static inline struct ctm_page *ctm_blocks_page(const struct ctm_blocks *blocks, uintptr_t address)
{
    uint64_t offset = (uint64_t)address - blocks->near_first;
    if (CTM_LIKELY(offset < blocks->near_bytes)) {
        CTM_ASSUME(blocks->near_pages != NULL);
        return &blocks->near_pages[offset >> CTM_PAGE_BITS];
    }
    uint64_t number = ctm_blocks_leaf_number(address);
    struct ctm_leaf *leaf = number < CTM_LEAF_COUNT ? blocks->leaves[number] : NULL;
    return leaf == NULL ? NULL
                        : &leaf->pages[address >> CTM_PAGE_BITS & ((1u << CTM_LEAF_BITS) - 1)];
}

/* Put on record that the page of an address under 2^48, in a leaf that is there, is in use. */
static inline void ctm_blocks_use_page(struct ctm_blocks *blocks, uintptr_t address)
{
    struct ctm_leaf *leaf = blocks->leaves[ctm_blocks_leaf_number(address)];
    size_t group = ((uint64_t)address >> CTM_PAGE_BITS) % (1u << CTM_LEAF_BITS) / CTM_GROUP_PAGES;
    leaf->used_groups[group / 64] |= UINT64_C(1) << group % 64;
}

static inline struct ctm_block ctm_hashed_block_of(const struct ctm_hashed_block *entry)
{
    return (struct ctm_block){.size = ctm_hashed_size(entry), .site = ctm_hashed_site(entry)};
}

/* An entry of a page's array: where it is, and the size class of the page. */
struct ctm_dense {
    struct ctm_page *page; /* of the address; NULL: no block was ever in it */
    uint32_t *entry;       /* site << 4 | slack, not 0; NULL: the block is in no array */
    uint32_t class_size;
};

/* The entry of the block at `address`, which is in `page`. Valid until a block is put or taken. */
static inline struct ctm_dense ctm_page_dense(struct ctm_page *page, uintptr_t address)
{
    struct ctm_dense dense = {page, NULL, 0};
    if (CTM_LIKELY(page != NULL && page->entries != NULL)) {
        uint32_t slot = ctm_page_slot(address, page->grain, page->reciprocal);
        if (CTM_LIKELY(slot != UINT32_MAX && page->entries[slot] != 0)) {
            dense.entry = &page->entries[slot];
            dense.class_size = (uint32_t)page->grain << CTM_GRAIN_BITS;
        }
    }
    return dense;
}

static inline struct ctm_dense ctm_blocks_dense(const struct ctm_blocks *blocks, uintptr_t address)
{
    return ctm_page_dense(ctm_blocks_page(blocks, address), address);
}

static inline struct ctm_block ctm_dense_block(struct ctm_dense dense)
{
    return (struct ctm_block){.size = dense.class_size - (*dense.entry & 15),
                              .site = *dense.entry >> 4};
}

/* Note a block in a slot that is empty, of a page of its class. */
static inline void ctm_page_fill(struct ctm_page *page, uint32_t slot, uint64_t size, uint32_t site)
{
    page->entries[slot] = site << 4 | (uint32_t)(-size & 15);
    page->live++;
}

/* Note a block where nothing but an entry must be written. False: ctm_blocks_put is needed. */
static inline bool ctm_blocks_put_dense(struct ctm_blocks *blocks, uintptr_t address, uint64_t size,
                                        uint32_t site)
{
    struct ctm_page *page = ctm_blocks_page(blocks, address);
    if (CTM_UNLIKELY(page == NULL || page->grain != ctm_grain_of(size) || page->hashed != 0)) {
        return false;
    }
    uint32_t slot = ctm_page_slot(address, page->grain, page->reciprocal);
    if (CTM_UNLIKELY(slot == UINT32_MAX || page->entries[slot] != 0)) {
        return false;
    }
    ctm_page_fill(page, slot, size, site);
    return true;
}

/* Note a large block, or one of no bytes, which CPython's small-object allocator does not make
 * either: in the hash table, where its page is known and its address has no block. False: nothing
 * is noted, and ctm_blocks_put is needed. */
static inline bool ctm_blocks_put_large(struct ctm_blocks *blocks, uintptr_t address, uint64_t size,
                                        uint32_t site)
{
    if (ctm_size_is_small(size) || size >= CTM_HASHED_LIMIT) {
        return false;
    }
    struct ctm_dense dense = ctm_blocks_dense(blocks, address);
    if (dense.page == NULL || dense.entry != NULL ||
        (dense.page->hashed != 0 &&
         (blocks->odd != 0 || ctm_block_hash_find(&blocks->hash, address) != NULL)) ||
        ctm_block_hash_add(&blocks->hash, address, size, site) < 0) {
        return false;
    }
    ctm_blocks_use_page(blocks, address);
    dense.page->hashed++;
    return true;
}

/* Remove the block at an address if it is the newest of the hash table and its page is not
 * watched. False: ctm_blocks_take is needed. */
static inline bool ctm_blocks_take_newest(struct ctm_blocks *blocks, uintptr_t address,
                                          struct ctm_block *out)
{
    struct ctm_hashed_block *newest = &blocks->hash.newest;
    if (ctm_hashed_address(newest) != address || newest->value == 0) {
        return false;
    }
    struct ctm_page *page = ctm_blocks_page(blocks, address);
    if (page == NULL || page->watched != 0) {
        return false;
    }
    *out = ctm_hashed_block_of(newest);
    ctm_block_hash_remove(&blocks->hash, newest);
    page->hashed--;
    return true;
}

/* Give a block that is in an array to another site. */
static inline void ctm_dense_move(struct ctm_dense dense, uint32_t site)
{
    *dense.entry = site << 4 | (*dense.entry & 15);
}

/* Remove a block that is in an array. */
static inline void ctm_blocks_take_dense(struct ctm_dense dense)
{
    *dense.entry = 0;
    dense.page->live--;
}

/* Whether nothing at all is known of an address that has no entry in an array: nearly always a
 * block from before. Never wrong when true. */
static inline bool ctm_blocks_know_nothing(const struct ctm_blocks *blocks, struct ctm_dense dense)
{
    return dense.page == NULL ? blocks->odd == 0 : (dense.page->hashed | dense.page->watched) == 0;
}

#endif
