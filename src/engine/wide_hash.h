/*
 * (domain, address) -> (size, site) without limits on the numbers, 24 bytes an entry.
 *
 * Same algorithms as block_hash.h. Guarded by the tracer's gate.
 */
#ifndef CTM_ENGINE_WIDE_HASH_H
#define CTM_ENGINE_WIDE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/pages.h"

struct ctm_wide_block {
    uint64_t address;
    uint64_t size;
    uint32_t domain;
    uint32_t site; /* 0: the entry is empty */
};

struct ctm_wide_hash {
    struct ctm_pages *pages;
    struct ctm_wide_block *entries;
    size_t capacity; /* under 2^32 */
    size_t used;
};

void ctm_wide_hash_init(struct ctm_wide_hash *hash, struct ctm_pages *pages);

/* Set the block of a (domain, address). Returns 0, or 1 if it had one: *old holds what was
 * replaced. CTM_ENOMEM, CTM_ELIMIT: nothing has changed. */
CTM_MUST_CHECK int ctm_wide_hash_put(struct ctm_wide_hash *hash, uint32_t domain, uint64_t address,
                                     uint64_t size, uint32_t site, struct ctm_wide_block *old);
/* The entry, or NULL. Valid until the next put or remove. */
struct ctm_wide_block *ctm_wide_hash_find(const struct ctm_wide_hash *hash, uint32_t domain,
                                          uint64_t address);
void ctm_wide_hash_remove(struct ctm_wide_hash *hash, struct ctm_wide_block *entry);

#endif
