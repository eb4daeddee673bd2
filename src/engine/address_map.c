#include "engine/address_map.h"

#include <string.h>

enum { FIRST_CAPACITY = 256, LARGEST_ITEM = 64 };

/* The items of a map that has none, so that who looks for one need not ask whether there are any:
 * two, as many as the least capacity has of which a shift can be made. */
static const uintptr_t no_items[2 * LARGEST_ITEM / sizeof(uintptr_t)];

void ctm_address_map_init(struct ctm_address_map *map, struct ctm_pages *pages, size_t item_size)
{
    memset(map, 0, sizeof *map);
    map->pages = pages;
    map->item_size = item_size;
    map->items = (char *)(uintptr_t)no_items;
    map->shift = 63;
}

static char *item_at(const struct ctm_address_map *map, size_t at)
{
    return map->items + at * map->item_size;
}

static char *find_room(struct ctm_address_map *map, uintptr_t address)
{
    size_t at = ctm_address_map_home(map, address);
    while (ctm_address_map_key(item_at(map, at)) != 0) {
        at = (at + 1) & map->mask;
    }
    return item_at(map, at);
}

static int resize(struct ctm_address_map *map, size_t capacity)
{
    struct ctm_address_map old = *map;
    char *items = ctm_pages_map(map->pages, capacity * map->item_size);
    if (items == NULL) {
        return CTM_ENOMEM;
    }
    map->items = items;
    map->mask = capacity - 1;
    map->shift = 64 - (uint32_t)__builtin_ctzll(capacity);
    map->moves++;
    if (old.mask != 0) {
        for (size_t at = 0; at <= old.mask; at++) {
            const char *item = item_at(&old, at);
            if (ctm_address_map_key(item) != 0) {
                memcpy(find_room(map, ctm_address_map_key(item)), item, map->item_size);
            }
        }
        ctm_pages_unmap(map->pages, old.items, (old.mask + 1) * old.item_size);
    }
    return CTM_OK;
}

static int grow(struct ctm_address_map *map)
{
    return resize(map, map->mask == 0 ? FIRST_CAPACITY : (map->mask + 1) * 2);
}

void *ctm_address_map_add(struct ctm_address_map *map, uintptr_t address)
{
    if (map->used * 2 >= map->mask && grow(map) < 0) {
        return NULL;
    }
    char *item = find_room(map, address);
    memcpy(item, &address, sizeof address);
    map->used++;
    return item;
}

void ctm_address_map_remove(struct ctm_address_map *map, void *item)
{
    size_t hole = (size_t)((char *)item - map->items) / map->item_size;
    for (size_t at = (hole + 1) & map->mask; ctm_address_map_key(item_at(map, at)) != 0;
         at = (at + 1) & map->mask) {
        size_t wanted = ctm_address_map_home(map, ctm_address_map_key(item_at(map, at)));
        if (((at - wanted) & map->mask) >= ((at - hole) & map->mask)) {
            memcpy(item_at(map, hole), item_at(map, at), map->item_size);
            map->moves += at < hole ? 1 : 0; /* around the end */
            hole = at;
        }
    }
    memset(item_at(map, hole), 0, map->item_size);
    map->used--;
}

void ctm_address_map_shrink(struct ctm_address_map *map)
{
    if (map->mask == 0) {
        return;
    }
    size_t capacity = map->mask + 1;
    while (capacity / 8 > map->used && capacity > FIRST_CAPACITY) {
        capacity /= 2;
    }
    if (capacity <= map->mask) {
        (void)resize(map, capacity); /* without memory it stays as it is */
    }
}
