/*
 * Live blocks counted by site and size. Internal to this floor.
 *
 * Blocks are first dealt out to their sites, 2 bytes each, with the tracer's gate held; each site's
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

/* The sizes of all blocks, those of one site next to each other, in the order of the sites. */
struct ctm_dealt {
    uint32_t *ends;    /* by site id: the end of the site's sizes. Pages of the caller's */
    uint16_t *sizes;   /* an entry for each block. UINT16_MAX: it is one of the large ones. Also */
    size_t sizes_size; /* bytes */
    struct ctm_item *large; /* owned. Key: the site; index: the size of a block */
    size_t large_length;
    size_t large_capacity;
    bool complete; /* no large one is missing */
};

/*
 * Deal out all blocks, fewer than 2^32; an item's index is a site, and all with live blocks are
 * among them. `ends` has the live blocks of each site, `sizes` has room, all else is zero. With the
 * gate held. CTM_ENOMEM.
 */
CTM_MUST_CHECK int ctm_deal(struct ctm_dealt *dealt, const struct ctm_tracer *tracer,
                            const struct ctm_item *sites, size_t length);
/* Also after a deal that failed. */
void ctm_dealt_deinit(struct ctm_dealt *dealt);

/*
 * Call `visit` for each pile until it returns an error, which is then returned. CTM_ENOMEM besides.
 * The items are those of the deal; such with equal keys stand next to each other and are counted as
 * one. Keys come in the order of the items, within each sizes in ascending order. What was counted
 * is given back to the system on the way: to be called once.
 */
CTM_MUST_CHECK int ctm_piles_each(struct ctm_dealt *dealt, const struct ctm_item *sites,
                                  size_t length, int (*visit)(void *context, struct ctm_pile pile),
                                  void *context);

#endif
