/*
 * Places in a table with open addressing and linear probing, of any capacity under 2^32: the place
 * after the last is the first. And how large one is that grows by an eighth and shrinks.
 */
#ifndef CTM_ENGINE_RING_H
#define CTM_ENGINE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { CTM_RING_FIRST_CAPACITY = 1024 };

/* Where a hash of 32 bits belongs: one range mapped onto another without a division, nearly in the
 * order of the hashes. (Lemire, "Fast Random Integer Generation in an Interval", 2019.) */
static inline size_t ctm_ring_home(uint32_t hash, size_t capacity)
{
    return (size_t)((uint64_t)hash * capacity >> 32);
}

static inline size_t ctm_ring_next(size_t at, size_t capacity)
{
    return at + 1 == capacity ? 0 : at + 1;
}

/* How often ctm_ring_next leads from one place to another. */
static inline size_t ctm_ring_distance(size_t from, size_t to, size_t capacity)
{
    return to - from + (to < from ? capacity : 0);
}

/* Whether a table must grow before it takes one more: at a load of 5/6. */
static inline bool ctm_ring_is_full(size_t capacity, size_t used)
{
    /* That it is not half full is known without a division. */
    return CTM_UNLIKELY(used >= capacity / 2) && used >= capacity / 6 * 5;
}

/* 2^32 and more is too much. */
static inline size_t ctm_ring_larger(size_t capacity)
{
    return capacity == 0 ? CTM_RING_FIRST_CAPACITY : capacity + capacity / 8;
}

/* The capacity of a table after a removal: a quarter under a load of 1/8. */
static inline size_t ctm_ring_shrunk(size_t capacity, size_t used)
{
    if (CTM_LIKELY(used >= capacity / 8) || capacity <= CTM_RING_FIRST_CAPACITY) {
        return capacity;
    }
    size_t quarter = capacity / 4;
    return quarter > CTM_RING_FIRST_CAPACITY ? quarter : CTM_RING_FIRST_CAPACITY;
}

#endif
