/*
 * Paths and their cuts. A snapshot has the newest `nframe` frames of each stack, so the builder's
 * node for a node of the tracer's depends on where the path is cut off. Sites are translated one
 * cut after the other, of which there are few; within one, node after node in the order of ids,
 * each once: a stack's callers lie anywhere, but most have lower ids than whom they call.
 *
 * Two different paths of the tracer's are equal to the builder only if they begin with equal frames
 * at different nodes. So those that begin at a node whose frame no other path begins with need not
 * be interned: first it is found out where all paths begin, then they are made.
 */
#include "snapshot/translate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/platform.h"
#include "snapshot/array.h"
#include "snapshot/builder.h"

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
    ctm_pages_unmap(t->scratch, t->memory, t->memory_size);
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

static uint32_t total_nframe(const struct ctm_translation *t, struct ctm_node_depth depth)
{
    if (!t->options->total_nframe) {
        return CTM_TOTAL_UNKNOWN;
    }
    uint32_t total = depth.frames + depth.left_out;
    return total < t->options->total_limit ? total : t->options->total_limit;
}

int ctm_translation_stack(struct ctm_translation *t, uint32_t node, uint32_t *id)
{
    const struct ctm_context *nodes = t->tracer->stacks.nodes;
    struct ctm_node_depth depth = {0};
    struct ctm_stack stack = {.node = CTM_NO_NODE};
    int error = CTM_OK;
    uint32_t at = node;
    for (; !ctm_stacks_is_root(at) && error == CTM_OK; at = nodes[at].parent) {
        error = push_path(t, depth.frames++, at);
    }
    depth.left_out = at & ~CTM_ROOT_BIT;
    for (uint32_t left = depth.frames - start_of(t, depth.frames); left > 0 && error == CTM_OK;
         left--) {
        uint32_t frame;
        error = translate_frame(t, nodes[t->path[left - 1]].frame, &frame);
        if (error == CTM_OK) {
            error = ctm_builder_node(t->builder, stack.node, frame, &stack.node);
        }
    }
    stack.total_nframe = total_nframe(t, depth);
    return error == CTM_OK ? ctm_builder_stack(t->builder, stack, id) : error;
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

/* The nodes that are looked at together. */
enum { TOGETHER = sizeof(uint64_t) };

static size_t batches(const struct ctm_translation *t)
{
    return t->tracer->stacks.node_length / TOGETHER + 1;
}

/* Make room to remember every id. The widest first, so that each is aligned. */
static int remember_all(struct ctm_translation *t)
{
    size_t names = t->tracer->names.length;
    size_t frames = t->tracer->stacks.frame_length;
    size_t nodes = t->tracer->stacks.node_length;
    t->memory_size = batches(t) * TOGETHER + nodes * sizeof *t->depths +
                     (2 * nodes + names + 2 * frames) * sizeof(uint32_t);
    t->memory = ctm_pages_map(t->scratch, t->memory_size);
    if (t->memory == NULL) {
        return CTM_ENOMEM;
    }
    t->progress = t->memory;
    t->depths = (struct ctm_node_depth *)(t->progress + batches(t) * TOGETHER);
    t->made = (uint32_t *)(t->depths + nodes);
    t->strings = t->made + nodes;
    t->frames = t->strings + names;
    t->oldest = t->frames + frames;
    t->stacks = t->oldest + frames;
    /* All of it will be written but what is known of stacks, where each node has one site. */
    ctm_pages_populate(t->memory, (size_t)((char *)t->stacks - (char *)t->memory));
    t->one_domain = t->tracer->sites.domain_index.used == 0;
    return CTM_OK;
}

/* The depth of a node, and of those of its callers that are not known. */
static void measure(struct ctm_translation *t, uint32_t node)
{
    const struct ctm_context *nodes = t->tracer->stacks.nodes;
    struct ctm_node_depth depth = {0};
    uint32_t at = node;
    for (; !ctm_stacks_is_root(at) && t->depths[at].frames == 0; at = nodes[at].parent) {
        depth.frames++;
    }
    if (ctm_stacks_is_root(at)) {
        depth.left_out = at & ~CTM_ROOT_BIT;
    } else {
        depth.frames += t->depths[at].frames;
        depth.left_out = t->depths[at].left_out;
    }
    for (uint32_t to = node; to != at; to = nodes[to].parent) {
        t->depths[to] = depth;
        depth.frames--;
    }
}

/* From node to node: where the callers of a stack lie follows no order, and each would be waited
 * for. A caller mostly has the lower id, and is measured by then. */
static void measure_all(struct ctm_translation *t)
{
    for (uint32_t id = 0; id < t->tracer->stacks.node_length; id++) {
        if (!ctm_stacks_is_free_node(&t->tracer->stacks, id) && t->depths[id].frames == 0) {
            measure(t, id);
        }
    }
}

/* Whether no node of a batch is wanted or made. */
static bool nothing_in(const struct ctm_translation *t, size_t batch)
{
    uint64_t progress;
    memcpy(&progress, t->progress + batch * TOGETHER, sizeof progress);
    return progress == 0;
}

/* How many nodes of a batch are wanted, where none is made. */
static size_t wanted_in(const struct ctm_translation *t, size_t batch)
{
    static_assert(CTM_NODE_WANTED == 1, "the sum of the bytes is the answer");
    uint64_t progress;
    memcpy(&progress, t->progress + batch * TOGETHER, sizeof progress);
    return progress * UINT64_C(0x0101010101010101) >> 56;
}

static void note_oldest(struct ctm_translation *t, uint32_t node)
{
    uint32_t *oldest = &t->oldest[t->tracer->stacks.nodes[node].frame];
    *oldest = *oldest == 0 || *oldest == node + 1 ? node + 1 : SEVERAL;
}

/* A site's key is at first its cut << 32 | its node. */
static uint32_t cut_of(const struct ctm_item *site)
{
    return (uint32_t)(site->key >> 32);
}

static uint32_t node_of(const struct ctm_item *site)
{
    return (uint32_t)site->key;
}

/* A wanted node wants its caller. One with a lower id is left to its own turn. */
static void want_caller(struct ctm_translation *t, uint32_t node, uint32_t start)
{
    for (uint32_t at = node;;) {
        if (t->depths[at].frames == start + 1) {
            note_oldest(t, at);
            return;
        }
        at = t->tracer->stacks.nodes[at].parent;
        bool known = at < node || t->progress[at] == CTM_NODE_WANTED;
        t->progress[at] = CTM_NODE_WANTED;
        if (known) {
            return;
        }
    }
}

/* Want the nodes of the sites' paths above the cut, which is the same for all. Returns how many. */
static size_t want(struct ctm_translation *t, const struct ctm_item *sites, size_t length,
                   uint32_t start)
{
    size_t wanted = 0;
    for (size_t i = 0; i < length; i++) {
        t->progress[node_of(&sites[i])] = CTM_NODE_WANTED;
    }
    for (size_t batch = batches(t); batch-- > 0;) {
        if (nothing_in(t, batch)) {
            continue;
        }
        for (size_t id = (batch + 1) * TOGETHER; id-- > batch * TOGETHER;) {
            if (t->progress[id] == CTM_NODE_WANTED) {
                want_caller(t, (uint32_t)id, start);
            }
        }
        wanted += wanted_in(t, batch);
    }
    return wanted;
}

/* The builder's node for a path whose caller's is there. */
static int make_node(struct ctm_translation *t, uint32_t node, uint32_t start)
{
    const struct ctm_context *context = &t->tracer->stacks.nodes[node];
    uint32_t parent = CTM_NO_NODE;
    uint32_t frame;
    bool shared;
    int error = translate_frame(t, context->frame, &frame);
    if (t->depths[node].frames == start + 1) {
        /* A frame without a name may be that of a folded place, too. */
        shared = t->oldest[context->frame] == SEVERAL ||
                 t->tracer->stacks.frames[context->frame].name == 0;
    } else {
        parent = t->made[context->parent];
        shared = t->progress[context->parent] == CTM_NODE_SHARED;
    }
    if (error == CTM_OK) {
        error = shared ? ctm_builder_node(t->builder, parent, frame, &t->made[node])
                       : ctm_builder_new_node(t->builder, parent, frame, &t->made[node]);
    }
    t->progress[node] = shared ? CTM_NODE_SHARED : CTM_NODE_ALONE;
    return error;
}

/* Make a node, and before it those of its callers that are wanted yet. */
static int make_path(struct ctm_translation *t, uint32_t node, uint32_t start)
{
    const struct ctm_context *nodes = t->tracer->stacks.nodes;
    size_t count = 0;
    int error = CTM_OK;
    uint32_t at = node;
    while (t->depths[at].frames != start + 1 && t->progress[nodes[at].parent] == CTM_NODE_WANTED &&
           error == CTM_OK) {
        error = push_path(t, count++, at);
        at = nodes[at].parent;
    }
    error = error == CTM_OK ? make_node(t, at, start) : error;
    while (count > 0 && error == CTM_OK) {
        error = make_node(t, t->path[--count], start);
    }
    return error;
}

static int make_wanted(struct ctm_translation *t, uint32_t start)
{
    int error = CTM_OK;
    for (size_t batch = 0; batch < batches(t); batch++) {
        if (nothing_in(t, batch)) {
            continue;
        }
        for (size_t id = batch * TOGETHER; id < (batch + 1) * TOGETHER && error == CTM_OK; id++) {
            if (t->progress[id] == CTM_NODE_WANTED) {
                error = make_path(t, (uint32_t)id, start);
            }
        }
    }
    return error;
}

/* The stack of a path that is made. */
static int make_stack(struct ctm_translation *t, uint32_t node, uint32_t *id)
{
    uint32_t *stacks = t->one_domain ? NULL : t->stacks;
    *id = recall(stacks, node);
    if (*id != UINT32_MAX) {
        return CTM_OK;
    }
    struct ctm_stack stack = {.node = t->made[node],
                              .total_nframe = total_nframe(t, t->depths[node])};
    int error = t->progress[node] == CTM_NODE_SHARED ? ctm_builder_stack(t->builder, stack, id)
                                                     : ctm_builder_new_stack(t->builder, stack, id);
    if (error == CTM_OK) {
        remember(stacks, node, *id);
    }
    return error;
}

/* The stacks of sites whose paths' nodes are made. */
static int make_stacks(struct ctm_translation *t, struct ctm_item *sites, size_t length)
{
    int error = CTM_OK;
    for (size_t i = 0; i < length && error == CTM_OK; i++) {
        const struct ctm_site *site = &t->tracer->sites.items[sites[i].index];
        uint32_t domain = t->one_domain ? 0 : ctm_site_domain(site);
        uint32_t stack;
        error = make_stack(t, node_of(&sites[i]), &stack);
        sites[i].key = (uint64_t)domain << 32 | stack;
    }
    return error;
}

/* How many sites from the first on have its cut. */
static size_t run_of(const struct ctm_item *sites, size_t length)
{
    size_t run = 1;
    while (run < length && cut_of(&sites[run]) == cut_of(&sites[0])) {
        run++;
    }
    return run;
}

/* Cut after cut. Where a path begins with a frame that no other begins with has to be known of all
 * before any is made. */
static int translate_cuts(struct ctm_translation *t, struct ctm_item *sites, size_t length)
{
    size_t wanted = 0;
    size_t run = 0;
    for (size_t i = 0; i < length; i += run) {
        run = run_of(sites + i, length - i);
        wanted += want(t, sites + i, run, cut_of(&sites[i]));
        if (run != length) {
            memset(t->progress, 0, batches(t) * TOGETHER);
        }
    }
    int error = ctm_builder_reserve(t->builder, wanted, length);
    for (size_t i = 0; i < length && error == CTM_OK; i += run) {
        uint32_t start = cut_of(&sites[i]);
        run = run_of(sites + i, length - i);
        if (run != length) {
            memset(t->progress, 0, batches(t) * TOGETHER);
            (void)want(t, sites + i, run, start);
        }
        error = make_wanted(t, start);
        if (error == CTM_OK) {
            error = make_stacks(t, sites + i, run);
        }
    }
    return error;
}

int ctm_translation_sites(struct ctm_translation *t, struct ctm_item *sites, struct ctm_item *spare,
                          size_t length)
{
    int error = remember_all(t);
    if (error < 0) {
        return error;
    }
    measure_all(t);
    for (size_t i = 0; i < length; i++) {
        uint64_t start = start_of(t, t->depths[sites[i].key].frames);
        sites[i].key |= start << 32;
    }
    if (run_of(sites, length) < length) {
        ctm_sort(sites, spare, length);
    }
    error = translate_cuts(t, sites, length);
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
        .current_bytes = ctm_sites_current_bytes(&tracer->sites),
        .peak_bytes = tracer->sites.peak_bytes,
        .dropped = tracer->dropped,
        .lost = tracer->lost,
        .nframe = t->options->nframe,
        .pid = ctm_os_process(),
        .kind = kind,
    };
}
