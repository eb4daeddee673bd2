/*
 * Frames and stacks: a calling-context tree.
 *
 * A frame is (file, function name, line). A node is a frame under a parent node, its caller; a
 * node stands for the frames from its root down to it. (Ammons, Ball, Larus, "Exploiting Hardware
 * Performance Counters with Flow and Context Sensitive Profiling", PLDI 1997.) Nothing is ever
 * hashed twice for levels that did not change: to name a stack, one child is looked up for each
 * level that did.
 *
 * A root is not a node but a number: how many older frames were left out below the oldest frame
 * of the path. So a node knows the depth of the whole stack that it was captured from.
 *
 * Guarded by the tracer's gate.
 */
#ifndef CTM_ENGINE_STACKS_H
#define CTM_ENGINE_STACKS_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/index.h"
#include "engine/names.h"

struct ctm_location_frame {
    uint32_t file; /* name id */
    uint32_t name; /* name id */
    uint32_t line;
};

#define CTM_ROOT_BIT UINT32_C(0x80000000)
#define CTM_NO_SITE UINT32_C(0)
/* The root of what is known without its callers: see reclaim.h. */
#define CTM_FOLDED_ROOT UINT32_MAX

struct ctm_context {
    uint32_t parent; /* node id, or CTM_ROOT_BIT | frames left out */
    uint32_t frame;  /* frame id */
    uint32_t site;   /* of the blocks of domain 0 allocated here, or CTM_NO_SITE */
};

struct ctm_stacks {
    struct ctm_pages *pages;
    struct ctm_location_frame *frames; /* by frame id */
    uint32_t frame_length;
    uint32_t frame_capacity;
    struct ctm_index frame_index;
    struct ctm_context *nodes; /* by node id */
    uint32_t node_length;
    uint32_t node_capacity;
    struct ctm_index node_index;
};

void ctm_stacks_init(struct ctm_stacks *stacks, struct ctm_pages *pages);

/* The id of a frame. CTM_ENOMEM, CTM_ELIMIT. */
CTM_MUST_CHECK int ctm_stacks_frame(struct ctm_stacks *stacks, struct ctm_location_frame frame,
                                    uint32_t *id);

/* The node of `frame` under `parent` (a node or a root). CTM_ENOMEM, CTM_ELIMIT (2^31 nodes). */
CTM_MUST_CHECK int ctm_stacks_child(struct ctm_stacks *stacks, uint32_t parent, uint32_t frame,
                                    uint32_t *node);

/* The same if it is there already, else UINT32_MAX. */
uint32_t ctm_stacks_find(const struct ctm_stacks *stacks, uint32_t parent, uint32_t frame);

/* Index frames and nodes anew, after their ids have changed; give back what the arrays have too
 * much. */
void ctm_stacks_reindex(struct ctm_stacks *stacks);

static inline uint32_t ctm_stacks_root(uint32_t left_out)
{
    return CTM_ROOT_BIT | left_out;
}

static inline bool ctm_stacks_is_root(uint32_t parent)
{
    return (parent & CTM_ROOT_BIT) != 0;
}

/* Frames of the whole stack that `node` was captured from: walks to the root. UINT32_MAX under
 * CTM_FOLDED_ROOT: nobody knows. */
uint32_t ctm_stacks_depth(const struct ctm_stacks *stacks, uint32_t node);

#endif
