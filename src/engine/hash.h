/* Mixing of fixed-size keys for the engine's tables. */
#ifndef CTM_ENGINE_HASH_H
#define CTM_ENGINE_HASH_H

#include <stdint.h>

/* Fibonacci hashing: the high bits of the product depend on every bit of the key. (Knuth, The Art
 * of Computer Programming, vol. 3, 6.4.) */
static inline uint64_t ctm_hash_product(uint64_t key)
{
    return key * UINT64_C(0x9E3779B97F4A7C15);
}

/* With the halves of the product folded. */
static inline uint64_t ctm_hash_u64(uint64_t key)
{
    key = ctm_hash_product(key);
    return key ^ (key >> 32);
}

static inline uint64_t ctm_hash_pair(uint32_t a, uint32_t b)
{
    return ctm_hash_u64(((uint64_t)a << 32 | b) ^ ((uint64_t)b * UINT64_C(0xC2B2AE3D27D4EB4F)));
}

#endif
