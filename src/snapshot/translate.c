#include "snapshot/translate.h"

#include <stdlib.h>
#include <string.h>

#include "base/platform.h"
#include "snapshot/array.h"

static uint32_t *new_ids(uint32_t length)
{
    uint32_t *ids = malloc(((size_t)length + 1) * sizeof *ids);
    if (ids != NULL) {
        memset(ids, 0xff, ((size_t)length + 1) * sizeof *ids);
    }
    return ids;
}

static struct ctm_known_node *new_nodes(uint32_t length)
{
    struct ctm_known_node *nodes = ctm_array_new(length, sizeof *nodes);
    for (uint32_t i = 0; nodes != NULL && i < length; i++) {
        nodes[i] = (struct ctm_known_node){.id = CTM_NO_NODE};
    }
    return nodes;
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

int ctm_translation_start(struct ctm_translation *t, const struct ctm_tracer *tracer,
                          const struct ctm_take_options *options)
{
    memset(t, 0, sizeof *t);
    t->tracer = tracer;
    t->options = options;
    return ctm_builder_new(&t->builder);
}

int ctm_translation_remember(struct ctm_translation *t)
{
    t->strings = new_ids(t->tracer->names.length);
    t->frames = new_ids(t->tracer->stacks.frame_length);
    t->nodes = new_nodes(t->tracer->stacks.node_length);
    t->stacks = new_ids(t->tracer->stacks.node_length);
    bool complete =
        t->strings != NULL && t->frames != NULL && t->nodes != NULL && t->stacks != NULL;
    return complete ? CTM_OK : CTM_ENOMEM;
}

void ctm_translation_end(struct ctm_translation *t)
{
    ctm_builder_free(t->builder);
    free(t->strings);
    free(t->frames);
    free(t->nodes);
    free(t->stacks);
    free(t->path);
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

/* How deep a node is: walked once for each node, not once for each stack. */
static struct ctm_known_node depth_of(struct ctm_translation *t, uint32_t node)
{
    const struct ctm_context *nodes = t->tracer->stacks.nodes;
    struct ctm_known_node oldest = {.depth = 0};
    uint32_t steps = 0;
    uint32_t at = node;
    while (!ctm_stacks_is_root(at) && (t->nodes == NULL || t->nodes[at].depth == 0)) {
        steps++;
        at = nodes[at].parent;
    }
    if (ctm_stacks_is_root(at)) {
        oldest.left_out = at & ~CTM_ROOT_BIT;
    } else {
        oldest = t->nodes[at];
    }
    uint32_t depth = oldest.depth + steps;
    at = node;
    for (uint32_t left = steps; t->nodes != NULL && left > 0; left--) {
        t->nodes[at].depth = oldest.depth + left;
        t->nodes[at].left_out = oldest.left_out;
        at = nodes[at].parent;
    }
    return (struct ctm_known_node){.depth = depth, .left_out = oldest.left_out};
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

/*
 * The builder's node for the `length` newest frames of a path, of which `start` older ones are
 * cut off. Most stacks share callers, and those of the same depth their cut too: what stands below
 * a node that was translated with the same cut is not looked at again.
 */
static int translate_path(struct ctm_translation *t, uint32_t node, uint32_t start, uint32_t length,
                          uint32_t *id)
{
    const struct ctm_context *nodes = t->tracer->stacks.nodes;
    uint32_t parent = CTM_NO_NODE;
    size_t count = 0;
    for (uint32_t at = node; count < length; at = nodes[at].parent) {
        if (t->nodes != NULL && t->nodes[at].start == start) {
            parent = t->nodes[at].id;
        }
        if (parent != CTM_NO_NODE) {
            break;
        }
        int error = push_path(t, count, at);
        if (error < 0) {
            return error;
        }
        count++;
    }
    while (count > 0) {
        uint32_t at = t->path[--count];
        uint32_t frame;
        int error = translate_frame(t, nodes[at].frame, &frame);
        if (error == CTM_OK) {
            error = ctm_builder_node(t->builder, parent, frame, &parent);
        }
        if (error < 0) {
            return error;
        }
        if (t->nodes != NULL) {
            t->nodes[at].start = start;
            t->nodes[at].id = parent;
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
    struct ctm_known_node known = depth_of(t, node);
    uint32_t nframe = t->options->nframe;
    uint32_t length = known.depth < nframe ? known.depth : nframe;
    struct ctm_stack stack = {.total_nframe = CTM_TOTAL_UNKNOWN};
    if (t->options->total_nframe) {
        uint32_t total = known.depth + known.left_out;
        stack.total_nframe = total < t->options->total_limit ? total : t->options->total_limit;
    }
    int error = translate_path(t, node, known.depth - length, length, &stack.node);
    if (error == CTM_OK) {
        error = ctm_builder_stack(t->builder, stack, id);
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

int ctm_translation_row(struct ctm_translation *t, uint32_t site_id, uint64_t size, uint64_t count)
{
    const struct ctm_site *site = &t->tracer->sites.items[site_id];
    struct ctm_row row = {.domain = site->domain, .size = size, .count = count};
    int error = ctm_translation_stack(t, site->node, &row.stack);
    if (error == CTM_OK) {
        error = ctm_builder_row(t->builder, row);
    }
    return error;
}

int ctm_translation_finish(struct ctm_translation *t, enum ctm_kind kind, struct ctm_snapshot **out)
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
        .kind = kind,
    };
    struct ctm_builder *builder = t->builder;
    t->builder = NULL;
    return ctm_builder_finish(builder, &info, out);
}
