#include "engine/block_hash.h"

#include <string.h>

#include "engine/hash.h"

enum { FIRST_CAPACITY = 1024 };

#define ADDRESS_MASK (CTM_HASHED_LIMIT - 1)

void ctm_block_hash_init(struct ctm_block_hash *hash, struct ctm_pages *pages)
{
    memset(hash, 0, sizeof *hash);
    hash->pages = pages;
}

/* Map a hash onto any capacity without a division (Lemire, "Fast Random Integer Generation in an
 * Interval", 2019). */
static size_t home(uint64_t address, size_t capacity)
{
    return (size_t)((ctm_hash_u64(address) >> 32) * capacity >> 32);
}

static void insert(struct ctm_hashed_block *entries, size_t capacity, struct ctm_hashed_block entry)
{
    size_t at = home(entry.key & ADDRESS_MASK, capacity);
    while (entries[at].value != 0) {
        at = at + 1 == capacity ? 0 : at + 1;
    }
    entries[at] = entry;
}

static int resize(struct ctm_block_hash *hash, size_t capacity)
{
    struct ctm_hashed_block *entries = ctm_pages_map(hash->pages, capacity * sizeof *entries);
    if (entries == NULL) {
        return CTM_ENOMEM;
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

static int grow(struct ctm_block_hash *hash)
{
    size_t capacity = hash->capacity == 0 ? FIRST_CAPACITY : hash->capacity + hash->capacity / 8;
    return capacity > UINT32_MAX ? CTM_ELIMIT : resize(hash, capacity);
}

int ctm_block_hash_add(struct ctm_block_hash *hash, uint64_t address, uint64_t size, uint32_t site)
{
    if (hash->used >= hash->capacity / 6 * 5) {
        int error = grow(hash);
        if (error < 0) {
            return error;
        }
    }
    struct ctm_hashed_block entry = {.key = address | size << 48, .value = size >> 16 << 32 | site};
    insert(hash->entries, hash->capacity, entry);
    hash->used++;
    return CTM_OK;
}

struct ctm_hashed_block *ctm_block_hash_find(const struct ctm_block_hash *hash, uint64_t address)
{
    if (hash->used == 0) {
        return NULL;
    }
    size_t at = home(address, hash->capacity);
    while (hash->entries[at].value != 0) {
        if ((hash->entries[at].key & ADDRESS_MASK) == address) {
            return &hash->entries[at];
        }
        at = at + 1 == hash->capacity ? 0 : at + 1;
    }
    return NULL;
}

void ctm_block_hash_remove(struct ctm_block_hash *hash, struct ctm_hashed_block *entry)
{
    size_t capacity = hash->capacity;
    size_t hole = (size_t)(entry - hash->entries);
    size_t at = hole;
    for (;;) {
        at = at + 1 == capacity ? 0 : at + 1;
        if (hash->entries[at].value == 0) {
            break;
        }
        size_t wanted = home(hash->entries[at].key & ADDRESS_MASK, capacity);
        /* Move it back if its home is not between the hole and here, cyclically. */
        size_t from_home = at >= wanted ? at - wanted : at + capacity - wanted;
        size_t from_hole = at >= hole ? at - hole : at + capacity - hole;
        if (from_home >= from_hole) {
            hash->entries[hole] = hash->entries[at];
            hole = at;
        }
    }
    hash->entries[hole] = (struct ctm_hashed_block){0, 0};
    hash->used--;
    if (hash->used < capacity / 8 && capacity > FIRST_CAPACITY) {
        /* Without memory it stays as it is. */
        (void)resize(hash, capacity / 4 > FIRST_CAPACITY ? capacity / 4 : FIRST_CAPACITY);
    }
}
