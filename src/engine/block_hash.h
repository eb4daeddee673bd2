/*
 * Address -> (size, site) in 16 bytes an entry, for addresses and sizes under 2^48.
 *
 * Open addressing, linear probing, removal by shifting back (Knuth, vol. 3, 6.4, algorithm R):
 * no tombstones. Capacity grows by an eighth at a load of 5/6, so that a table that grows never
 * costs more than 22 bytes a block, apart from the moment itself. Entries stand nearly in the order
 * of their hashes at any capacity, so that growing is two walks through memory side by side. At a
 * load of 1/8 the table becomes smaller. The block that was added last waits outside until the next
 * one comes: most large blocks do not live that long. Guarded by the tracer's gate.
 */
#ifndef CTM_ENGINE_BLOCK_HASH_H
#define CTM_ENGINE_BLOCK_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/pages.h"

/* Bits 0-47 of `key` are the address, 48-63 the low bits of the size; `value` is the rest of the
 * size << 32 | site. A site is never 0, so an empty entry is all zero. */
struct ctm_hashed_block {
    uint64_t key;
    uint64_t value;
};

struct ctm_block_hash {
    struct ctm_hashed_block newest; /* not among `entries` */
    struct ctm_hashed_block *entries;
    size_t capacity; /* of `entries`, under 2^32 */
    size_t used;     /* with the newest */
    struct ctm_pages *pages;
};

#define CTM_HASHED_LIMIT (UINT64_C(1) << 48)

void ctm_block_hash_init(struct ctm_block_hash *hash, struct ctm_pages *pages);

/* Move the newest, which there is, to the entries. CTM_ENOMEM, CTM_ELIMIT. */
CTM_MUST_CHECK int ctm_block_hash_settle(struct ctm_block_hash *hash);
/* The entry of an address that is not the newest's, or NULL. */
struct ctm_hashed_block *ctm_block_hash_find_older(const struct ctm_block_hash *hash,
                                                   uint64_t address);
/* Remove one of the entries. */
void ctm_block_hash_remove_older(struct ctm_block_hash *hash, const struct ctm_hashed_block *entry);

/* Insert an address that is not there. CTM_ENOMEM, CTM_ELIMIT. */
CTM_MUST_CHECK static inline int ctm_block_hash_add(struct ctm_block_hash *hash, uint64_t address,
                                                    uint64_t size, uint32_t site)
{
    if (hash->newest.value != 0) {
        int error = ctm_block_hash_settle(hash);
        if (error < 0) {
            return error;
        }
    }
    hash->newest.key = address | size << 48;
    hash->newest.value = size >> 16 << 32 | site;
    hash->used++;
    return CTM_OK;
}

static inline uint64_t ctm_hashed_address(const struct ctm_hashed_block *entry)
{
    return entry->key & (CTM_HASHED_LIMIT - 1);
}

static inline uint64_t ctm_hashed_size(const struct ctm_hashed_block *entry)
{
    return (entry->value >> 32 << 16) | entry->key >> 48;
}

static inline uint32_t ctm_hashed_site(const struct ctm_hashed_block *entry)
{
    return (uint32_t)entry->value;
}

/* The entry of an address, or NULL. Valid until the next add or remove. */
static inline struct ctm_hashed_block *ctm_block_hash_find(const struct ctm_block_hash *hash,
                                                           uint64_t address)
{
    if (ctm_hashed_address(&hash->newest) == address && hash->newest.value != 0) {
        /* As const as the entries are, which are behind a pointer. */
        return (struct ctm_hashed_block *)(uintptr_t)&hash->newest;
    }
    return ctm_block_hash_find_older(hash, address);
}

static inline void ctm_block_hash_remove(struct ctm_block_hash *hash,
                                         struct ctm_hashed_block *entry)
{
    if (entry == &hash->newest) {
        *entry = (struct ctm_hashed_block){0, 0};
        hash->used--;
    } else {
        ctm_block_hash_remove_older(hash, entry);
    }
}

#endif
