/*
 * Paths and their cuts. A snapshot has the newest `nframe` frames of each stack, so the builder's
 * node for a node of the tracer's depends on where the path is cut off. Sites are translated one
 * cut after the other; within one, a node that was looked at is never looked at
 * again.
 *
 * Two different paths of the tracer's are equal to the builder only if they begin with equal frames
 * at different nodes. So those that begin at a node whose frame no other path begins with need not
 * be interned: first the paths are followed down to where they begin, then they are made.
 */
#include "snapshot/translate.h"

#include <stdlib.h>
#include <string.h>

#include "base/platform.h"
#include "snapshot/array.h"
#include "snapshot/builder.h"

enum { AHEAD = 16 }; /* sites: far enough for memory to answer, near enough to stay in the cache */
#define SEVERAL UINT32_MAX /* nodes are fewer than 2^31 */

int ctm_translation_start(struct ctm_translation *t, const struct ctm_tracer *tracer,
                          const struct ctm_take_options *options, struct ctm_pages *scratch)
{
    memset(t, 0, sizeof *t);
    t->tracer = tracer;
    t->options = options;
    t->scratch = scratch;
    ctm_pages_init(scratch);
    /* Who refuses the tracer memory refuses it here too. */
    scratch->refuse = tracer->pages.refuse;
    scratch->refuse_context = tracer->pages.refuse_context;
    return ctm_builder_new(&t->builder);
}

void ctm_translation_end(struct ctm_translation *t)
{
    ctm_builder_free(t->builder);
    ctm_pages_unmap(t->scratch, t->strings, t->ids_size);
    ctm_pages_unmap(t->scratch, t->nodes, t->nodes_size);
    free(t->path);
}

static uint32_t recall(const uint32_t *ids, uint32_t id)
{
    return ids == NULL ? UINT32_MAX : ids[id] - 1;
}

static void remember(uint32_t *ids, uint32_t id, uint32_t translated)
{
    if (ids != NULL) {
        ids[id] = translated + 1;
    }
}

static int translate_string(struct ctm_translation *t, uint32_t name, uint32_t *id)
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

static int translate_frame(struct ctm_translation *t, uint32_t frame, uint32_t *id)
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

/* Depth, and what was left out below the oldest frame: walked once for each node, not once for each
 * stack. */
static struct ctm_known_node measure(const struct ctm_translation *t, uint32_t node)
{
    const struct ctm_context *nodes = t->tracer->stacks.nodes;
    struct ctm_known_node known = {.depth = 0};
    uint32_t steps = 0;
    uint32_t at = node;
    while (!ctm_stacks_is_root(at) && (t->nodes == NULL || t->nodes[at].depth == 0)) {
        steps++;
        at = nodes[at].parent;
    }
    if (ctm_stacks_is_root(at)) {
        known.left_out = at & ~CTM_ROOT_BIT;
    } else {
        known.depth = t->nodes[at].depth;
        known.left_out = t->nodes[at].left_out;
    }
    known.depth += steps;
    at = node;
    for (uint32_t left = steps; t->nodes != NULL && left > 0; left--) {
        t->nodes[at].depth = known.depth - (steps - left);
        t->nodes[at].left_out = known.left_out;
        at = nodes[at].parent;
    }
    return known;
}

static uint32_t start_of(const struct ctm_translation *t, uint32_t depth)
{
    return depth > t->options->nframe ? depth - t->options->nframe : 0;
}

static int push_path(struct ctm_translation *t, size_t at, uint32_t node)
{
    if (at == t->path_capacity) {
        uint32_t *grown = ctm_array_grow(t->path, &t->path_capacity, sizeof *grown);
        if (grown == NULL) {
            return CTM_ENOMEM;
        }
        t->path = grown;
    }
    t->path[at] = node;
    return CTM_OK;
}

/* The builder's node for the `length` newest frames of a path, of which `start` older ones are cut
 * off. *shared: another path may have become the same one. */
static int translate_path(struct ctm_translation *t, uint32_t node, uint32_t start, uint32_t length,
                          uint32_t *id, bool *shared)
{
    const struct ctm_context *nodes = t->tracer->stacks.nodes;
    uint32_t parent = CTM_NO_NODE;
    uint32_t oldest = node;
    size_t count = 0;
    *shared = true;
    for (uint32_t at = node; count < length; at = nodes[at].parent) {
        if (t->nodes != NULL && t->nodes[at].cut == ((start + 1) | CTM_KNOWN_MADE)) {
            parent = t->nodes[at].id;
            *shared = (t->nodes[at].left_out & CTM_KNOWN_SHARED) != 0;
            break;
        }
        int error = push_path(t, count, at);
        if (error < 0) {
            return error;
        }
        count++;
        oldest = at;
    }
    if (parent == CTM_NO_NODE && t->oldest != NULL) {
        uint32_t frame = nodes[oldest].frame;
        /* A frame without a name may be that of a folded place, too. */
        *shared = t->oldest[frame] == SEVERAL || t->tracer->stacks.frames[frame].name == 0;
    }
    while (count > 0) {
        uint32_t at = t->path[--count];
        uint32_t frame;
        int error = translate_frame(t, nodes[at].frame, &frame);
        if (error == CTM_OK) {
            error = *shared ? ctm_builder_node(t->builder, parent, frame, &parent)
                            : ctm_builder_new_node(t->builder, parent, frame, &parent);
        }
        if (error < 0) {
            return error;
        }
        if (t->nodes != NULL) {
            struct ctm_known_node *known = &t->nodes[at];
            known->cut = (start + 1) | CTM_KNOWN_MADE;
            known->id = parent;
            known->left_out =
                (known->left_out & ~CTM_KNOWN_SHARED) | (*shared ? CTM_KNOWN_SHARED : 0);
        }
    }
    *id = parent;
    return CTM_OK;
}

int ctm_translation_stack(struct ctm_translation *t, uint32_t node, uint32_t *id)
{
    *id = recall(t->stacks, node);
    if (*id != UINT32_MAX) {
        return CTM_OK;
    }
    struct ctm_known_node known = measure(t, node);
    uint32_t left_out = known.left_out & ~CTM_KNOWN_SHARED;
    uint32_t start = start_of(t, known.depth);
    struct ctm_stack stack = {.total_nframe = CTM_TOTAL_UNKNOWN};
    if (t->options->total_nframe) {
        uint32_t total = known.depth + left_out;
        stack.total_nframe = total < t->options->total_limit ? total : t->options->total_limit;
    }
    bool shared;
    int error = translate_path(t, node, start, known.depth - start, &stack.node, &shared);
    if (error == CTM_OK) {
        error = shared ? ctm_builder_stack(t->builder, stack, id)
                       : ctm_builder_new_stack(t->builder, stack, id);
    }
    if (error == CTM_OK) {
        remember(t->stacks, node, *id);
    }
    return error;
}

int ctm_translation_place(struct ctm_translation *t, struct ctm_folded_place place, uint32_t *id)
{
    static const char given_back[] = "<given back>";
    struct ctm_frame frame = {.line = place.line};
    uint32_t frame_id;
    struct ctm_stack stack = {.total_nframe = CTM_TOTAL_UNKNOWN};
    int error = place.file == CTM_FOLDED_REST
                    ? ctm_builder_string(t->builder, given_back, sizeof given_back - 1, &frame.file)
                    : translate_string(t, place.file, &frame.file);
    if (error == CTM_OK) {
        error = ctm_builder_string(t->builder, "", 0, &frame.name);
    }
    if (error == CTM_OK) {
        error = ctm_builder_frame(t->builder, frame, &frame_id);
    }
    if (error == CTM_OK) {
        error = ctm_builder_node(t->builder, CTM_NO_NODE, frame_id, &stack.node);
    }
    return error == CTM_OK ? ctm_builder_stack(t->builder, stack, id) : error;
}

/* ---- many sites ---- */

/* Make room to remember every id. */
static int remember_all(struct ctm_translation *t)
{
    size_t names = t->tracer->names.length;
    size_t frames = t->tracer->stacks.frame_length;
    size_t nodes = t->tracer->stacks.node_length;
    t->ids_size = (names + 2 * frames + nodes + 1) * sizeof(uint32_t);
    t->nodes_size = (nodes + 1) * sizeof *t->nodes;
    t->strings = ctm_pages_map(t->scratch, t->ids_size);
    t->nodes = ctm_pages_map(t->scratch, t->nodes_size);
    if (t->strings == NULL || t->nodes == NULL) {
        return CTM_ENOMEM;
    }
    t->frames = t->strings + names;
    t->oldest = t->frames + frames;
    t->stacks = t->oldest + frames;
    return CTM_OK;
}

/* Follow a path down to where it begins, or to where one with the same cut was followed before.
 * Returns how many nodes were passed. */
static size_t follow(const struct ctm_translation *t, uint32_t node)
{
    const struct ctm_context *nodes = t->tracer->stacks.nodes;
    uint32_t start = start_of(t, t->nodes[node].depth);
    size_t passed = 0;
    uint32_t at = node;
    for (; t->nodes[at].cut != start + 1; at = nodes[at].parent) {
        t->nodes[at].cut = start + 1;
        passed++;
        if (t->nodes[at].depth == start + 1) {
            uint32_t *oldest = &t->oldest[nodes[at].frame];
            *oldest = *oldest == 0 || *oldest == at + 1 ? at + 1 : SEVERAL;
            break;
        }
    }
    return passed;
}

/* Where the callers of the stacks to come lie follows no order: each would be waited for. */
static inline void fetch_ahead(const struct ctm_translation *t, const struct ctm_item *sites,
                               size_t length, size_t i)
{
    if (i + AHEAD < length) {
        const struct ctm_context *nodes = t->tracer->stacks.nodes;
        uint32_t caller = nodes[t->tracer->sites.items[sites[i + AHEAD].index].node].parent;
        if (!ctm_stacks_is_root(caller)) {
            __builtin_prefetch(&t->nodes[caller]);
            __builtin_prefetch(&nodes[caller]);
        }
    }
}

int ctm_translation_sites(struct ctm_translation *t, struct ctm_item *sites, struct ctm_item *spare,
                          size_t length)
{
    const struct ctm_site *items = t->tracer->sites.items;
    int error = remember_all(t);
    if (error < 0) {
        return error;
    }
    for (size_t i = 0; i < length; i++) {
        fetch_ahead(t, sites, length, i);
        sites[i].key = start_of(t, measure(t, items[sites[i].index].node).depth);
    }
    ctm_sort(sites, spare, length);
    size_t passed = 0;
    for (size_t i = 0; i < length; i++) {
        fetch_ahead(t, sites, length, i);
        passed += follow(t, items[sites[i].index].node);
    }
    error = ctm_builder_reserve(t->builder, passed, length);
    for (size_t i = 0; i < length && error == CTM_OK; i++) {
        const struct ctm_site *site = &items[sites[i].index];
        uint32_t stack;
        fetch_ahead(t, sites, length, i);
        error = ctm_translation_stack(t, site->node, &stack);
        sites[i].key = (uint64_t)site->domain << 32 | stack;
    }
    if (error == CTM_OK) {
        ctm_sort(sites, spare, length);
    }
    return error;
}

struct ctm_info ctm_translation_info(const struct ctm_translation *t, enum ctm_kind kind)
{
    const struct ctm_tracer *tracer = t->tracer;
    return (struct ctm_info){
        .time_ns = ctm_os_wall_clock(),
        .current_bytes = tracer->sites.current_bytes,
        .current_blocks = tracer->sites.current_blocks,
        .peak_bytes = tracer->sites.peak_bytes,
        .dropped = tracer->dropped,
        .lost = tracer->lost,
        .nframe = t->options->nframe,
        .pid = ctm_os_process(),
        .kind = kind,
    };
}
