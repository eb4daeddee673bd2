/*
 * From the tracer to a snapshot: one pass over the blocks.
 *
 * Memory comes from malloc and from pages of the OS: not to be called inside an allocator hook.
 * Cost: linear in blocks, sites, the nodes of the tracer and the frames of live stacks.
 */
#ifndef CTM_SNAPSHOT_TAKE_H
#define CTM_SNAPSHOT_TAKE_H

#include "engine/tracer.h"
#include "snapshot/snapshot.h"

struct ctm_take_options {
    uint32_t nframe;      /* stacks are cut to their newest frames; at least 1 */
    bool total_nframe;    /* whether nodes know the depth of the whole stack */
    uint32_t total_limit; /* the largest total_nframe: deeper stacks say this */
};

/*
 * All that was live at one moment, on the way to a snapshot: what needs the gate is done, and
 * what can be done without is not.
 */
struct ctm_moment;

/* With the tracer's gate held. CTM_ENOMEM, CTM_ELIMIT. */
CTM_MUST_CHECK int ctm_take_moment(const struct ctm_tracer *tracer,
                                   const struct ctm_take_options *options, struct ctm_moment **out);

/*
 * The snapshot of a moment, which is consumed, also on failure; its rows in the documented order of
 * ctm_builder_merge_rows. Needs no lock. CTM_ENOMEM, CTM_ELIMIT.
 */
CTM_MUST_CHECK int ctm_moment_snapshot(struct ctm_moment *moment, struct ctm_snapshot **out);

/*
 * What the sites have counted: a kind other than CTM_KIND_LIVE. At most two rows for each (domain,
 * stack), in the same order. With the tracer's gate held. CTM_ENOMEM, CTM_ELIMIT. Linear in sites,
 * nodes and the frames of their stacks.
 */
CTM_MUST_CHECK int ctm_take_totals(const struct ctm_tracer *tracer,
                                   const struct ctm_take_options *options, enum ctm_kind kind,
                                   struct ctm_snapshot **out);

/* The one block at (domain, address): a snapshot with one row, or with none if it has no trace. It
 * does not say how many blocks were live. With the tracer's gate held. */
CTM_MUST_CHECK int ctm_take_block(const struct ctm_tracer *tracer,
                                  const struct ctm_take_options *options, uint32_t domain,
                                  uintptr_t address, struct ctm_snapshot **out);

#endif
