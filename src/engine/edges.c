#include "engine/edges.h"

#include <string.h>

struct ctm_edge *ctm_edges_new(struct ctm_pages *pages)
{
    struct ctm_edge *edges = ctm_pages_map(pages, CTM_EDGE_COUNT * sizeof *edges);
    ctm_edges_clear(edges);
    return edges;
}

void ctm_edges_clear(struct ctm_edge *edges)
{
    if (edges != NULL) {
        memset(edges, 0xff, CTM_EDGE_COUNT * sizeof *edges);
    }
}
