#include "engine/wide_hash.h"

#include <string.h>

#include "engine/hash.h"
#include "engine/ring.h"

void ctm_wide_hash_init(struct ctm_wide_hash *hash, struct ctm_pages *pages)
{
    memset(hash, 0, sizeof *hash);
    hash->pages = pages;
}

static size_t home(uint32_t domain, uint64_t address, size_t capacity)
{
    uint64_t hash = ctm_hash_u64(address + ctm_hash_u64(domain));
    return ctm_ring_home((uint32_t)(hash >> 32), capacity);
}

/* The entry of a (domain, address), or else the empty one where it belongs. */
static struct ctm_wide_block *look_up(const struct ctm_wide_hash *hash, uint32_t domain,
                                      uint64_t address)
{
    size_t at = home(domain, address, hash->capacity);
    while (hash->entries[at].site != 0 &&
           (hash->entries[at].address != address || hash->entries[at].domain != domain)) {
        at = ctm_ring_next(at, hash->capacity);
    }
    return &hash->entries[at];
}

static int resize(struct ctm_wide_hash *hash, size_t capacity)
{
    if (capacity > UINT32_MAX) {
        return CTM_ELIMIT;
    }
    struct ctm_wide_hash old = *hash;
    struct ctm_wide_block *entries = ctm_pages_map(hash->pages, capacity * sizeof *entries);
    if (entries == NULL) {
        return CTM_ENOMEM;
    }
    hash->entries = entries;
    hash->capacity = capacity;
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.entries[i].site != 0) {
            *look_up(hash, old.entries[i].domain, old.entries[i].address) = old.entries[i];
        }
    }
    ctm_pages_unmap(hash->pages, old.entries, old.capacity * sizeof *entries);
    return CTM_OK;
}

int ctm_wide_hash_put(struct ctm_wide_hash *hash, uint32_t domain, uint64_t address, uint64_t size,
                      uint32_t site, struct ctm_wide_block *old)
{
    /* Where the block replaces another, this comes a block too early. */
    if (ctm_ring_is_full(hash->capacity, hash->used)) {
        int error = resize(hash, ctm_ring_larger(hash->capacity));
        if (error < 0) {
            return error;
        }
    }
    struct ctm_wide_block *entry = look_up(hash, domain, address);
    int replaces = entry->site != 0 ? 1 : 0;
    if (replaces) {
        *old = *entry;
    } else {
        entry->address = address;
        entry->domain = domain;
        hash->used++;
    }
    entry->size = size;
    entry->site = site;
    return replaces;
}

struct ctm_wide_block *ctm_wide_hash_find(const struct ctm_wide_hash *hash, uint32_t domain,
                                          uint64_t address)
{
    if (hash->used == 0) {
        return NULL;
    }
    struct ctm_wide_block *entry = look_up(hash, domain, address);
    return entry->site != 0 ? entry : NULL;
}

/* Close the gap that an entry leaves. */
static CTM_NOINLINE void take_out(struct ctm_wide_hash *hash, const struct ctm_wide_block *entry)
{
    size_t capacity = hash->capacity;
    size_t hole = (size_t)(entry - hash->entries);
    for (size_t at = ctm_ring_next(hole, capacity); hash->entries[at].site != 0;
         at = ctm_ring_next(at, capacity)) {
        size_t wanted = home(hash->entries[at].domain, hash->entries[at].address, capacity);
        /* Move it back if its home is not between the hole and here, cyclically. */
        if (ctm_ring_distance(wanted, at, capacity) >= ctm_ring_distance(hole, at, capacity)) {
            hash->entries[hole] = hash->entries[at];
            hole = at;
        }
    }
    memset(&hash->entries[hole], 0, sizeof *entry);
}

void ctm_wide_hash_remove(struct ctm_wide_hash *hash, struct ctm_wide_block *entry)
{
    const struct ctm_wide_block *after = entry + 1;
    if (CTM_LIKELY(after != hash->entries + hash->capacity) && after->site == 0) {
        memset(entry, 0, sizeof *entry); /* it ends its chain */
    } else {
        take_out(hash, entry);
    }
    hash->used--;
    size_t capacity = ctm_ring_shrunk(hash->capacity, hash->used);
    if (capacity != hash->capacity) {
        (void)resize(hash, capacity); /* without memory it stays as it is */
    }
}
