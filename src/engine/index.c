#include "engine/index.h"

#include <string.h>

enum { FIRST_CAPACITY = 512 };

void ctm_index_init(struct ctm_index *index, struct ctm_pages *pages)
{
    memset(index, 0, sizeof *index);
    index->pages = pages;
}

static size_t bytes_of(uint32_t mask)
{
    return ((size_t)mask + 1) * sizeof(uint64_t);
}

void ctm_index_clear(struct ctm_index *index)
{
    ctm_pages_unmap(index->pages, index->slots, bytes_of(index->mask));
    ctm_index_init(index, index->pages);
}

static uint32_t home(uint64_t slot, uint32_t mask)
{
    return (uint32_t)(slot >> 32) & mask;
}

static void put(uint64_t *slots, uint32_t mask, uint64_t slot)
{
    uint32_t at = home(slot, mask);
    while (slots[at] != 0) {
        at = (at + 1) & mask;
    }
    slots[at] = slot;
}

static int resize(struct ctm_index *index, uint32_t mask)
{
    uint64_t *slots = ctm_pages_map(index->pages, bytes_of(mask));
    if (slots == NULL) {
        return CTM_ENOMEM;
    }
    if (index->slots != NULL) {
        for (size_t i = 0; i <= index->mask; i++) {
            if (index->slots[i] != 0) {
                put(slots, mask, index->slots[i]);
            }
        }
        ctm_pages_unmap(index->pages, index->slots, bytes_of(index->mask));
    }
    index->slots = slots;
    index->mask = mask;
    return CTM_OK;
}

int ctm_index_reserve(struct ctm_index *index)
{
    if (index->slots == NULL) {
        return resize(index, FIRST_CAPACITY - 1);
    }
    if (index->used <= index->mask / 2) {
        return CTM_OK;
    }
    return index->mask >= UINT32_MAX / 2 ? CTM_ELIMIT : resize(index, index->mask * 2 + 1);
}

void ctm_index_put(struct ctm_index *index, uint64_t hash, uint32_t id)
{
    put(index->slots, index->mask, hash << 32 | (id + 1));
    index->used++;
}

void ctm_index_remove(struct ctm_index *index, uint64_t hash, uint32_t id)
{
    uint64_t *slots = index->slots;
    uint32_t mask = index->mask;
    uint64_t slot = hash << 32 | (id + 1);
    uint32_t hole = home(slot, mask);
    while (slots[hole] != slot) {
        hole = (hole + 1) & mask;
    }
    for (uint32_t at = (hole + 1) & mask; slots[at] != 0; at = (at + 1) & mask) {
        if (((at - home(slots[at], mask)) & mask) >= ((at - hole) & mask)) {
            slots[hole] = slots[at];
            hole = at;
        }
    }
    slots[hole] = 0;
    index->used--;
}

void ctm_index_shrink(struct ctm_index *index, uint32_t room)
{
    if (index->slots == NULL) {
        return;
    }
    uint32_t mask = index->mask;
    uint32_t entries = index->used > room ? index->used : room;
    while (mask / 8 > entries && mask > FIRST_CAPACITY - 1) {
        mask /= 2;
    }
    if (mask != index->mask) {
        (void)resize(index, mask); /* without memory it stays as it is */
    }
}
