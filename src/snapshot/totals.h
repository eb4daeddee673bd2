/* What the rows of each stack add up to. Internal to this floor. */
#ifndef CTM_SNAPSHOT_TOTALS_H
#define CTM_SNAPSHOT_TOTALS_H

#include "snapshot/snapshot.h"

struct ctm_total {
    uint64_t size;  /* bytes of all blocks */
    uint64_t count; /* blocks */
};

/* True if a sum is over 64 bits. */
static inline bool ctm_total_add(struct ctm_total *total, struct ctm_total more)
{
    bool size_over = __builtin_add_overflow(total->size, more.size, &total->size);
    bool count_over = __builtin_add_overflow(total->count, more.count, &total->count);
    return size_over || count_over;
}

struct ctm_stack_totals {
    struct ctm_total *of; /* by stack id */
    uint32_t *present;    /* the stacks that have rows, in the order of their first rows */
    size_t present_count;
};

/*
 * CTM_OK, CTM_ENOMEM, or CTM_ELIMIT if a sum passes 64 bits. To be deinitialized in any case.
 * Linear in rows and stacks.
 */
CTM_MUST_CHECK int ctm_stack_totals_init(struct ctm_stack_totals *totals,
                                         const struct ctm_snapshot *s);
void ctm_stack_totals_deinit(struct ctm_stack_totals *totals);

#endif
