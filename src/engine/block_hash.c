#include "engine/block_hash.h"

#include <string.h>

#include "engine/hash.h"
#include "engine/ring.h"

void ctm_block_hash_init(struct ctm_block_hash *hash, struct ctm_pages *pages)
{
    memset(hash, 0, sizeof *hash);
    hash->pages = pages;
}

static size_t home(uint64_t address, size_t capacity)
{
    return ctm_ring_home((uint32_t)(ctm_hash_u64(address) >> 32), capacity);
}

static void insert(struct ctm_hashed_block *entries, size_t capacity, struct ctm_hashed_block entry)
{
    size_t at = home(ctm_hashed_address(&entry), capacity);
    while (entries[at].value != 0) {
        at = ctm_ring_next(at, capacity);
    }
    entries[at] = entry;
}

static int resize(struct ctm_block_hash *hash, size_t capacity)
{
    if (capacity > UINT32_MAX) {
        return CTM_ELIMIT;
    }
    struct ctm_hashed_block *entries = ctm_pages_map(hash->pages, capacity * sizeof *entries);
    if (entries == NULL) {
        return CTM_ENOMEM;
    }
    if (hash->capacity == 0) {
        /* Few blocks come so far: their places are looked at, but not written to. Pages that are
         * only looked at count as resident here, and not where the kernel counts the process's. */
        memset(entries, 0, capacity * sizeof *entries);
    }
    for (size_t i = 0; i < hash->capacity; i++) {
        if (hash->entries[i].value != 0) {
            insert(entries, capacity, hash->entries[i]);
        }
    }
    ctm_pages_unmap(hash->pages, hash->entries, hash->capacity * sizeof *entries);
    hash->entries = entries;
    hash->capacity = capacity;
    return CTM_OK;
}

CTM_NOINLINE int ctm_block_hash_settle(struct ctm_block_hash *hash)
{
    if (ctm_ring_is_full(hash->capacity, hash->used - 1)) {
        int error = resize(hash, ctm_ring_larger(hash->capacity));
        if (error < 0) {
            return error;
        }
    }
    insert(hash->entries, hash->capacity, hash->newest);
    hash->newest = (struct ctm_hashed_block){0, 0};
    return CTM_OK;
}

struct ctm_hashed_block *ctm_block_hash_find_older(const struct ctm_block_hash *hash,
                                                   uint64_t address)
{
    if (hash->capacity == 0) {
        return NULL;
    }
    size_t at = home(address, hash->capacity);
    while (hash->entries[at].value != 0) {
        if (ctm_hashed_address(&hash->entries[at]) == address) {
            return &hash->entries[at];
        }
        at = ctm_ring_next(at, hash->capacity);
    }
    return NULL;
}

/* Close the gap that an entry leaves. */
static void take_out(struct ctm_block_hash *hash, const struct ctm_hashed_block *entry)
{
    size_t capacity = hash->capacity;
    size_t hole = (size_t)(entry - hash->entries);
    for (size_t at = ctm_ring_next(hole, capacity); hash->entries[at].value != 0;
         at = ctm_ring_next(at, capacity)) {
        size_t wanted = home(ctm_hashed_address(&hash->entries[at]), capacity);
        /* Move it back if its home is not between the hole and here, cyclically. */
        if (ctm_ring_distance(wanted, at, capacity) >= ctm_ring_distance(hole, at, capacity)) {
            hash->entries[hole] = hash->entries[at];
            hole = at;
        }
    }
    hash->entries[hole] = (struct ctm_hashed_block){0, 0};
}

void ctm_block_hash_remove_older(struct ctm_block_hash *hash, const struct ctm_hashed_block *entry)
{
    take_out(hash, entry);
    hash->used--;
    size_t capacity = ctm_ring_shrunk(hash->capacity, hash->used);
    if (capacity != hash->capacity) {
        (void)resize(hash, capacity); /* without memory it stays as it is */
    }
}
