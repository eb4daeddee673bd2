/*
 * A map from an address to a small record, for what the host identifies by address.
 *
 * An item is any struct whose first member is its address, a uintptr_t that is never 0. Open
 * addressing at a load of one half, linear probing, removal by shifting back. Guarded by the
 * tracer's gate.
 */
#ifndef CTM_ENGINE_ADDRESS_MAP_H
#define CTM_ENGINE_ADDRESS_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/pages.h"
#include "engine/hash.h"

struct ctm_address_map {
    struct ctm_pages *pages;
    char *items;
    size_t item_size;
    size_t mask;    /* capacity - 1; 0: no item was ever there, and none is to be written */
    uint32_t shift; /* 64 - log2(capacity) */
    size_t used;
    /* Changes when an item came to stand further up: who walks down from the end must begin anew.
     * Whatever else is added or removed meanwhile, such a walk misses no item that was there. */
    uint32_t moves;
};

void ctm_address_map_init(struct ctm_address_map *map, struct ctm_pages *pages, size_t item_size);

/* A new zeroed item with this address, which is not there yet. NULL when there is no memory.
 * Items move when another is added or removed. */
void *ctm_address_map_add(struct ctm_address_map *map, uintptr_t address);
void ctm_address_map_remove(struct ctm_address_map *map, void *item);

/* Give back most of what the map has too much. Without memory for that, nothing changes. */
void ctm_address_map_shrink(struct ctm_address_map *map);

static inline uintptr_t ctm_address_map_key(const char *item)
{
    return *(const uintptr_t *)(const void *)item;
}

/* Where an address belongs. */
static inline size_t ctm_address_map_home(const struct ctm_address_map *map, uintptr_t address)
{
    return (size_t)(ctm_hash_product(address) >> map->shift);
}

static inline uint32_t ctm_address_map_capacity(const struct ctm_address_map *map)
{
    return map->mask == 0 ? 0 : (uint32_t)(map->mask + 1);
}

/* The item that stands at a place under the capacity, or NULL. */
static inline void *ctm_address_map_at(const struct ctm_address_map *map, uint32_t at)
{
    char *item = map->items + at * map->item_size;
    return ctm_address_map_key(item) == 0 ? NULL : item;
}

/* The item of an address, or NULL; of address 0 an empty place, not to be written to, or NULL.
 * `item_size` is the map's, given so that it can be a constant. */
static inline void *ctm_address_map_find(const struct ctm_address_map *map, uintptr_t address,
                                         size_t item_size)
{
    for (size_t at = ctm_address_map_home(map, address);; at = (at + 1) & map->mask) {
        char *item = map->items + at * item_size;
        uintptr_t key = ctm_address_map_key(item);
        if (CTM_LIKELY(key == address)) {
            return item;
        }
        if (key == 0) {
            return NULL;
        }
    }
}

#endif
