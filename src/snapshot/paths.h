/*
 * Trees of places: what is left of a tree of frames when only part of a frame counts, such as its
 * file and line. Internal to this floor.
 */
#ifndef CTM_SNAPSHOT_PATHS_H
#define CTM_SNAPSHOT_PATHS_H

#include "snapshot/pool.h"
#include "snapshot/snapshot.h"

#define CTM_NO_PATH UINT32_MAX

/* The places from a root down to `place`. */
struct ctm_path {
    uint32_t parent; /* of the paths, less than the own number; CTM_NO_PATH: there is none */
    uint32_t place;
};

/*
 * The path of each node; nodes that are one path share it, also those of several tables that are
 * added to one pool. `place_of` is by frame id. CTM_OK, CTM_ENOMEM or CTM_ELIMIT.
 */
CTM_MUST_CHECK int ctm_paths_add(const struct ctm_tables *t, const uint32_t *place_of,
                                 struct ctm_pool *paths, uint64_t seed, uint32_t *path_of);

/* The same into an empty pool, where no two frames are one place: then no two nodes are one path.
 * Nothing can be interned afterwards. */
CTM_MUST_CHECK int ctm_paths_copy(const struct ctm_tables *t, const uint32_t *place_of,
                                  struct ctm_pool *paths, uint32_t *path_of);

/*
 * Number paths from 1 so that each comes right before all that is below it (in pre-order), those
 * under one parent in the order of `list`: the paths that are numbered, each of them once, no path
 * without its parent. `ranks` is by path. CTM_OK or CTM_ENOMEM. Linear.
 */
CTM_MUST_CHECK int ctm_paths_rank(const struct ctm_path *paths, size_t path_count,
                                  const uint32_t *list, size_t list_length, uint32_t *ranks);

#endif
