/* Differences between two snapshots, as stdlib's Snapshot.compare_to: same groups, same order. */
#ifndef CTM_SNAPSHOT_DIFF_H
#define CTM_SNAPSHOT_DIFF_H

#include "snapshot/group.h"

/* One group that is in the new snapshot, the old one, or both. */
struct ctm_diff {
    bool from_old; /* the key's ids (frame, stack) are of the old snapshot's tables */
    bool no_frame; /* as in struct ctm_group */
    struct ctm_frame frame;
    uint32_t stack;
    uint64_t size; /* in the new snapshot */
    uint64_t count;
    int64_t size_diff;
    int64_t count_diff;
};

struct ctm_diffs {
    size_t length;
    struct ctm_diff *items; /* owned; free with ctm_diffs_free */
};

/*
 * Sorted as stdlib sorts: descending by (|size_diff|, size, |count_diff|, count, traceback).
 * Strings are compared by text: the snapshots need not share tables. Errors and cost are those of
 * ctm_group; CTM_ELIMIT also where a difference does not fit its 63 bits.
 */
CTM_MUST_CHECK int ctm_diff(const struct ctm_snapshot *now, const struct ctm_snapshot *old,
                            enum ctm_key key, enum ctm_counting counting, struct ctm_diffs *out);
void ctm_diffs_free(struct ctm_diffs *diffs);

#endif
