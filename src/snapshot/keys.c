#include "snapshot/keys.h"

#include <stdlib.h>
#include <string.h>

#include "snapshot/array.h"
#include "snapshot/module_name.h"
#include "snapshot/paths.h"
#include "snapshot/pool.h"
#include "snapshot/sort.h"

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

/* What a string of a side is called. */
struct name {
    struct ctm_string text;
    uint32_t side;
    uint32_t id;
};

/* Which strings are numbered. */
enum kind { FILES, MODULES, FUNCTIONS };

static int compare_names(const void *a, const void *b)
{
    const struct name *first = a;
    const struct name *second = b;
    return ctm_string_compare(first->text, second->text);
}

/* The strings that frames have, or no memory. */
static struct name *list_names(const struct sides *sides, enum kind kind, const struct ranks *marks,
                               size_t *count)
{
    *count = 0;
    for (size_t side = 0; side < sides->count; side++) {
        const struct ctm_tables *t = sides->tables[side];
        for (uint32_t i = 0; i < t->frame_count; i++) {
            uint32_t string = kind == FUNCTIONS ? t->frames[i].name : t->frames[i].file;
            *count += marks->of[side][string] == 0;
            marks->of[side][string] = 1;
        }
    }
    struct name *names = ctm_array_new(*count, sizeof *names);
    size_t filled = 0;
    for (uint32_t side = 0; names != NULL && side < sides->count; side++) {
        const struct ctm_tables *t = sides->tables[side];
        for (uint32_t i = 0; i < t->string_count; i++) {
            if (marks->of[side][i] != 0) {
                names[filled++] = (struct name){.text = t->strings[i], .side = side, .id = i};
            }
        }
    }
    return names;
}

/* Turn names of files into those of modules. Returns what holds their text; NULL: no memory. */
static char *name_modules(struct name *names, size_t count)
{
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        length += names[i].text.length;
    }
    char *text = ctm_array_new(length, 1);
    char *room = text;
    for (size_t i = 0; text != NULL && i < count; i++) {
        size_t most = names[i].text.length;
        names[i].text = ctm_module_name(names[i].text, room);
        room += most;
    }
    return text;
}

/* Number names in their order; strings of another kind keep key 0. */
static int rank_names(const struct sides *sides, enum kind kind, struct ranks *ranks)
{
    int status = CTM_ENOMEM;
    struct name *names = NULL;
    char *modules = NULL;
    size_t count;
    for (size_t side = 0; side < sides->count; side++) {
        size_t strings = sides->tables[side]->string_count;
        ranks->of[side] = ctm_array_zeroed(strings, sizeof *ranks->of[side]);
        if (ranks->of[side] == NULL) {
            goto out;
        }
    }
    names = list_names(sides, kind, ranks, &count);
    if (names == NULL) {
        goto out;
    }
    if (kind == MODULES) {
        modules = name_modules(names, count);
        if (modules == NULL) {
            goto out;
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
        ranks->of[names[i].side][names[i].id] = (uint32_t)key;
    }
    ranks->count = key + 1;
    status = CTM_OK;
out:
    free(names);
    free(modules);
    return status;
}

/* The numbers of what a key may see of frames. */
struct parts {
    enum ctm_key key;
    struct ranks files;
    struct ranks functions; /* only where the key sees them */
};

static bool sees_function(enum ctm_key key)
{
    return key == CTM_KEY_FUNCTION || key == CTM_KEY_FRAME;
}

/* Which frame of which side an index over all frames means. */
static const struct ctm_frame *frame_at(const struct sides *sides, size_t index, size_t *side)
{
    size_t first_frames = sides->tables[0]->frame_count;
    *side = index >= first_frames;
    return &sides->tables[*side]->frames[*side == 0 ? index : index - first_frames];
}

static uint32_t function_at(const struct sides *sides, const struct parts *parts, size_t index)
{
    size_t side;
    const struct ctm_frame *frame = frame_at(sides, index, &side);
    return parts->functions.of[side][frame->name];
}

static uint64_t place_at(const struct sides *sides, const struct parts *parts, size_t index)
{
    size_t side;
    const struct ctm_frame *frame = frame_at(sides, index, &side);
    uint64_t file = parts->files.of[side][frame->file];
    return file << 32 |
           (parts->key == CTM_KEY_FUNCTION ? parts->functions.of[side][frame->name] : frame->line);
}

static void sort_frames(const struct sides *sides, const struct parts *parts,
                        struct ctm_item *items, struct ctm_item *spare, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        items[i].index = i;
    }
    if (parts->key == CTM_KEY_FRAME) {
        for (size_t i = 0; i < count; i++) {
            items[i].key = function_at(sides, parts, i);
        }
        ctm_sort(items, spare, count);
    }
    for (size_t i = 0; i < count; i++) {
        items[i].key = place_at(sides, parts, items[i].index);
    }
    ctm_sort(items, spare, count);
}

static bool same_place(const struct sides *sides, const struct parts *parts, struct ctm_item a,
                       struct ctm_item b)
{
    return a.key == b.key &&
           (parts->key != CTM_KEY_FRAME ||
            function_at(sides, parts, a.index) == function_at(sides, parts, b.index));
}

/* Number what the key sees of frames in its order. */
static int rank_places(const struct sides *sides, const struct parts *parts, struct ranks *places)
{
    int status = CTM_ENOMEM;
    size_t count = 0;
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
    sort_frames(sides, parts, items, spare, count);
    size_t key = 0;
    for (size_t i = 0; i < count; i++) {
        key += i == 0 || !same_place(sides, parts, items[i - 1], items[i]);
        if (key > CTM_MOST_IDS) {
            status = CTM_ELIMIT;
            goto out;
        }
        size_t side;
        const struct ctm_frame *frame = frame_at(sides, items[i].index, &side);
        places->of[side][frame - sides->tables[side]->frames] = (uint32_t)key;
    }
    places->count = key + 1;
    status = CTM_OK;
out:
    free(items);
    free(spare);
    return status;
}

/* Number the paths from the oldest frame to a node in the order of tracebacks: a caller before its
 * callees, callees by place. */
static int rank_nodes(const struct sides *sides, const struct ranks *places, struct ranks *nodes)
{
    const struct ctm_tables *a = sides->tables[0];
    const struct ctm_tables *b = sides->count == 2 ? sides->tables[1] : NULL;
    size_t count = a->node_count;
    size_t most_paths = count + (b == NULL ? 0 : b->node_count);
    uint32_t most;
    int status = CTM_ENOMEM;
    if (most_paths > CTM_MOST_IDS) {
        return CTM_ELIMIT;
    }
    struct ctm_path *paths = ctm_array_new(most_paths, sizeof *paths);
    uint32_t *ranks = ctm_array_new(most_paths, sizeof *ranks);
    nodes->of[0] = ranks;
    if (paths == NULL || ranks == NULL) {
        goto out;
    }
    ctm_paths_of_nodes(a, places->of[0], paths);
    if (b != NULL) {
        nodes->of[1] = ctm_array_new(b->node_count, sizeof *nodes->of[1]);
        status = nodes->of[1] == NULL
                     ? CTM_ENOMEM
                     : ctm_paths_match_nodes(b, places->of[1], paths, &count, nodes->of[1]);
        if (status != CTM_OK) {
            goto out;
        }
    }
    status = ctm_paths_merge_and_rank(paths, count, places->count, ranks, &most);
    if (status != CTM_OK) {
        goto out;
    }
    for (size_t i = 0; b != NULL && i < b->node_count; i++) {
        nodes->of[1][i] = ranks[nodes->of[1][i]];
    }
    nodes->count = (size_t)most + 1;
out:
    free(paths);
    return status;
}

int ctm_keys_init(struct ctm_keys *keys, enum ctm_key key, const struct ctm_tables *a,
                  const struct ctm_tables *b)
{
    struct sides sides = {.count = b == NULL || b == a ? 1 : 2, .tables = {a, b}};
    struct parts parts = {.key = key};
    struct ranks places = {0};
    struct ranks nodes = {0};
    struct ranks *wanted = &parts.files;
    memset(keys, 0, sizeof *keys);
    int status = rank_names(&sides, key == CTM_KEY_MODULE ? MODULES : FILES, &parts.files);
    if (status == CTM_OK && sees_function(key)) {
        status = rank_names(&sides, FUNCTIONS, &parts.functions);
    }
    if (status == CTM_OK && !ctm_key_by_file(key)) {
        wanted = &places;
        status = rank_places(&sides, &parts, &places);
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
    ranks_deinit(&parts.files);
    ranks_deinit(&parts.functions);
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
