/* The hash of this floor: XXH3, compiled in, so that short keys of constant size cost little. */
#ifndef CTM_SNAPSHOT_HASH_H
#define CTM_SNAPSHOT_HASH_H

#include <stddef.h>
#include <stdint.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* With a seed of ctm_os_random() nobody can choose what is hashed so that it collides. */
static inline uint64_t ctm_hash(const void *bytes, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, size, seed);
}

#endif
