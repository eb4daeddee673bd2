#include "snapshot/paths.h"

#include <stdbool.h>
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

/*
 * Hang each path under its parent. Listed by descending place, each is put in front of its
 * siblings, which leaves them in ascending order; and an equal one is in front. Those that are
 * equal have the same as parent, or equal ones: so without levels they are only found out (false:
 * there are some); with levels, each parent's equal is known before, and they become one.
 */
static bool link_by_place(struct ctm_path *paths, const struct sorter *s, bool with_levels,
                          struct branch *branches, uint32_t *same_as, uint32_t *first)
{
    *first = NONE;
    for (size_t i = 0; i < s->count; i++) {
        branches[i].child = NONE;
        same_as[i] = (uint32_t)i;
    }
    for (size_t i = 0; i < s->count; i++) {
        uint32_t at = s->list[i];
        struct ctm_path *path = &paths[at];
        uint32_t *siblings = first;
        if (path->parent != NONE) {
            path->parent = same_as[path->parent];
            siblings = &branches[path->parent].child;
        }
        if (*siblings == NONE || paths[*siblings].place != path->place) {
            branches[at].sibling = *siblings;
            *siblings = at;
        } else if (with_levels) {
            same_as[at] = *siblings;
        } else {
            return false;
        }
    }
    return true;
}

/* Find equal paths, and link one of each; `first` is the first without a parent. */
static int merge(struct ctm_path *paths, size_t count, size_t place_count, struct branch *branches,
                 uint32_t *same_as, uint32_t *first)
{
    struct sorter s;
    /* No path is on a deeper level than there are paths. */
    int status = sorter_init(&s, count, count > place_count ? count : place_count);
    if (status != CTM_OK) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        s.keys[i] = (uint32_t)(place_count - 1) - paths[i].place;
    }
    sort_by_keys(&s, place_count);
    if (!link_by_place(paths, &s, false, branches, same_as, first)) {
        sort_by_keys(&s, measure_levels(paths, &s));
        (void)link_by_place(paths, &s, true, branches, same_as, first);
    }
    sorter_deinit(&s);
    return CTM_OK;
}

int ctm_paths_merge(struct ctm_path *paths, size_t count, size_t place_count, uint32_t *same_as)
{
    uint32_t first;
    struct branch *branches = ctm_array_zeroed(count, sizeof *branches);
    int status =
        branches == NULL ? CTM_ENOMEM : merge(paths, count, place_count, branches, same_as, &first);
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
    uint32_t first;
    struct branch *branches = ctm_array_zeroed(count, sizeof *branches);
    uint32_t *same_as = ctm_array_zeroed(count, sizeof *same_as);
    int status = branches == NULL || same_as == NULL
                     ? CTM_ENOMEM
                     : merge(paths, count, place_count, branches, same_as, &first);
    if (status == CTM_OK) {
        *most = walk_paths(paths, branches, first, ranks);
        for (size_t i = 0; i < count; i++) {
            ranks[i] = ranks[same_as[i]];
        }
    }
    free(branches);
    free(same_as);
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
