#include "engine/index.h"

#include <string.h>

enum {
    FIRST_CAPACITY = 512, /* 4 KiB; each capacity is a multiple */
};

void ctm_index_init(struct ctm_index *index, struct ctm_pages *pages)
{
    memset(index, 0, sizeof *index);
    index->pages = pages;
}

static size_t bytes_of(uint32_t capacity)
{
    return capacity * sizeof(uint64_t);
}

void ctm_index_clear(struct ctm_index *index)
{
    ctm_pages_unmap(index->pages, index->slots, bytes_of(index->capacity));
    ctm_index_init(index, index->pages);
}

static size_t home(uint64_t slot, size_t capacity)
{
    return ctm_ring_home((uint32_t)(slot >> 32), capacity);
}

static void put(uint64_t *slots, uint32_t capacity, uint64_t slot)
{
    size_t at = home(slot, capacity);
    while (slots[at] != 0) {
        at = ctm_ring_next(at, capacity);
    }
    slots[at] = slot;
}

static int resize(struct ctm_index *index, uint32_t capacity)
{
    uint64_t *slots = ctm_pages_map(index->pages, bytes_of(capacity));
    if (slots == NULL) {
        return CTM_ENOMEM;
    }
    for (uint32_t i = 0; i < index->capacity; i++) {
        if (index->slots[i] != 0) {
            put(slots, capacity, index->slots[i]);
        }
    }
    ctm_pages_unmap(index->pages, index->slots, bytes_of(index->capacity));
    index->slots = slots;
    index->capacity = capacity;
    return CTM_OK;
}

/* As resize, to so many slots at least. */
static int resize_to(struct ctm_index *index, uint64_t capacity)
{
    capacity = (capacity + FIRST_CAPACITY - 1) / FIRST_CAPACITY * FIRST_CAPACITY;
    return capacity > UINT32_MAX ? CTM_ELIMIT : resize(index, (uint32_t)capacity);
}

int ctm_index_reserve(struct ctm_index *index)
{
    if (index->used < index->capacity / 4 * 3) {
        return CTM_OK;
    }
    return resize_to(index, (uint64_t)index->capacity + index->capacity / 4 + 1);
}

void ctm_index_put(struct ctm_index *index, uint64_t hash, uint32_t id)
{
    put(index->slots, index->capacity, hash << 32 | (id + 1));
    index->used++;
}

void ctm_index_remove(struct ctm_index *index, uint64_t hash, uint32_t id)
{
    uint64_t *slots = index->slots;
    uint32_t capacity = index->capacity;
    uint64_t slot = hash << 32 | (id + 1);
    size_t hole = home(slot, capacity);
    while (slots[hole] != slot) {
        hole = ctm_ring_next(hole, capacity);
    }
    for (size_t at = ctm_ring_next(hole, capacity); slots[at] != 0;
         at = ctm_ring_next(at, capacity)) {
        size_t wanted = home(slots[at], capacity);
        if (ctm_ring_distance(wanted, at, capacity) >= ctm_ring_distance(hole, at, capacity)) {
            slots[hole] = slots[at];
            hole = at;
        }
    }
    slots[hole] = 0;
    index->used--;
}

void ctm_index_shrink(struct ctm_index *index, uint32_t room)
{
    uint32_t entries = index->used > room ? index->used : room;
    if (index->capacity > FIRST_CAPACITY && index->capacity / 4 > entries) {
        (void)resize_to(index, (uint64_t)entries * 2 + 1); /* without memory it stays as it is */
    }
}
