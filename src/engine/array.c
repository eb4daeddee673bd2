#include "engine/array.h"

enum { FIRST_BYTES = 16384 };

int ctm_array_reserve(struct ctm_pages *pages, void **items, uint32_t *capacity, uint32_t length,
                      size_t item_size)
{
    if (length < *capacity) {
        return CTM_OK;
    }
    if (*capacity > UINT32_MAX / 2) {
        return CTM_ELIMIT;
    }
    uint32_t grown = *capacity == 0 ? (uint32_t)(FIRST_BYTES / item_size) : *capacity * 2;
    void *moved = ctm_pages_grow(pages, *items, *capacity * item_size, grown * item_size);
    if (moved == NULL) {
        return CTM_ENOMEM;
    }
    *items = moved;
    *capacity = grown;
    return CTM_OK;
}

void ctm_array_shrink(struct ctm_pages *pages, void **items, uint32_t *capacity, uint32_t length,
                      uint32_t room, size_t item_size)
{
    uint32_t smaller = *capacity;
    uint32_t entries = length > room ? length : room;
    while (smaller / 4 > entries && smaller / 2 >= FIRST_BYTES / item_size) {
        smaller /= 2;
    }
    if (smaller == *capacity) {
        return;
    }
    void *moved = ctm_pages_grow(pages, *items, *capacity * item_size, smaller * item_size);
    if (moved != NULL) {
        *items = moved;
        *capacity = smaller;
    }
}
