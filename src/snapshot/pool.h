/*
 * Interned items of one fixed size: equal bytes have one id, ids count from 0. Items must have no
 * padding. Internal to this floor; for one thread at a time.
 */
#ifndef CTM_SNAPSHOT_POOL_H
#define CTM_SNAPSHOT_POOL_H

#include <stdlib.h>
#include <string.h>

#include "snapshot/array.h"
#include "snapshot/hash.h"
#include "snapshot/lookup.h"

/* No table numbers more: UINT32_MAX stays free as a mark, and ids + 1 fit 32 bits. */
#define CTM_MOST_IDS ((size_t)UINT32_MAX - 1)

/* All zero is an empty pool. */
struct ctm_pool {
    void *items; /* owned */
    size_t count;
    size_t capacity;
    struct ctm_lookup lookup;
};

/* Make the array hold `capacity` items. CTM_OK or CTM_ENOMEM, and then nothing has changed. */
CTM_MUST_CHECK static inline int ctm_pool_reserve(struct ctm_pool *pool, size_t capacity,
                                                  size_t size)
{
    if (capacity <= pool->capacity) {
        return CTM_OK;
    }
    void *grown = capacity > SIZE_MAX / size ? NULL : realloc(pool->items, capacity * size);
    if (grown == NULL) {
        return CTM_ENOMEM;
    }
    pool->items = grown;
    pool->capacity = capacity;
    return CTM_OK;
}

/* Append an item without a look at those that are there. CTM_OK, CTM_ENOMEM or CTM_ELIMIT. */
CTM_MUST_CHECK static inline int ctm_pool_append(struct ctm_pool *pool, const void *item,
                                                 size_t size, uint32_t *id)
{
    if (CTM_UNLIKELY(pool->count == CTM_MOST_IDS)) {
        return CTM_ELIMIT;
    }
    if (CTM_UNLIKELY(pool->count == pool->capacity)) {
        void *grown = ctm_array_grow(pool->items, &pool->capacity, size);
        if (grown == NULL) {
            return CTM_ENOMEM;
        }
        pool->items = grown;
    }
    memcpy((char *)pool->items + pool->count * size, item, size);
    *id = (uint32_t)pool->count++;
    return CTM_OK;
}

/*
 * The id of the item equal to `item`, added if it is new. CTM_OK, CTM_ENOMEM or CTM_ELIMIT. `size`
 * is the same constant in every call on a pool: inlined, comparing and hashing take a few
 * instructions.
 */
CTM_MUST_CHECK static inline int ctm_pool_intern(struct ctm_pool *pool, uint64_t seed,
                                                 const void *item, size_t size, uint32_t *id)
{
    int status = ctm_lookup_reserve(&pool->lookup);
    if (CTM_UNLIKELY(status != CTM_OK)) {
        return status;
    }
    struct ctm_probe probe = ctm_lookup_probe(&pool->lookup, ctm_hash(item, size, seed));
    uint32_t known;
    while (ctm_lookup_next(&pool->lookup, &probe, &known)) {
        if (memcmp((const char *)pool->items + known * size, item, size) == 0) {
            *id = known;
            return CTM_OK;
        }
    }
    status = ctm_pool_append(pool, item, size, id);
    if (CTM_UNLIKELY(status != CTM_OK)) {
        return status;
    }
    ctm_lookup_put(&pool->lookup, &probe, *id);
    return CTM_OK;
}

/* Frees the items too, unless they were taken out (set to NULL). */
static inline void ctm_pool_deinit(struct ctm_pool *pool)
{
    free(pool->items);
    ctm_lookup_deinit(&pool->lookup);
    pool->items = NULL;
    pool->count = 0;
    pool->capacity = 0;
}

#endif
