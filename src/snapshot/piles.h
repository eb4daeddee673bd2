/*
 * Live blocks counted by site and size. Internal to this floor.
 *
 * Blocks are first dealt out to their sites, 4 bytes each, with the tracer's gate held; each site's
 * sizes are counted on their own, without it: in one table for all, nearly every block would miss
 * the cache.
 */
#ifndef CTM_SNAPSHOT_PILES_H
#define CTM_SNAPSHOT_PILES_H

#include "engine/tracer.h"
#include "snapshot/sort.h"

/* Blocks of one key and one size. */
struct ctm_pile {
    uint64_t key;
    uint64_t size;
    uint64_t count; /* not 0 */
};

struct ctm_large_block; /* its size has no 32 bits */

/* The sizes of all blocks, those of one site next to each other. */
struct ctm_dealt {
    uint32_t *sizes;   /* the caller's pages: an entry for each block. UINT32_MAX: a large one */
    size_t sizes_size; /* bytes */
    uint32_t *ends;    /* by site id: the end of the site's sizes, where the next one's begin */
    struct ctm_large_block *large;
    size_t large_length;
    size_t large_capacity;
    bool complete; /* no large one is missing */
};

/*
 * Deal out all blocks: `sizes` is set, all else zero. `ends` comes from `scratch` and goes with it.
 * With the gate held. CTM_ENOMEM, CTM_ELIMIT (2^32 blocks).
 */
CTM_MUST_CHECK int ctm_deal(struct ctm_dealt *dealt, const struct ctm_tracer *tracer,
                            struct ctm_pages *scratch);
/* Also after a deal that failed. */
void ctm_dealt_deinit(struct ctm_dealt *dealt);

/*
 * Call `visit` for each pile until it returns an error, which is then returned. CTM_ENOMEM besides.
 * An item's index is a site; items with equal keys stand next to each other and are counted as one.
 * Keys come in the order of the items, within each sizes in ascending order.
 */
CTM_MUST_CHECK int ctm_piles_each(const struct ctm_dealt *dealt, const struct ctm_item *sites,
                                  size_t length, int (*visit)(void *context, struct ctm_pile pile),
                                  void *context);

#endif
