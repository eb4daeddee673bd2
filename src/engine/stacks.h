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
 * Ids never change while their entry is there; those of entries that were given back (reclaim.h)
 * are used again, the lowest first.
 *
 * Guarded by the tracer's gate.
 */
#ifndef CTM_ENGINE_STACKS_H
#define CTM_ENGINE_STACKS_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/edges.h"
#include "engine/index.h"
#include "engine/names.h"

struct ctm_location_frame {
    uint32_t file; /* name id; of a free entry UINT32_MAX */
    uint32_t name; /* name id; of a free entry the next free one's id, or UINT32_MAX */
    uint32_t line;
    /* The low bits of the last cycle in which somebody asked for it, or was seen to need it. */
    uint32_t seen : 8;
    uint32_t birth : 24; /* which of all frames ever made it is, in its low bits */
};

#define CTM_FRAME_MAX UINT32_C(0x7fffffff) /* the largest frame id */
#define CTM_ROOT_BIT UINT32_C(0x80000000)
#define CTM_NO_SITE UINT32_C(0)

struct ctm_context {
    uint32_t parent; /* node id, or CTM_ROOT_BIT | frames left out; of a free one the next free */
    uint32_t frame;  /* frame id; of a free one UINT32_MAX */
    uint32_t site;   /* of the blocks of domain 0 allocated here, or CTM_NO_SITE */
    /* Child nodes, and sites of other domains. One that has ever had CTM_USERS_MAX is kept. */
    uint32_t users : 24;
    /* The low bits of the last cycle in which it was asked for: another's give it back later. */
    uint32_t seen : 8;
};

enum { CTM_USERS_MAX = (1 << 24) - 1 };

struct ctm_stacks {
    struct ctm_pages *pages;
    struct ctm_location_frame *frames; /* by frame id */
    uint32_t frame_length;
    uint32_t frame_capacity;
    uint32_t first_free_frame; /* UINT32_MAX: none */
    uint32_t frames_made;
    struct ctm_index frame_index;
    struct ctm_context *nodes; /* by node id */
    uint32_t node_length;
    uint32_t node_capacity;
    uint32_t first_free_node; /* UINT32_MAX: none */
    struct ctm_index node_index;
    struct ctm_edge *edges; /* NULL while there are no nodes */
    uint32_t cycle;         /* of giving back: see reclaim.h */
};

void ctm_stacks_init(struct ctm_stacks *stacks, struct ctm_pages *pages);

/* The id of a frame. CTM_ENOMEM, CTM_ELIMIT (2^31 frames). */
CTM_MUST_CHECK int ctm_stacks_frame(struct ctm_stacks *stacks, struct ctm_location_frame frame,
                                    uint32_t *id);

/* ctm_stacks_spot where no edge leads there. */
CTM_MUST_CHECK int ctm_stacks_child_slow(struct ctm_stacks *stacks, uint32_t parent, uint32_t frame,
                                         struct ctm_spot *spot);

/* The node of `frame` under `parent` (a node or a root), with its site in domain 0, maybe that of
 * some time ago. CTM_ENOMEM, CTM_ELIMIT (2^31 nodes). */
CTM_MUST_CHECK static inline int ctm_stacks_spot(struct ctm_stacks *stacks, uint32_t parent,
                                                 uint32_t frame, struct ctm_spot *spot)
{
    uint64_t key = ctm_edge_key(parent, frame);
    if (CTM_LIKELY(stacks->edges != NULL)) {
        const struct ctm_edge *edge = ctm_edges_place(stacks->edges, key);
        if (CTM_LIKELY(edge->key == key)) {
            *spot = edge->spot;
            return CTM_OK;
        }
    }
    return ctm_stacks_child_slow(stacks, parent, frame, spot);
}

/* The same without the site. */
CTM_MUST_CHECK int ctm_stacks_child(struct ctm_stacks *stacks, uint32_t parent, uint32_t frame,
                                    uint32_t *node);

/* The same by the index alone; UINT32_MAX: it is not there. */
uint32_t ctm_stacks_find(const struct ctm_stacks *stacks, uint32_t parent, uint32_t frame);

/* What was remembered of the node's site may be wrong: remember the one that it has. */
void ctm_stacks_learn_site(struct ctm_stacks *stacks, uint32_t node);

/* One more, and one less, that needs a node: a child, or a site of another domain than 0. */
void ctm_stacks_use(struct ctm_stacks *stacks, uint32_t node);
void ctm_stacks_leave(struct ctm_stacks *stacks, uint32_t node);

/* Nothing needs the node, though somebody may remember its id. */
static inline bool ctm_context_is_idle(const struct ctm_context *node)
{
    return node->site == CTM_NO_SITE && node->users == 0;
}

/* Note that a node, or a frame, was asked for. A node's cache line is not written to for what it
 * says already. */
static inline void ctm_stacks_see_node(struct ctm_stacks *stacks, uint32_t id)
{
    struct ctm_context *node = &stacks->nodes[id];
    if (CTM_UNLIKELY(node->seen != (stacks->cycle & 0xff))) {
        node->seen = stacks->cycle & 0xff;
    }
}

static inline void ctm_stacks_see_frame(struct ctm_stacks *stacks, uint32_t id)
{
    stacks->frames[id].seen = stacks->cycle & 0xff;
}

/* Give an entry back; one that is free already becomes the next to be used. A node must be idle,
 * and a frame be of no node. */
void ctm_stacks_free_node(struct ctm_stacks *stacks, uint32_t id);
void ctm_stacks_free_frame(struct ctm_stacks *stacks, uint32_t id);

/* Give back what array and index have too much, while they are to have room for so many. */
void ctm_stacks_shrink_nodes(struct ctm_stacks *stacks, uint32_t room);
void ctm_stacks_shrink_frames(struct ctm_stacks *stacks, uint32_t room);

static inline bool ctm_stacks_is_free_node(const struct ctm_stacks *stacks, uint32_t id)
{
    return stacks->nodes[id].frame == UINT32_MAX;
}

static inline bool ctm_stacks_is_free_frame(const struct ctm_stacks *stacks, uint32_t id)
{
    return stacks->frames[id].file == UINT32_MAX;
}

/* Whether the last cycle in which a frame was needed is the current one, or 256 before it. */
static inline bool ctm_stacks_is_seen_frame(const struct ctm_stacks *stacks, uint32_t id)
{
    return stacks->frames[id].seen == (stacks->cycle & 0xff);
}

static inline uint32_t ctm_stacks_root(uint32_t left_out)
{
    return CTM_ROOT_BIT | left_out;
}

static inline bool ctm_stacks_is_root(uint32_t parent)
{
    return (parent & CTM_ROOT_BIT) != 0;
}

#endif
