/* What the traces of a snapshot add up to, by key. Internal to this floor. */
#ifndef CTM_SNAPSHOT_SUMS_H
#define CTM_SNAPSHOT_SUMS_H

#include "snapshot/keys.h"
#include "snapshot/totals.h"

struct ctm_sum {
    struct ctm_total total; /* without blocks: no trace has this key */
    /* What the key was taken from: the first stack in row order, or any of the strings or frames.
     */
    uint32_t from;
};

/*
 * Add each trace up under its keys into `sums`, which are all zero, one for each key. `key_of` is
 * the array of the snapshot's tables in struct ctm_keys. CTM_OK, CTM_ENOMEM, or CTM_ELIMIT if a sum
 * passes 64 bits. Linear in rows and tables.
 */
CTM_MUST_CHECK int ctm_sums_add(const struct ctm_snapshot *s, enum ctm_key key,
                                enum ctm_counting counting, const uint32_t *key_of,
                                size_t key_count, struct ctm_sum *sums);

/* What a sum by `key` stands for; the stack is for TRACEBACK, the frame for all other keys. */
struct ctm_place {
    bool no_frame;
    struct ctm_frame frame; /* what the key does not see is 0 */
    uint32_t stack;
};
struct ctm_place ctm_sum_place(const struct ctm_tables *t, enum ctm_key key, size_t key_id,
                               const struct ctm_sum *sum);

#endif
