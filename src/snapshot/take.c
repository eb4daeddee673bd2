#include "snapshot/take.h"

#include <stdlib.h>
#include <string.h>

#include "base/platform.h"
#include "engine/hash.h"

/* Blocks of one site and one size. */
struct pile {
    uint64_t size;
    uint64_t count; /* 0: the slot is empty */
    uint32_t site;
};

struct piles {
    struct pile *slots;
    size_t mask;
    size_t used;
    bool failed; /* no memory: nothing counts any more */
};

/*
 * What the builder calls what the tracer calls otherwise. For each kind of id an array that
 * remembers, UINT32_MAX where it was not asked yet; none (NULL) where one stack is all that is
 * wanted, since making them costs time and memory for every id there is.
 */
struct translation {
    const struct ctm_tracer *tracer;
    const struct ctm_take_options *options;
    struct ctm_builder *builder;
    uint32_t *strings;
    uint32_t *frames;
    uint32_t *nodes;  /* of nodes whose path is kept whole */
    uint32_t *stacks; /* by tracer node */
    uint32_t *path;   /* scratch for one stack */
    size_t path_capacity;
};

enum { FIRST_PILES = 1024 };

static struct pile *find_pile(const struct piles *piles, uint32_t site, uint64_t size)
{
    size_t at = ctm_hash_u64(size * UINT64_C(0x9FB21C651E98DF25) + site) & piles->mask;
    while (piles->slots[at].count != 0 &&
           (piles->slots[at].site != site || piles->slots[at].size != size)) {
        at = (at + 1) & piles->mask;
    }
    return &piles->slots[at];
}

static bool grow_piles(struct piles *piles)
{
    struct piles grown = {.mask = piles->mask * 2 + 1, .used = piles->used};
    grown.slots = calloc(grown.mask + 1, sizeof *grown.slots);
    if (grown.slots == NULL) {
        return false;
    }
    for (size_t i = 0; i <= piles->mask; i++) {
        const struct pile *pile = &piles->slots[i];
        if (pile->count != 0) {
            *find_pile(&grown, pile->site, pile->size) = *pile;
        }
    }
    free(piles->slots);
    *piles = grown;
    return true;
}

static void count_block(void *context, struct ctm_block block)
{
    struct piles *piles = context;
    if (piles->failed) {
        return;
    }
    struct pile *pile = find_pile(piles, block.site, block.size);
    if (pile->count++ != 0) {
        return;
    }
    pile->site = block.site;
    pile->size = block.size;
    if (++piles->used * 2 > piles->mask && !grow_piles(piles)) {
        piles->failed = true;
    }
}

static uint32_t *new_ids(uint32_t length)
{
    uint32_t *ids = malloc(((size_t)length + 1) * sizeof *ids);
    if (ids != NULL) {
        memset(ids, 0xff, ((size_t)length + 1) * sizeof *ids);
    }
    return ids;
}

static uint32_t recall(const uint32_t *ids, uint32_t id)
{
    return ids == NULL ? UINT32_MAX : ids[id];
}

static void remember(uint32_t *ids, uint32_t id, uint32_t translated)
{
    if (ids != NULL) {
        ids[id] = translated;
    }
}

static int start_translation(struct translation *t, const struct ctm_tracer *tracer,
                             const struct ctm_take_options *options)
{
    memset(t, 0, sizeof *t);
    t->tracer = tracer;
    t->options = options;
    return ctm_builder_new(&t->builder);
}

static int remember_all(struct translation *t)
{
    t->strings = new_ids(t->tracer->names.length);
    t->frames = new_ids(t->tracer->stacks.frame_length);
    t->nodes = new_ids(t->tracer->stacks.node_length);
    t->stacks = new_ids(t->tracer->stacks.node_length);
    bool complete =
        t->strings != NULL && t->frames != NULL && t->nodes != NULL && t->stacks != NULL;
    return complete ? CTM_OK : CTM_ENOMEM;
}

/* The builder must have been consumed, or is freed here. */
static void end_translation(struct translation *t)
{
    ctm_builder_free(t->builder);
    free(t->strings);
    free(t->frames);
    free(t->nodes);
    free(t->stacks);
    free(t->path);
}

static int translate_string(struct translation *t, uint32_t name, uint32_t *id)
{
    *id = recall(t->strings, name);
    if (*id != UINT32_MAX) {
        return CTM_OK;
    }
    const struct ctm_name *text = &t->tracer->names.items[name];
    int error = ctm_builder_string(t->builder, text->bytes, text->length, id);
    if (error == CTM_OK) {
        remember(t->strings, name, *id);
    }
    return error;
}

static int translate_frame(struct translation *t, uint32_t frame, uint32_t *id)
{
    *id = recall(t->frames, frame);
    if (*id != UINT32_MAX) {
        return CTM_OK;
    }
    const struct ctm_location_frame *known = &t->tracer->stacks.frames[frame];
    struct ctm_frame translated = {.line = known->line};
    int error = translate_string(t, known->file, &translated.file);
    if (error == CTM_OK) {
        error = translate_string(t, known->name, &translated.name);
    }
    if (error == CTM_OK) {
        error = ctm_builder_frame(t->builder, translated, id);
    }
    if (error == CTM_OK) {
        remember(t->frames, frame, *id);
    }
    return error;
}

/* Collect the nodes from `node` to its root into t->path, newest first. */
static int collect_path(struct translation *t, uint32_t node, size_t *length)
{
    size_t count = 0;
    for (uint32_t at = node; !ctm_stacks_is_root(at); at = t->tracer->stacks.nodes[at].parent) {
        if (count == t->path_capacity) {
            size_t capacity = count == 0 ? 256 : count * 2;
            uint32_t *grown = realloc(t->path, capacity * sizeof *grown);
            if (grown == NULL) {
                return CTM_ENOMEM;
            }
            t->path = grown;
            t->path_capacity = capacity;
        }
        t->path[count++] = at;
    }
    *length = count;
    return CTM_OK;
}

/* The builder's node for the newest `length` nodes in t->path. */
static int translate_path(struct translation *t, size_t length, bool whole, uint32_t *id)
{
    uint32_t parent = CTM_NO_NODE;
    while (length > 0) {
        uint32_t node = t->path[--length];
        uint32_t known = whole ? recall(t->nodes, node) : UINT32_MAX;
        if (known != UINT32_MAX) {
            parent = known;
            continue;
        }
        uint32_t frame;
        int error = translate_frame(t, t->tracer->stacks.nodes[node].frame, &frame);
        if (error == CTM_OK) {
            error = ctm_builder_node(t->builder, parent, frame, &parent);
        }
        if (error < 0) {
            return error;
        }
        if (whole) {
            remember(t->nodes, node, parent);
        }
    }
    *id = parent;
    return CTM_OK;
}

static int translate_stack(struct translation *t, uint32_t node, uint32_t *id)
{
    *id = recall(t->stacks, node);
    if (*id != UINT32_MAX) {
        return CTM_OK;
    }
    size_t length;
    int error = collect_path(t, node, &length);
    if (error < 0) {
        return error;
    }
    bool whole = length <= t->options->nframe;
    struct ctm_stack stack = {.total_nframe = CTM_TOTAL_UNKNOWN};
    if (t->options->total_nframe) {
        uint32_t depth = ctm_stacks_depth(&t->tracer->stacks, node);
        stack.total_nframe = depth < t->options->total_limit ? depth : t->options->total_limit;
    }
    error = translate_path(t, whole ? length : t->options->nframe, whole, &stack.node);
    if (error == CTM_OK) {
        error = ctm_builder_stack(t->builder, stack, id);
    }
    if (error == CTM_OK) {
        remember(t->stacks, node, *id);
    }
    return error;
}

static int add_row(struct translation *t, uint32_t site_id, uint64_t size, uint64_t count)
{
    const struct ctm_site *site = &t->tracer->sites.items[site_id];
    struct ctm_row row = {.domain = site->domain, .size = size, .count = count};
    int error = translate_stack(t, site->node, &row.stack);
    if (error == CTM_OK) {
        error = ctm_builder_row(t->builder, row);
    }
    return error;
}

static int finish(struct translation *t, struct ctm_snapshot **out)
{
    const struct ctm_tracer *tracer = t->tracer;
    struct ctm_info info = {
        .time_ns = ctm_os_wall_clock(),
        .current_bytes = tracer->sites.current_bytes,
        .current_blocks = tracer->sites.current_blocks,
        .peak_bytes = tracer->sites.peak_bytes,
        .dropped = tracer->dropped,
        .lost = tracer->lost,
        .nframe = t->options->nframe,
        .pid = ctm_os_process(),
    };
    struct ctm_builder *builder = t->builder;
    t->builder = NULL;
    return ctm_builder_finish(builder, &info, out);
}

int ctm_take_snapshot(const struct ctm_tracer *tracer, const struct ctm_take_options *options,
                      struct ctm_snapshot **out)
{
    struct translation t;
    struct piles piles = {.mask = FIRST_PILES - 1};
    int error = start_translation(&t, tracer, options);
    if (error == CTM_OK) {
        error = remember_all(&t);
    }
    if (error < 0) {
        goto done;
    }
    piles.slots = calloc(FIRST_PILES, sizeof *piles.slots);
    if (piles.slots == NULL) {
        error = CTM_ENOMEM;
        goto done;
    }
    ctm_blocks_each(&tracer->blocks, count_block, &piles);
    if (piles.failed) {
        error = CTM_ENOMEM;
        goto done;
    }
    for (size_t i = 0; i <= piles.mask; i++) {
        const struct pile *pile = &piles.slots[i];
        if (pile->count != 0) {
            error = add_row(&t, pile->site, pile->size, pile->count);
            if (error < 0) {
                goto done;
            }
        }
    }
    error = ctm_builder_merge_rows(t.builder);
    if (error == CTM_OK) {
        error = finish(&t, out);
    }
done:
    free(piles.slots);
    end_translation(&t);
    return error;
}

int ctm_take_block(const struct ctm_tracer *tracer, const struct ctm_take_options *options,
                   uint32_t domain, uintptr_t address, struct ctm_snapshot **out)
{
    struct translation t;
    struct ctm_block block;
    bool found = domain == 0 ? ctm_blocks_get(&tracer->blocks, address, &block)
                             : ctm_blocks_get_domain(&tracer->blocks, domain, address, &block);
    int error = start_translation(&t, tracer, options);
    if (error == CTM_OK && found) {
        error = add_row(&t, block.site, block.size, 1);
    }
    if (error == CTM_OK) {
        error = finish(&t, out);
    }
    end_translation(&t);
    return error;
}
