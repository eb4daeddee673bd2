#include "snapshot/paths.h"

#define NONE CTM_NO_PATH

/* Links of the tree of paths, for a walk from the roots down. */
struct branch {
    uint32_t child; /* the first of those below */
    uint32_t sibling;
};

int ctm_paths_add(const struct ctm_tables *t, const uint32_t *place_of, struct ctm_pool *paths,
                  uint64_t seed, uint32_t *path_of)
{
    for (size_t i = 0; i < t->node_count; i++) {
        struct ctm_node node = t->nodes[i];
        struct ctm_path path = {
            .parent = node.parent == CTM_NO_NODE ? NONE : path_of[node.parent],
            .place = place_of[node.frame],
        };
        int status = ctm_pool_intern(paths, seed, &path, sizeof path, &path_of[i]);
        if (status != CTM_OK) {
            return status;
        }
    }
    return CTM_OK;
}

int ctm_paths_copy(const struct ctm_tables *t, const uint32_t *place_of, struct ctm_pool *paths,
                   uint32_t *path_of)
{
    struct ctm_path *items = ctm_array_new(t->node_count, sizeof *items);
    if (items == NULL) {
        return CTM_ENOMEM;
    }
    for (uint32_t i = 0; i < t->node_count; i++) {
        uint32_t parent = t->nodes[i].parent;
        items[i].parent = parent == CTM_NO_NODE ? NONE : parent;
        items[i].place = place_of[t->nodes[i].frame];
        path_of[i] = i;
    }
    paths->items = items;
    paths->count = t->node_count;
    return CTM_OK;
}

/*
 * Hang each path under its parent and return the first of those without one. Put in front of its
 * siblings in descending order, each leaves them in ascending order.
 */
static uint32_t link_paths(const struct ctm_path *paths, const uint32_t *list, size_t length,
                           struct branch *branches)
{
    uint32_t first = NONE;
    for (size_t i = 0; i < length; i++) {
        branches[list[i]].child = NONE;
    }
    for (size_t i = length; i-- > 0;) {
        uint32_t at = list[i];
        uint32_t parent = paths[at].parent;
        uint32_t *siblings = parent == NONE ? &first : &branches[parent].child;
        branches[at].sibling = *siblings;
        *siblings = at;
    }
    return first;
}

static void walk_paths(const struct ctm_path *paths, const struct branch *branches, uint32_t first,
                       uint32_t *ranks)
{
    uint32_t rank = 0;
    uint32_t at = first;
    while (at != NONE) {
        ranks[at] = ++rank;
        if (branches[at].child != NONE) {
            at = branches[at].child;
            continue;
        }
        while (at != NONE && branches[at].sibling == NONE) {
            at = paths[at].parent;
        }
        if (at != NONE) {
            at = branches[at].sibling;
        }
    }
}

int ctm_paths_rank(const struct ctm_path *paths, size_t path_count, const uint32_t *list,
                   size_t list_length, uint32_t *ranks)
{
    struct branch *branches = ctm_array_new(path_count, sizeof *branches);
    if (branches == NULL) {
        return CTM_ENOMEM;
    }
    walk_paths(paths, branches, link_paths(paths, list, list_length, branches), ranks);
    free(branches);
    return CTM_OK;
}
