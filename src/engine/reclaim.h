/*
 * Giving back what belongs to no live stack: sites, nodes, frames and names.
 *
 * A site is kept while a block of it is live, or was at the current peak. The churn of the others
 * is folded into that of their lines (folded.h). A node is kept while it has a site or a child, a
 * frame while a node or an instruction of live code leads to it, a name while a frame, live code
 * or a folded line has it.
 *
 * One cycle is a pass over each table, cut into steps that the makers of sites do, so that nobody
 * waits for it: a step visits some entries and leaves the tables whole. Ids never change. What is
 * given back is out of use at once, and its id is used again: nobody may remember it. Blocks and
 * nodes count what they lead to. Instructions and threads remember nodes without being counted,
 * so what they remember is made harmless first:
 * - an instruction forgets a node that is idle when the pass over the instructions finds it so;
 * - all threads forget before the first node is given back, by a new generation of the tracer;
 * - a node that somebody asks for in a cycle, as who will remember it must, is kept in that cycle.
 *
 * What is given back and comes back is work for nothing: a recursion whose stacks are more than the
 * tables are to hold would make all of them anew each time. So the stacks of sites that went are
 * remembered as ghosts (ghosts.h). Where most of the sites made between two cycles are theirs,
 * twice as many nodes call for the next one, four times as many at most; where not, half as many
 * again.
 */
#ifndef CTM_ENGINE_RECLAIM_H
#define CTM_ENGINE_RECLAIM_H

#include "engine/tracer.h"

/* The tables were emptied. */
void ctm_reclaim_init(struct ctm_reclaim *reclaim);

/* There is something to do: a cycle is under way, or there are at least twice as many nodes as
 * were left. */
static inline bool ctm_reclaim_is_due(const struct ctm_tracer *tracer)
{
    return tracer->reclaim.pass != CTM_RECLAIM_IDLE ||
           tracer->stacks.node_index.used >= tracer->reclaim.at;
}

/*
 * Do a step. `node`, which the caller has just asked for, is kept. Visits at most `pace` entries
 * for the call and for each node that was made since the last step, apart from the shrinking of a
 * table that became far too large. Needs no memory to leave the tables whole, though with none it
 * gives back less.
 */
void ctm_reclaim_step_hook(struct ctm_tracer *tracer, uint32_t node);

/* A site of this node is about to be made. */
void ctm_reclaim_made_hook(struct ctm_tracer *tracer, uint32_t node);

#endif
