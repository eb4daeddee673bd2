#include "snapshot/translate.h"

#include <stdlib.h>
#include <string.h>

#include "base/platform.h"

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
    t->nodes = new_ids(t->tracer->stacks.node_length);
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

/* Collect the nodes from `node` to its root into t->path, newest first. */
static int collect_path(struct ctm_translation *t, uint32_t node, size_t *length)
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
static int translate_path(struct ctm_translation *t, size_t length, bool whole, uint32_t *id)
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

int ctm_translation_stack(struct ctm_translation *t, uint32_t node, uint32_t *id)
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
