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
    if (index->slots != NULL) {
        ctm_pages_unmap(index->pages, index->slots, bytes_of(index->mask));
    }
    ctm_index_init(index, index->pages);
}

static void put(uint64_t *slots, uint32_t mask, uint64_t hash, uint32_t id)
{
    uint32_t at = (uint32_t)hash & mask;
    while (slots[at] != 0) {
        at = (at + 1) & mask;
    }
    slots[at] = (hash >> 32) << 32 | (id + 1);
}

int ctm_index_reserve(struct ctm_index *index, uint64_t (*rehash)(const void *context, uint32_t id),
                      const void *context)
{
    if (index->slots != NULL && index->used <= index->mask / 2) {
        return CTM_OK;
    }
    if (index->slots != NULL && index->mask >= UINT32_MAX / 2) {
        return CTM_ELIMIT;
    }
    uint32_t mask = index->slots == NULL ? FIRST_CAPACITY - 1 : index->mask * 2 + 1;
    uint64_t *slots = ctm_pages_map(index->pages, bytes_of(mask));
    if (slots == NULL) {
        return CTM_ENOMEM;
    }
    if (index->slots != NULL) {
        for (size_t i = 0; i <= index->mask; i++) {
            if (index->slots[i] != 0) {
                uint32_t id = (uint32_t)index->slots[i] - 1;
                put(slots, mask, rehash(context, id), id);
            }
        }
        ctm_pages_unmap(index->pages, index->slots, bytes_of(index->mask));
    }
    index->slots = slots;
    index->mask = mask;
    return CTM_OK;
}

void ctm_index_restart(struct ctm_index *index, uint32_t length)
{
    if (index->slots == NULL) {
        return;
    }
    uint32_t mask = index->mask;
    while (mask / 8 > length && mask > FIRST_CAPACITY - 1) {
        mask /= 2;
    }
    uint64_t *slots = mask == index->mask ? NULL : ctm_pages_map(index->pages, bytes_of(mask));
    if (slots == NULL) {
        memset(index->slots, 0, bytes_of(index->mask));
    } else {
        ctm_pages_unmap(index->pages, index->slots, bytes_of(index->mask));
        index->slots = slots;
        index->mask = mask;
    }
    index->used = 0;
}

void ctm_index_put(struct ctm_index *index, uint64_t hash, uint32_t id)
{
    put(index->slots, index->mask, hash, id);
    index->used++;
}
