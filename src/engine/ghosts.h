/*
 * Ghosts: what was given back not long ago, so that giving back can tell whether it comes back.
 *
 * Hashes in two sets that forget which they are: one bit a hash in a set, so that some are found
 * that were never there. When one set is full, the other one is emptied and filled: the last 32,768
 * hashes are known, and no more than twice as many. What comes back later than that would not be
 * there either if the tables held all that they may. (Bloom, "Space/Time Trade-offs in Hash Coding
 * with Allowable Errors", CACM 1970; of caches that remember what they dropped: Megiddo, Modha,
 * "ARC", FAST 2003.) Guarded by the tracer's gate.
 */
#ifndef CTM_ENGINE_GHOSTS_H
#define CTM_ENGINE_GHOSTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/pages.h"

struct ctm_ghosts {
    struct ctm_pages *pages;
    uint64_t *sets[2]; /* that which is filled first; NULL: nothing was ever added */
    uint32_t added;    /* to that set */
    uint32_t made;     /* hashes that were asked for since the last judgement */
    uint32_t returned; /* of which so many were in a set */
};

void ctm_ghosts_init(struct ctm_ghosts *ghosts, struct ctm_pages *pages);

/* Without memory nothing is added. */
void ctm_ghosts_add(struct ctm_ghosts *ghosts, uint64_t hash);

/* Something with this hash was made. Something must have been added. */
void ctm_ghosts_ask(struct ctm_ghosts *ghosts, uint64_t hash);

/* Whether most of what was made since the last judgement had been given back before. */
bool ctm_ghosts_judge(struct ctm_ghosts *ghosts);

#endif
