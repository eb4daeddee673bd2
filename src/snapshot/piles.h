/*
 * Live blocks counted by site and size. Internal to this floor.
 *
 * Blocks are first dealt out to their sites, 8 bytes each, then each site's sizes are counted on
 * their own: in one table for all, nearly every block would miss the cache.
 */
#ifndef CTM_SNAPSHOT_PILES_H
#define CTM_SNAPSHOT_PILES_H

#include "engine/tracer.h"

/* Blocks of one site and one size. */
struct ctm_pile {
    uint32_t site;
    uint64_t size;
    uint64_t count; /* not 0 */
};

/*
 * Call `visit` for each pile, sites in ascending order, until it returns an error, which is then
 * returned. CTM_ENOMEM besides. The tracer's gate must be held.
 */
CTM_MUST_CHECK int ctm_piles_each(const struct ctm_tracer *tracer,
                                  int (*visit)(void *context, struct ctm_pile pile), void *context);

#endif
