/*
 * Trees of places: what is left of a tree of frames when only part of a frame counts, such as its
 * file and line. Internal to this floor.
 *
 * Paths are made for nodes, one for each, and two nodes may have equal ones. Interning them by a
 * hash table would wait for memory at nearly every node; instead they are listed by place, and
 * hung under their parents in that order, so that equal ones meet. That is linear, and most of
 * what it reads lies in a row.
 */
#ifndef CTM_SNAPSHOT_PATHS_H
#define CTM_SNAPSHOT_PATHS_H

#include <stddef.h>
#include <stdint.h>

#include "snapshot/snapshot.h"

#define CTM_NO_PATH UINT32_MAX

/* The places from a root down to `place`. */
struct ctm_path {
    uint32_t parent; /* of the paths, less than the own number; CTM_NO_PATH: there is none */
    uint32_t place;
};

/* Of a node, if its caller's path has the caller's number. */
static inline struct ctm_path ctm_path_of_node(const struct ctm_tables *t, const uint32_t *place_of,
                                               size_t node)
{
    uint32_t parent = t->nodes[node].parent;
    return (struct ctm_path){
        .parent = parent == CTM_NO_NODE ? CTM_NO_PATH : parent,
        .place = place_of[t->nodes[node].frame],
    };
}

/* The path of each node, which has the node's number. `place_of` is by frame id. */
void ctm_paths_of_nodes(const struct ctm_tables *t, const uint32_t *place_of,
                        struct ctm_path *paths);

/*
 * The paths of another table's nodes, among the `*count` that are there. Many nodes of a later
 * snapshot are in the order of an earlier one's: where they are, it is found without a search that
 * they have the same path. The others get new ones, for which `paths` has room; these may be equal
 * to some that are there. CTM_OK or CTM_ENOMEM.
 */
CTM_MUST_CHECK int ctm_paths_match_nodes(const struct ctm_tables *t, const uint32_t *place_of,
                                         struct ctm_path *paths, size_t *count, uint32_t *path_of);

/*
 * Find the paths that are equal: `same_as` has for each the least number of them, and all have such
 * parents afterwards. Places are less than `place_count`. CTM_OK or CTM_ENOMEM. Linear.
 */
CTM_MUST_CHECK int ctm_paths_merge(struct ctm_path *paths, size_t count, size_t place_count,
                                   uint32_t *same_as);

/*
 * The same, and number paths from 1 so that each comes right before all that is below it (in
 * pre-order), those under one parent by place. Equal ones have one rank; `most` is the highest.
 */
CTM_MUST_CHECK int ctm_paths_merge_and_rank(struct ctm_path *paths, size_t count,
                                            size_t place_count, uint32_t *ranks, uint32_t *most);

/*
 * Number paths of which no two are equal in pre-order, those under one parent in the order of
 * `list`: the paths that are numbered, each of them once, no path without its parent. `ranks` is by
 * path. CTM_OK or CTM_ENOMEM. Linear.
 */
CTM_MUST_CHECK int ctm_paths_rank(const struct ctm_path *paths, size_t path_count,
                                  const uint32_t *list, size_t list_length, uint32_t *ranks);

#endif
