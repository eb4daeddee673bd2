/*
 * Edges: a cache in front of the calling-context tree, from (parent, frame) to the child and its
 * site. The tree's own index takes two looks into large tables; most calls lead along few edges.
 *
 * Direct-mapped: an edge takes the place of another. Whoever gives nodes or sites back clears the
 * cache (reclaim.h says when). Guarded by the tracer's gate.
 */
#ifndef CTM_ENGINE_EDGES_H
#define CTM_ENGINE_EDGES_H

#include <stddef.h>
#include <stdint.h>

#include "base/pages.h"
#include "engine/hash.h"

/* A stack's node, and the site that its blocks of domain 0 were counted at last: to be looked at
 * before it is used (ctm_site_is_of), since sites are given back. */
struct ctm_spot {
    uint32_t node;
    uint32_t site;
};

struct ctm_edge {
    uint64_t key; /* parent << 32 | frame; UINT64_MAX: none */
    struct ctm_spot spot;
};

enum { CTM_EDGE_BITS = 11, CTM_EDGE_COUNT = 1 << CTM_EDGE_BITS };

/* NULL when there is no memory. */
struct ctm_edge *ctm_edges_new(struct ctm_pages *pages);
/* Forget all; `edges` may be NULL. */
void ctm_edges_clear(struct ctm_edge *edges);

static inline uint64_t ctm_edge_key(uint32_t parent, uint32_t frame)
{
    return (uint64_t)parent << 32 | frame;
}

/* Where an edge is, if it is there. */
static inline struct ctm_edge *ctm_edges_place(struct ctm_edge *edges, uint64_t key)
{
    return &edges[ctm_hash_product(key) >> (64 - CTM_EDGE_BITS)];
}

#endif
