/*
 * From the tracer to a snapshot: one pass over the blocks.
 *
 * Every call needs the tracer's gate held. Memory comes from malloc: not to be called inside an
 * allocator hook. Cost: linear in blocks, sites and the frames of their stacks.
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

/* All live blocks, in the documented order of ctm_builder_merge_rows. CTM_ENOMEM, CTM_ELIMIT. */
CTM_MUST_CHECK int ctm_take_snapshot(const struct ctm_tracer *tracer,
                                     const struct ctm_take_options *options,
                                     struct ctm_snapshot **out);

/*
 * What the sites have counted: a kind other than CTM_KIND_LIVE. At most two rows for each (domain,
 * stack), in the same order. CTM_ENOMEM, CTM_ELIMIT. Linear in sites and the frames of their
 * stacks, plus a sort of the sites.
 */
CTM_MUST_CHECK int ctm_take_totals(const struct ctm_tracer *tracer,
                                   const struct ctm_take_options *options, enum ctm_kind kind,
                                   struct ctm_snapshot **out);

/* The one block at (domain, address): a snapshot with one row, or with none if it has no trace. */
CTM_MUST_CHECK int ctm_take_block(const struct ctm_tracer *tracer,
                                  const struct ctm_take_options *options, uint32_t domain,
                                  uintptr_t address, struct ctm_snapshot **out);

#endif
