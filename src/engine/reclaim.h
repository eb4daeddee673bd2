/*
 * Giving back what belongs to no live stack: sites, nodes, frames, names and their indices.
 *
 * A site is kept while a block of it is live, or was at the current peak. Of the others the churn
 * is folded into a site of the same domain whose stack is one frame under CTM_FOLDED_ROOT: the
 * line, and when there are CTM_FOLDED_LINES of these, the file (line 0), and when there are
 * CTM_FOLDED_FILES of these, a file named "<given back>". So the sums over all sites stay exact,
 * always.
 *
 * Nodes, frames and names are packed: their ids change, their order does not, so that a parent
 * still comes before its children. Site ids, which live blocks hold, never change.
 */
#ifndef CTM_ENGINE_RECLAIM_H
#define CTM_ENGINE_RECLAIM_H

#include "engine/tracer.h"

/*
 * Give back, and set when to do it next: when there are twice as many nodes as are left. Linear in
 * the tables, so constant for each node that was added. Ids of nodes, frames and names are void
 * afterwards, but for `keep`: its new id is returned. Needs no memory to leave the tables whole,
 * though with none it gives back less.
 */
uint32_t ctm_tracer_reclaim_hook(struct ctm_tracer *tracer, uint32_t keep);

#endif
