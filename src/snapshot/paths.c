#include "snapshot/paths.h"

#include <stdlib.h>
#include <string.h>

#include "snapshot/array.h"

#define NONE CTM_NO_PATH

/* Links of the tree of paths, for a walk from the roots down. */
struct branch {
    uint32_t child; /* the first of those below */
    uint32_t sibling;
};

void ctm_paths_of_nodes(const struct ctm_tables *t, const uint32_t *place_of,
                        struct ctm_path *paths)
{
    for (size_t i = 0; i < t->node_count; i++) {
        paths[i] = ctm_path_of_node(t, place_of, i);
    }
}

/* All numbers below `count`, and room to sort them by keys of which each is less than `most`. */
struct sorter {
    size_t count;
    uint32_t *keys; /* by number */
    uint32_t *list;
    uint32_t *sorted;
    size_t *starts; /* by key */
};

static void sorter_deinit(struct sorter *s)
{
    free(s->keys);
    free(s->list);
    free(s->sorted);
    free(s->starts);
}

static int sorter_init(struct sorter *s, size_t count, size_t most)
{
    *s = (struct sorter){
        .count = count,
        .keys = ctm_array_new(count, sizeof *s->keys),
        .list = ctm_array_new(count, sizeof *s->list),
        .sorted = ctm_array_new(count, sizeof *s->sorted),
        .starts = ctm_array_new(most, sizeof *s->starts),
    };
    if (s->keys == NULL || s->list == NULL || s->sorted == NULL || s->starts == NULL) {
        sorter_deinit(s);
        return CTM_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        s->list[i] = (uint32_t)i;
    }
    return CTM_OK;
}

/* Sort the list by ascending keys, of which each is less than `most`. Stable. */
static void sort_by_keys(struct sorter *s, size_t most)
{
    memset(s->starts, 0, most * sizeof *s->starts);
    for (size_t i = 0; i < s->count; i++) {
        s->starts[s->keys[i]]++;
    }
    size_t start = 0;
    for (size_t key = 0; key < most; key++) {
        size_t here = s->starts[key];
        s->starts[key] = start;
        start += here;
    }
    for (size_t i = 0; i < s->count; i++) {
        s->sorted[s->starts[s->keys[s->list[i]]]++] = s->list[i];
    }
    uint32_t *sorted = s->sorted;
    s->sorted = s->list;
    s->list = sorted;
}

/* Make the keys the numbers of paths above; returns how many keys there are. */
static size_t measure_levels(const struct ctm_path *paths, struct sorter *s)
{
    uint32_t deepest = 0;
    for (size_t i = 0; i < s->count; i++) {
        s->keys[i] = paths[i].parent == NONE ? 0 : s->keys[paths[i].parent] + 1;
        deepest = s->keys[i] > deepest ? s->keys[i] : deepest;
    }
    return (size_t)deepest + 1;
}

/* List paths level by level from the roots on, those of a level by descending place. */
static int list_by_level(const struct ctm_path *paths, size_t count, size_t place_count,
                         struct sorter *s)
{
    /* No path is on a deeper level than there are paths. */
    int status = sorter_init(s, count, count > place_count ? count : place_count);
    if (status == CTM_OK) {
        for (size_t i = 0; i < count; i++) {
            s->keys[i] = (uint32_t)(place_count - 1) - paths[i].place;
        }
        sort_by_keys(s, place_count);
        sort_by_keys(s, measure_levels(paths, s));
    }
    return status;
}

/*
 * Hang each path under its parent and return the first of those without one. Put in front of its
 * siblings in descending order, each leaves them in ascending order; and an equal one is in front.
 */
static uint32_t link_distinct(struct ctm_path *paths, const struct sorter *s,
                              struct branch *branches, uint32_t *same_as)
{
    uint32_t first = NONE;
    for (size_t i = 0; i < s->count; i++) {
        uint32_t at = s->list[i];
        struct ctm_path *path = &paths[at];
        uint32_t *siblings = &first;
        if (path->parent != NONE) {
            path->parent = same_as[path->parent];
            siblings = &branches[path->parent].child;
        }
        if (*siblings != NONE && paths[*siblings].place == path->place) {
            same_as[at] = *siblings;
        } else {
            same_as[at] = at;
            branches[at] = (struct branch){.child = NONE, .sibling = *siblings};
            *siblings = at;
        }
    }
    return first;
}

int ctm_paths_merge(struct ctm_path *paths, size_t count, size_t place_count, uint32_t *same_as)
{
    struct sorter by_level;
    struct branch *branches = ctm_array_new(count, sizeof *branches);
    int status =
        branches == NULL ? CTM_ENOMEM : list_by_level(paths, count, place_count, &by_level);
    if (status == CTM_OK) {
        (void)link_distinct(paths, &by_level, branches, same_as);
        sorter_deinit(&by_level);
    }
    free(branches);
    return status;
}

/* Returns the highest rank. */
static uint32_t walk_paths(const struct ctm_path *paths, const struct branch *branches,
                           uint32_t first, uint32_t *ranks)
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
    return rank;
}

int ctm_paths_merge_and_rank(struct ctm_path *paths, size_t count, size_t place_count,
                             uint32_t *ranks, uint32_t *most)
{
    struct sorter by_level;
    struct branch *branches = ctm_array_new(count, sizeof *branches);
    int status =
        branches == NULL ? CTM_ENOMEM : list_by_level(paths, count, place_count, &by_level);
    if (status == CTM_OK) {
        uint32_t *same_as = by_level.keys; /* which have done their work */
        uint32_t first = link_distinct(paths, &by_level, branches, same_as);
        *most = walk_paths(paths, branches, first, ranks);
        for (size_t i = 0; i < count; i++) {
            ranks[i] = ranks[same_as[i]];
        }
        sorter_deinit(&by_level);
    }
    free(branches);
    return status;
}

/* Hang each path of a list under its parent, those under one in the order of the list, and return
 * the first of those without one. */
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

int ctm_paths_rank(const struct ctm_path *paths, size_t path_count, const uint32_t *list,
                   size_t list_length, uint32_t *ranks)
{
    struct branch *branches = ctm_array_new(path_count, sizeof *branches);
    if (branches == NULL) {
        return CTM_ENOMEM;
    }
    (void)walk_paths(paths, branches, link_paths(paths, list, list_length, branches), ranks);
    free(branches);
    return CTM_OK;
}
