/* What the traces of a snapshot add up to, by key. Internal to this floor. */
#ifndef CTM_SNAPSHOT_SUMS_H
#define CTM_SNAPSHOT_SUMS_H

#include "snapshot/keys.h"

struct ctm_sum {
    uint64_t size;
    uint64_t count; /* 0: no trace has this key */
    /* What the key was taken from: the first stack in row order, or any of the strings or frames.
     */
    uint32_t from;
};

/*
 * Add each trace up under its key into `sums`, which are all zero and as many as there are keys.
 * `key_of` is the array of the snapshot's tables in struct ctm_keys. CTM_OK, CTM_ENOMEM, or
 * CTM_ELIMIT if a sum passes 64 bits. Linear in rows and tables.
 */
CTM_MUST_CHECK int ctm_sums_add(const struct ctm_snapshot *s, enum ctm_key key, bool cumulative,
                                const uint32_t *key_of, struct ctm_sum *sums);

/* The string and the line that a sum by `key` stands for; the stack is for TRACEBACK. */
struct ctm_place {
    bool no_frame;
    uint32_t file;
    uint32_t line;
    uint32_t stack;
};
struct ctm_place ctm_sum_place(const struct ctm_tables *t, enum ctm_key key, size_t key_id,
                               const struct ctm_sum *sum);

#endif
