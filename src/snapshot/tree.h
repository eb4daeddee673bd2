/*
 * The traces of a snapshot as a tree of calls: what flame graphs are drawn from.
 *
 * The root stands for all traces. Below it are the oldest frames of the stacks, below each frame
 * those that it called; inverted, the newest frames and below each those that called it. Stacks
 * that were cut begin at the oldest frame that was kept.
 */
#ifndef CTM_SNAPSHOT_TREE_H
#define CTM_SNAPSHOT_TREE_H

#include "snapshot/group.h"

/* In `parent` and `frame` of the root. */
#define CTM_TREE_NONE UINT32_MAX

/*
 * Arrays with an item for each node. Nodes are numbered in pre-order from the root, 0; those with
 * one parent in descending order of (size, count), then in the order of frames. So what is below a
 * node follows it, up to its end; its first child is the next node, a child's sibling is at its
 * end. Every node has blocks, but for the root of a snapshot without any.
 */
struct ctm_tree {
    uint32_t node_count; /* with the root */
    uint32_t frame_count;
    uint32_t *parents;
    uint32_t *labels;         /* indices into `frames` */
    uint32_t *ends;           /* the number after that of the last node below */
    uint64_t *sizes;          /* bytes of the stacks that go through the node */
    uint64_t *counts;         /* their blocks */
    uint64_t *own_sizes;      /* of the stacks that end with the node */
    uint64_t *own_counts;     /* their blocks */
    struct ctm_frame *frames; /* as in struct ctm_group, sorted; each is in some node */
};

/*
 * `key` says what tells frames apart: any but TRACEBACK, else CTM_EINVAL. CTM_ENOMEM; CTM_ELIMIT if
 * a sum does not fit 64 bits or there are 2^32 - 1 nodes. `out` is written only on CTM_OK, and then
 * freed with ctm_tree_free.
 *
 * Cost: linear in rows and tables, inverted in the frames of all stacks; plus a sort of the names
 * of files and functions.
 */
CTM_MUST_CHECK int ctm_tree_make(const struct ctm_snapshot *s, enum ctm_key key, bool inverted,
                                 struct ctm_tree *out);
void ctm_tree_free(struct ctm_tree *tree);

#endif
