/*
 * A stable sort by 64-bit keys, in linear time. Several keys are sorted by from the least
 * important to the most, the keys set anew before each. Internal to this floor.
 */
#ifndef CTM_SNAPSHOT_SORT_H
#define CTM_SNAPSHOT_SORT_H

#include <stddef.h>
#include <stdint.h>

struct ctm_item {
    uint64_t key;
    uint64_t index; /* of what is sorted, or anything that goes with the key */
};

/* Ascending by key. `spare` has room for `n` items; its content is lost. */
void ctm_sort(struct ctm_item *items, struct ctm_item *spare, size_t n);

#endif
