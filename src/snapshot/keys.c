#include "snapshot/keys.h"

#include <stdlib.h>
#include <string.h>

#include "snapshot/array.h"
#include "snapshot/pool.h"
#include "snapshot/sort.h"

#define NONE CTM_NO_NODE

/* One or two tables that get common keys. */
struct sides {
    size_t count;
    const struct ctm_tables *tables[2];
};

/* Where the arrays of one kind of keys are put: one per side. */
struct ranks {
    size_t count; /* keys are less than this; key 0 is that of no frame */
    uint32_t *of[2];
};

static void ranks_deinit(struct ranks *ranks)
{
    free(ranks->of[0]);
    free(ranks->of[1]);
    memset(ranks, 0, sizeof *ranks);
}

/* The name of a file, and which string of which side it is. */
struct name {
    struct ctm_string text;
    uint32_t side;
    uint32_t id;
};

static int compare_names(const void *a, const void *b)
{
    const struct name *first = a;
    const struct name *second = b;
    return ctm_string_compare(first->text, second->text);
}

/* Number the names of files in their order; strings that name no file keep key 0. */
static int rank_files(const struct sides *sides, struct ranks *files)
{
    int status = CTM_ENOMEM;
    struct name *names = NULL;
    size_t count = 0;
    for (uint32_t side = 0; side < sides->count; side++) {
        const struct ctm_tables *t = sides->tables[side];
        files->of[side] = ctm_array_zeroed(t->string_count, sizeof *files->of[side]);
        if (files->of[side] == NULL) {
            goto out;
        }
        for (uint32_t i = 0; i < t->frame_count; i++) {
            uint32_t *mark = &files->of[side][t->frames[i].file];
            count += *mark == 0;
            *mark = 1;
        }
    }
    names = ctm_array_new(count, sizeof *names);
    if (names == NULL) {
        goto out;
    }
    size_t filled = 0;
    for (uint32_t side = 0; side < sides->count; side++) {
        const struct ctm_tables *t = sides->tables[side];
        for (uint32_t i = 0; i < t->string_count; i++) {
            if (files->of[side][i] != 0) {
                names[filled++] = (struct name){.text = t->strings[i], .side = side, .id = i};
            }
        }
    }
    qsort(names, count, sizeof *names, compare_names);
    size_t key = 0;
    for (size_t i = 0; i < count; i++) {
        key += i == 0 || compare_names(&names[i - 1], &names[i]) != 0;
        if (key > CTM_MOST_IDS) {
            status = CTM_ELIMIT;
            goto out;
        }
        files->of[names[i].side][names[i].id] = (uint32_t)key;
    }
    files->count = key + 1;
    status = CTM_OK;
out:
    free(names);
    return status;
}

/* Number the pairs of file and line in their order. */
static int rank_places(const struct sides *sides, const struct ranks *files, struct ranks *places)
{
    int status = CTM_ENOMEM;
    size_t count = 0;
    size_t filled = 0;
    struct ctm_item *items = NULL;
    struct ctm_item *spare = NULL;
    for (size_t side = 0; side < sides->count; side++) {
        size_t frames = sides->tables[side]->frame_count;
        places->of[side] = ctm_array_new(frames, sizeof *places->of[side]);
        if (places->of[side] == NULL) {
            goto out;
        }
        count += frames;
    }
    items = ctm_array_new(count, sizeof *items);
    spare = ctm_array_new(count, sizeof *spare);
    if (items == NULL || spare == NULL) {
        goto out;
    }
    for (size_t side = 0; side < sides->count; side++) {
        const struct ctm_tables *t = sides->tables[side];
        for (size_t i = 0; i < t->frame_count; i++) {
            uint64_t file = files->of[side][t->frames[i].file];
            items[filled].key = file << 32 | t->frames[i].line;
            items[filled].index = filled;
            filled++;
        }
    }
    ctm_sort(items, spare, count);
    size_t first_frames = sides->tables[0]->frame_count;
    size_t key = 0;
    for (size_t i = 0; i < count; i++) {
        key += i == 0 || items[i - 1].key != items[i].key;
        if (key > CTM_MOST_IDS) {
            status = CTM_ELIMIT;
            goto out;
        }
        size_t at = items[i].index;
        if (at < first_frames) {
            places->of[0][at] = (uint32_t)key;
        } else {
            places->of[1][at - first_frames] = (uint32_t)key;
        }
    }
    places->count = key + 1;
    status = CTM_OK;
out:
    free(items);
    free(spare);
    return status;
}

/* A node without what Python does not compare: names of functions. */
struct path {
    uint32_t parent; /* of the paths; NONE: the oldest frame */
    uint32_t place;
};

/* Links of the tree of paths, for a walk from the oldest frames to the newest. */
struct branch {
    uint32_t child; /* the first of the callees, in the order of places */
    uint32_t sibling;
};

/* List the paths by ascending place. `starts` has room for all places and is lost. */
static void list_by_place(const struct path *paths, size_t count, size_t *starts,
                          size_t place_count, uint32_t *list)
{
    memset(starts, 0, place_count * sizeof *starts);
    for (size_t i = 0; i < count; i++) {
        starts[paths[i].place]++;
    }
    size_t start = 0;
    for (size_t place = 0; place < place_count; place++) {
        size_t here = starts[place];
        starts[place] = start;
        start += here;
    }
    for (size_t i = 0; i < count; i++) {
        list[starts[paths[i].place]++] = (uint32_t)i;
    }
}

/*
 * Hang each path under its parent and return the first of those without one. Put in front of its
 * siblings in descending order of places, each leaves them in ascending order.
 */
static uint32_t link_paths(const struct path *paths, const uint32_t *list, size_t count,
                           struct branch *branches)
{
    uint32_t first = NONE;
    for (size_t i = 0; i < count; i++) {
        branches[i].child = NONE;
    }
    for (size_t i = count; i-- > 0;) {
        uint32_t at = list[i];
        uint32_t parent = paths[at].parent;
        uint32_t *siblings = parent == NONE ? &first : &branches[parent].child;
        branches[at].sibling = *siblings;
        *siblings = at;
    }
    return first;
}

/* The place in the order of tracebacks: a caller before its callees, callees by place. */
static void walk_paths(const struct path *paths, const struct branch *branches, uint32_t first,
                       uint32_t *ranks)
{
    uint32_t rank = CTM_KEY_EMPTY;
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

static int rank_paths(const struct path *paths, size_t count, size_t place_count, uint32_t *ranks)
{
    int status = CTM_ENOMEM;
    size_t *starts = ctm_array_new(place_count, sizeof *starts);
    uint32_t *list = ctm_array_new(count, sizeof *list);
    struct branch *branches = ctm_array_new(count, sizeof *branches);
    if (starts == NULL || list == NULL || branches == NULL) {
        goto out;
    }
    list_by_place(paths, count, starts, place_count, list);
    walk_paths(paths, branches, link_paths(paths, list, count, branches), ranks);
    status = CTM_OK;
out:
    free(starts);
    free(list);
    free(branches);
    return status;
}

/* The path of each node of a side; nodes that are one path share it. */
static int find_paths(const struct ctm_tables *t, const uint32_t *place_of, struct ctm_pool *paths,
                      uint64_t seed, uint32_t *path_of)
{
    for (size_t i = 0; i < t->node_count; i++) {
        struct ctm_node node = t->nodes[i];
        struct path path = {
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

/* The same where no two frames are one place: then no two nodes are one path. */
static int copy_paths(const struct ctm_tables *t, const uint32_t *place_of, struct ctm_pool *paths,
                      uint32_t *path_of)
{
    struct path *items = ctm_array_new(t->node_count, sizeof *items);
    if (items == NULL) {
        return CTM_ENOMEM;
    }
    for (uint32_t i = 0; i < t->node_count; i++) {
        items[i].parent = t->nodes[i].parent;
        items[i].place = place_of[t->nodes[i].frame];
        path_of[i] = i;
    }
    paths->items = items;
    paths->count = t->node_count;
    return CTM_OK;
}

/* Number the paths from the oldest frame to a node in the order of tracebacks. */
static int rank_nodes(const struct sides *sides, const struct ranks *places, struct ranks *nodes)
{
    int status;
    uint64_t seed = ctm_lookup_seed();
    struct ctm_pool paths = {0};
    uint32_t *rank_of = NULL;
    bool distinct = sides->count == 1 && places->count - 1 == sides->tables[0]->frame_count;
    for (size_t side = 0; side < sides->count; side++) {
        const struct ctm_tables *t = sides->tables[side];
        nodes->of[side] = ctm_array_new(t->node_count, sizeof *nodes->of[side]);
        if (nodes->of[side] == NULL) {
            status = CTM_ENOMEM;
            goto out;
        }
        status = distinct ? copy_paths(t, places->of[side], &paths, nodes->of[side])
                          : find_paths(t, places->of[side], &paths, seed, nodes->of[side]);
        if (status != CTM_OK) {
            goto out;
        }
    }
    ctm_lookup_deinit(&paths.lookup);
    rank_of = ctm_array_new(paths.count, sizeof *rank_of);
    if (rank_of == NULL) {
        status = CTM_ENOMEM;
        goto out;
    }
    status = rank_paths(paths.items, paths.count, places->count, rank_of);
    if (status != CTM_OK) {
        goto out;
    }
    for (size_t side = 0; side < sides->count; side++) {
        for (size_t i = 0; i < sides->tables[side]->node_count; i++) {
            nodes->of[side][i] = rank_of[nodes->of[side][i]];
        }
    }
    nodes->count = paths.count + 1;
out:
    ctm_pool_deinit(&paths);
    free(rank_of);
    return status;
}

int ctm_keys_init(struct ctm_keys *keys, enum ctm_key key, const struct ctm_tables *a,
                  const struct ctm_tables *b)
{
    struct sides sides = {.count = b == NULL || b == a ? 1 : 2, .tables = {a, b}};
    struct ranks files = {0};
    struct ranks places = {0};
    struct ranks nodes = {0};
    struct ranks *wanted = &files;
    memset(keys, 0, sizeof *keys);
    int status = rank_files(&sides, &files);
    if (status == CTM_OK && key != CTM_KEY_FILENAME) {
        wanted = &places;
        status = rank_places(&sides, &files, &places);
    }
    if (status == CTM_OK && key == CTM_KEY_TRACEBACK) {
        wanted = &nodes;
        status = rank_nodes(&sides, &places, &nodes);
    }
    if (status == CTM_OK) {
        keys->count = wanted->count;
        keys->of[0] = wanted->of[0];
        keys->of[1] = b == a ? wanted->of[0] : wanted->of[1];
        memset(wanted, 0, sizeof *wanted);
    }
    ranks_deinit(&files);
    ranks_deinit(&places);
    ranks_deinit(&nodes);
    return status;
}

void ctm_keys_deinit(struct ctm_keys *keys)
{
    if (keys->of[1] != keys->of[0]) {
        free(keys->of[1]);
    }
    free(keys->of[0]);
    memset(keys, 0, sizeof *keys);
}
