#include "snapshot/tree.h"

#include <string.h>

#include "base/platform.h"
#include "snapshot/keys.h"
#include "snapshot/paths.h"
#include "snapshot/pool.h"
#include "snapshot/sort.h"
#include "snapshot/totals.h"

/* The tree before its nodes are numbered: paths, of which some may have no blocks. */
struct draft {
    const struct ctm_tables *tables;
    struct ctm_stack_totals stacks;
    uint32_t *label_of; /* by frame id: its key */
    size_t label_count; /* labels are less than this */
    struct ctm_pool paths;
    struct ctm_total *own; /* by path */
    struct ctm_total *all; /* by path: with what is below */
    struct ctm_total root_own;
    struct ctm_total root_all;
    uint32_t *list; /* paths with blocks, in the order of siblings */
    size_t live;    /* how many they are */
};

static void draft_deinit(struct draft *d)
{
    ctm_stack_totals_deinit(&d->stacks);
    free(d->label_of);
    ctm_pool_deinit(&d->paths);
    free(d->own);
    free(d->all);
    free(d->list);
}

static int label_frames(struct draft *d, enum ctm_key key)
{
    struct ctm_keys keys;
    int status = ctm_keys_init(&keys, key, d->tables, NULL);
    if (status != CTM_OK) {
        return status;
    }
    d->label_count = keys.count;
    if (!ctm_key_by_file(key)) {
        d->label_of = keys.of[0];
        keys.of[0] = NULL;
    } else {
        d->label_of = ctm_array_new(d->tables->frame_count, sizeof *d->label_of);
        for (size_t i = 0; d->label_of != NULL && i < d->tables->frame_count; i++) {
            d->label_of[i] = keys.of[0][d->tables->frames[i].file];
        }
    }
    ctm_keys_deinit(&keys);
    return d->label_of == NULL ? CTM_ENOMEM : CTM_OK;
}

static int make_totals(struct draft *d)
{
    d->own = ctm_array_zeroed(d->paths.count, sizeof *d->own);
    d->all = ctm_array_new(d->paths.count, sizeof *d->all);
    return d->own == NULL || d->all == NULL ? CTM_ENOMEM : CTM_OK;
}

/* `path_of` is by node where stacks are looked up by node, else by place among those present. */
static int add_stacks(struct draft *d, const uint32_t *path_of, bool by_node)
{
    for (size_t i = 0; i < d->stacks.present_count; i++) {
        uint32_t stack = d->stacks.present[i];
        uint32_t node = d->tables->stacks[stack].node;
        struct ctm_total total = d->stacks.of[stack];
        struct ctm_total *own =
            node == CTM_NO_NODE ? &d->root_own : &d->own[path_of[by_node ? node : i]];
        /* All sums are parts of the root's. */
        if (ctm_total_add(&d->root_all, total) || ctm_total_add(own, total)) {
            return CTM_ELIMIT;
        }
    }
    return CTM_OK;
}

static int grow_down(struct draft *d)
{
    const struct ctm_tables *t = d->tables;
    uint32_t *path_of = ctm_array_new(t->node_count, sizeof *path_of);
    d->paths.items = ctm_array_new(t->node_count, sizeof(struct ctm_path));
    int status = CTM_ENOMEM;
    if (path_of != NULL && d->paths.items != NULL) {
        d->paths.count = t->node_count;
        ctm_paths_of_nodes(t, d->label_of, d->paths.items);
        status = ctm_paths_merge(d->paths.items, t->node_count, d->label_count, path_of);
    }
    if (status == CTM_OK) {
        status = make_totals(d);
    }
    if (status == CTM_OK) {
        status = add_stacks(d, path_of, true);
    }
    free(path_of);
    return status;
}

static int invert_stack(struct draft *d, uint32_t node, uint64_t seed, uint32_t *path_of)
{
    struct ctm_path path = {.parent = CTM_NO_PATH};
    for (; node != CTM_NO_NODE; node = d->tables->nodes[node].parent) {
        path.place = d->label_of[d->tables->nodes[node].frame];
        int status = ctm_pool_intern(&d->paths, seed, &path, sizeof path, &path.parent);
        if (status != CTM_OK) {
            return status;
        }
    }
    *path_of = path.parent;
    return CTM_OK;
}

static int grow_up(struct draft *d)
{
    int status = CTM_OK;
    uint64_t seed = ctm_os_random();
    uint32_t *path_of = ctm_array_zeroed(d->stacks.present_count, sizeof *path_of);
    if (path_of == NULL) {
        return CTM_ENOMEM;
    }
    for (size_t i = 0; status == CTM_OK && i < d->stacks.present_count; i++) {
        uint32_t node = d->tables->stacks[d->stacks.present[i]].node;
        status = invert_stack(d, node, seed, &path_of[i]);
    }
    if (status == CTM_OK) {
        status = make_totals(d);
    }
    if (status == CTM_OK) {
        status = add_stacks(d, path_of, false);
    }
    free(path_of);
    return status;
}

/* What is above comes before what is below, so one pass from the end adds everything up. */
static void add_below(struct draft *d)
{
    const struct ctm_path *paths = d->paths.items;
    if (d->paths.count != 0) {
        memcpy(d->all, d->own, d->paths.count * sizeof *d->all);
    }
    for (size_t i = d->paths.count; i-- > 0;) {
        d->live += d->all[i].count != 0;
        if (paths[i].parent != CTM_NO_PATH) {
            d->all[paths[i].parent].size += d->all[i].size;
            d->all[paths[i].parent].count += d->all[i].count;
        }
    }
}

static int list_live(struct draft *d)
{
    int status = CTM_ENOMEM;
    const struct ctm_path *paths = d->paths.items;
    struct ctm_item *items = ctm_array_new(d->live, sizeof *items);
    struct ctm_item *spare = ctm_array_new(d->live, sizeof *spare);
    d->list = ctm_array_new(d->live, sizeof *d->list);
    if (items == NULL || spare == NULL || d->list == NULL) {
        goto out;
    }
    size_t filled = 0;
    for (size_t i = 0; i < d->paths.count; i++) {
        if (d->all[i].count != 0) {
            items[filled++] = (struct ctm_item){.key = paths[i].place, .index = i};
        }
    }
    ctm_sort(items, spare, d->live);
    for (size_t i = 0; i < d->live; i++) {
        items[i].key = ~d->all[items[i].index].count;
    }
    ctm_sort(items, spare, d->live);
    for (size_t i = 0; i < d->live; i++) {
        items[i].key = ~d->all[items[i].index].size;
    }
    ctm_sort(items, spare, d->live);
    for (size_t i = 0; i < d->live; i++) {
        d->list[i] = (uint32_t)items[i].index;
    }
    status = CTM_OK;
out:
    free(items);
    free(spare);
    return status;
}

static int tree_init(struct ctm_tree *tree, size_t node_count)
{
    memset(tree, 0, sizeof *tree);
    if (node_count > UINT32_MAX) {
        return CTM_ELIMIT;
    }
    tree->node_count = (uint32_t)node_count;
    tree->parents = ctm_array_new(node_count, sizeof *tree->parents);
    tree->labels = ctm_array_new(node_count, sizeof *tree->labels);
    tree->ends = ctm_array_new(node_count, sizeof *tree->ends);
    tree->sizes = ctm_array_new(node_count, sizeof *tree->sizes);
    tree->counts = ctm_array_new(node_count, sizeof *tree->counts);
    tree->own_sizes = ctm_array_new(node_count, sizeof *tree->own_sizes);
    tree->own_counts = ctm_array_new(node_count, sizeof *tree->own_counts);
    bool complete = tree->parents != NULL && tree->labels != NULL && tree->ends != NULL &&
                    tree->sizes != NULL && tree->counts != NULL && tree->own_sizes != NULL &&
                    tree->own_counts != NULL;
    return complete ? CTM_OK : CTM_ENOMEM;
}

static void put_node(struct ctm_tree *tree, uint32_t at, uint32_t parent, uint32_t label,
                     struct ctm_total all, struct ctm_total own)
{
    tree->parents[at] = parent;
    tree->labels[at] = label;
    tree->ends[at] = at + 1;
    tree->sizes[at] = all.size;
    tree->counts[at] = all.count;
    tree->own_sizes[at] = own.size;
    tree->own_counts[at] = own.count;
}

static int put_nodes(const struct draft *d, struct ctm_tree *tree)
{
    const struct ctm_path *paths = d->paths.items;
    uint32_t *number_of = ctm_array_new(d->paths.count, sizeof *number_of);
    if (number_of == NULL) {
        return CTM_ENOMEM;
    }
    int status = ctm_paths_rank(paths, d->paths.count, d->list, d->live, number_of);
    if (status == CTM_OK) {
        put_node(tree, 0, CTM_TREE_NONE, CTM_TREE_NONE, d->root_all, d->root_own);
        for (size_t i = 0; i < d->live; i++) {
            uint32_t at = d->list[i];
            uint32_t parent = paths[at].parent == CTM_NO_PATH ? 0 : number_of[paths[at].parent];
            put_node(tree, number_of[at], parent, paths[at].place, d->all[at], d->own[at]);
        }
        for (uint32_t i = tree->node_count; i-- > 1;) {
            uint32_t *end = &tree->ends[tree->parents[i]];
            *end = *end < tree->ends[i] ? tree->ends[i] : *end;
        }
    }
    free(number_of);
    return status;
}

/* Number the labels that are in use anew, in the same order, and say what they stand for. */
static int put_frames(const struct draft *d, enum ctm_key key, struct ctm_tree *tree)
{
    uint32_t *number_of = ctm_array_zeroed(d->label_count, sizeof *number_of);
    if (number_of == NULL) {
        return CTM_ENOMEM;
    }
    for (uint32_t i = 1; i < tree->node_count; i++) {
        number_of[tree->labels[i]] = 1;
    }
    for (size_t label = 0; label < d->label_count; label++) {
        if (number_of[label] != 0) {
            number_of[label] = ++tree->frame_count;
        }
    }
    tree->frames = ctm_array_new(tree->frame_count, sizeof *tree->frames);
    if (tree->frames == NULL) {
        free(number_of);
        return CTM_ENOMEM;
    }
    for (size_t i = 0; i < d->tables->frame_count; i++) {
        uint32_t number = number_of[d->label_of[i]];
        if (number != 0) {
            tree->frames[number - 1] = ctm_key_frame(key, d->tables->frames[i]);
        }
    }
    for (uint32_t i = 1; i < tree->node_count; i++) {
        tree->labels[i] = number_of[tree->labels[i]] - 1;
    }
    free(number_of);
    return CTM_OK;
}

int ctm_tree_make(const struct ctm_snapshot *s, enum ctm_key key, bool inverted,
                  struct ctm_tree *out)
{
    if (!ctm_key_valid(key, false) || key == CTM_KEY_TRACEBACK) {
        return CTM_EINVAL;
    }
    struct draft d = {.tables = s->tables};
    struct ctm_tree tree = {.node_count = 0};
    int status = ctm_stack_totals_init(&d.stacks, s);
    if (status == CTM_OK) {
        status = label_frames(&d, key);
    }
    if (status == CTM_OK) {
        status = inverted ? grow_up(&d) : grow_down(&d);
    }
    if (status == CTM_OK) {
        ctm_lookup_deinit(&d.paths.lookup);
        add_below(&d);
        status = list_live(&d);
    }
    if (status == CTM_OK) {
        status = tree_init(&tree, d.live + 1);
    }
    if (status == CTM_OK) {
        status = put_nodes(&d, &tree);
    }
    if (status == CTM_OK) {
        status = put_frames(&d, key, &tree);
    }
    draft_deinit(&d);
    if (status == CTM_OK) {
        *out = tree;
    } else {
        ctm_tree_free(&tree);
    }
    return status;
}

void ctm_tree_free(struct ctm_tree *tree)
{
    free(tree->parents);
    free(tree->labels);
    free(tree->ends);
    free(tree->sizes);
    free(tree->counts);
    free(tree->own_sizes);
    free(tree->own_counts);
    free(tree->frames);
    memset(tree, 0, sizeof *tree);
}
