/*
 * Places in a table with open addressing and linear probing, of any capacity under 2^32: the place
 * after the last is the first.
 */
#ifndef CTM_ENGINE_RING_H
#define CTM_ENGINE_RING_H

#include <stddef.h>
#include <stdint.h>

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

#endif
