/* Which entries of a snapshot's tables its rows lead to, and their numbers when only these stay. */
#ifndef CTM_FORMAT_USED_H
#define CTM_FORMAT_USED_H

#include "snapshot/snapshot.h"

#define CTM_UNUSED UINT32_MAX

/* New ids by old id, in the same order; CTM_UNUSED where no row leads. String 0 is always 0. */
struct ctm_used {
    uint32_t *strings; /* owned, with the three others in one piece; free with ctm_used_free */
    uint32_t *frames;
    uint32_t *nodes;
    uint32_t *stacks;
    uint32_t string_count;
    uint32_t frame_count;
    uint32_t node_count;
    uint32_t stack_count;
};

/* CTM_OK or CTM_ENOMEM. Cost: one pass over rows and tables. */
CTM_MUST_CHECK int ctm_used_find(const struct ctm_snapshot *s, struct ctm_used *used);
void ctm_used_free(struct ctm_used *used);

#endif
