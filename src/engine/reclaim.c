#include "engine/reclaim.h"

enum {
    PACE = 64,
    FOLD_COST = 8, /* in entries visited */
};

static const char given_back[] = "<given back>";

void ctm_reclaim_init(struct ctm_reclaim *reclaim)
{
    *reclaim = (struct ctm_reclaim){
        .at = CTM_RECLAIM_LEAST,
        .least = CTM_RECLAIM_LEAST,
        .pace = PACE,
        .line_limit = CTM_FOLDED_LINES,
        .file_limit = CTM_FOLDED_FILES,
        .exact = true,
    };
}

/* ---- sites ---- */

static bool has_churn(const struct ctm_sites *sites, uint32_t id)
{
    return (sites->items[id].total_blocks | sites->reused[id].blocks) != 0;
}

static bool is_folded(const struct ctm_tracer *tracer, uint32_t id)
{
    return tracer->stacks.nodes[tracer->sites.items[id].node].parent == CTM_FOLDED_ROOT;
}

static bool is_needed(const struct ctm_tracer *tracer, uint32_t id)
{
    const struct ctm_sites *sites = &tracer->sites;
    const struct ctm_site *site = &sites->items[id];
    return site->live_blocks != 0 || ctm_site_peak_blocks(sites, site) != 0 ||
           (is_folded(tracer, id) && has_churn(sites, id));
}

/*
 * The site that (file, line) is folded into. One that is not there yet is made while *count is
 * below the limit. CTM_NO_SITE: it is not, or there is no memory.
 */
static uint32_t folded_site(struct ctm_tracer *tracer, uint32_t domain, uint32_t file,
                            uint32_t line, uint32_t *count, uint32_t limit)
{
    struct ctm_location_frame place = {.file = file, .name = 0, .line = line};
    uint32_t frame;
    uint32_t node;
    uint32_t site = CTM_NO_SITE;
    if (ctm_stacks_frame(&tracer->stacks, place, &frame) < 0) {
        return CTM_NO_SITE;
    }
    node = ctm_stacks_find(&tracer->stacks, CTM_FOLDED_ROOT, frame);
    if (node != UINT32_MAX) {
        site = domain == 0 ? tracer->stacks.nodes[node].site
                           : ctm_sites_find(&tracer->sites, domain, node);
    }
    if (site != CTM_NO_SITE || *count >= limit ||
        ctm_stacks_child(&tracer->stacks, CTM_FOLDED_ROOT, frame, &node) < 0 ||
        ctm_tracer_site(tracer, domain, node, &site) < 0) {
        return site;
    }
    ++*count;
    return site;
}

/* Move the churn of a site to where it is kept. False: no memory. */
static bool fold(struct ctm_tracer *tracer, uint32_t id)
{
    struct ctm_reclaim *reclaim = &tracer->reclaim;
    struct ctm_sites *sites = &tracer->sites;
    if (!has_churn(sites, id)) {
        return true;
    }
    uint32_t domain = sites->items[id].domain;
    uint32_t frame = tracer->stacks.nodes[sites->items[id].node].frame;
    struct ctm_location_frame place = tracer->stacks.frames[frame];
    uint32_t target = CTM_NO_SITE;
    if (place.line != 0) {
        target = folded_site(tracer, domain, place.file, place.line, &reclaim->lines,
                             reclaim->line_limit);
    }
    if (target == CTM_NO_SITE) {
        target = folded_site(tracer, domain, place.file, 0, &reclaim->files, reclaim->file_limit);
        if (place.line != 0) {
            reclaim->exact = false;
        }
    }
    if (target == CTM_NO_SITE) {
        uint32_t file;
        if (ctm_names_intern(&tracer->names, given_back, sizeof given_back - 1, &file) < 0) {
            return false;
        }
        target = folded_site(tracer, domain, file, 0, &reclaim->files, UINT32_MAX);
        if (target == CTM_NO_SITE) {
            return false;
        }
        reclaim->exact = false;
    }
    sites->items[target].total_bytes += sites->items[id].total_bytes;
    sites->items[target].total_blocks += sites->items[id].total_blocks;
    sites->reused[target].bytes += sites->reused[id].bytes;
    sites->reused[target].blocks += sites->reused[id].blocks;
    return true;
}

/* Each `visit` looks at one entry, keeps it or gives it back, and returns what that cost. */
static uint32_t visit_site(struct ctm_tracer *tracer, uint32_t left)
{
    uint32_t id = left + 1; /* there is no site 0 */
    struct ctm_sites *sites = &tracer->sites;
    uint32_t cost = 1;
    if (!ctm_site_is_free(&sites->items[id])) {
        if (is_needed(tracer, id) || !fold(tracer, id)) {
            return cost;
        }
        struct ctm_context *node = &tracer->stacks.nodes[sites->items[id].node];
        if (is_folded(tracer, id)) {
            bool of_line = tracer->stacks.frames[node->frame].line != 0;
            --*(of_line ? &tracer->reclaim.lines : &tracer->reclaim.files);
        }
        if (sites->items[id].domain == 0) {
            node->site = CTM_NO_SITE;
        } else {
            ctm_stacks_leave(&tracer->stacks, sites->items[id].node);
        }
        tracer->reclaim.sites++;
        cost = FOLD_COST;
    }
    ctm_sites_free(sites, id);
    return cost;
}

/* ---- what is remembered ---- */

/* An instruction keeps its frame: it belongs to code that lives, and may run again. */
static uint32_t visit_instruction(struct ctm_tracer *tracer, uint32_t at)
{
    struct ctm_location *location = ctm_address_map_at(&tracer->locations.instructions, at);
    if (location != NULL) {
        ctm_stacks_see_frame(&tracer->stacks, location->frame);
        if (location->parent != CTM_NO_CONTEXT) {
            if (ctm_context_is_idle(&tracer->stacks.nodes[location->node])) {
                location->parent = CTM_NO_CONTEXT;
            } else {
                ctm_stacks_see_node(&tracer->stacks, location->node);
            }
        }
    }
    return 1;
}

static uint32_t visit_owner(struct ctm_tracer *tracer, uint32_t at)
{
    const struct ctm_owner *owner = ctm_address_map_at(&tracer->locations.owners, at);
    if (owner != NULL) {
        ctm_names_see(&tracer->names, owner->file);
        ctm_names_see(&tracer->names, owner->name);
    }
    return 1;
}

/* ---- nodes, frames, names ---- */

static bool is_given_back(const struct ctm_stacks *stacks, uint32_t id)
{
    const struct ctm_context *node = &stacks->nodes[id];
    return id != CTM_UNKNOWN_NODE && ctm_context_is_idle(node) &&
           node->seen != (stacks->cycle & 0xff);
}

static uint32_t visit_node(struct ctm_tracer *tracer, uint32_t id)
{
    struct ctm_stacks *stacks = &tracer->stacks;
    if (ctm_stacks_is_free_node(stacks, id)) {
        ctm_stacks_free_node(stacks, id);
        return 1;
    }
    if (!is_given_back(stacks, id)) {
        ctm_stacks_see_frame(stacks, stacks->nodes[id].frame);
        return 1;
    }
    /* Its callers, too, where the pass has been there already. */
    uint32_t cost = 0;
    uint32_t at = id;
    do {
        uint32_t parent = stacks->nodes[at].parent;
        ctm_stacks_free_node(stacks, at);
        at = parent;
        cost++;
    } while (!ctm_stacks_is_root(at) && at > id && is_given_back(stacks, at));
    return cost;
}

static uint32_t visit_frame(struct ctm_tracer *tracer, uint32_t id)
{
    const struct ctm_location_frame *frame = &tracer->stacks.frames[id];
    if (!ctm_stacks_is_free_frame(&tracer->stacks, id) && frame->seen == tracer->stacks.cycle) {
        ctm_names_see(&tracer->names, frame->file);
        ctm_names_see(&tracer->names, frame->name);
    } else {
        ctm_stacks_free_frame(&tracer->stacks, id);
    }
    return 1;
}

static uint32_t visit_name(struct ctm_tracer *tracer, uint32_t id)
{
    const struct ctm_name *name = &tracer->names.items[id];
    if (name->bytes == NULL || name->seen != tracer->names.cycle) {
        ctm_names_free(&tracer->names, id);
    }
    return 1;
}

/* ---- the cycle ---- */

static uint32_t (*const visits[])(struct ctm_tracer *tracer, uint32_t id) = {
    [CTM_RECLAIM_SITES] = visit_site,   [CTM_RECLAIM_INSTRUCTIONS] = visit_instruction,
    [CTM_RECLAIM_OWNERS] = visit_owner, [CTM_RECLAIM_NODES] = visit_node,
    [CTM_RECLAIM_FRAMES] = visit_frame, [CTM_RECLAIM_NAMES] = visit_name,
};

static const struct ctm_address_map *map_of(const struct ctm_tracer *tracer)
{
    switch (tracer->reclaim.pass) {
    case CTM_RECLAIM_INSTRUCTIONS:
        return &tracer->locations.instructions;
    case CTM_RECLAIM_OWNERS:
        return &tracer->locations.owners;
    default:
        return NULL;
    }
}

static void begin_map(struct ctm_reclaim *reclaim, const struct ctm_address_map *map)
{
    reclaim->left = ctm_address_map_capacity(map);
    reclaim->moves = map->moves;
}

/* From a table's end down, so that the lowest free id becomes the next to be used. */
static void begin_pass(struct ctm_tracer *tracer, enum ctm_reclaim_pass pass)
{
    struct ctm_reclaim *reclaim = &tracer->reclaim;
    reclaim->pass = pass;
    switch (pass) {
    case CTM_RECLAIM_IDLE:
        break;
    case CTM_RECLAIM_SITES:
        tracer->stacks.cycle++;
        tracer->names.cycle++;
        tracer->sites.first_free = 0;
        reclaim->left = tracer->sites.length - 1;
        break;
    case CTM_RECLAIM_INSTRUCTIONS:
    case CTM_RECLAIM_OWNERS:
        begin_map(reclaim, map_of(tracer));
        break;
    case CTM_RECLAIM_NODES:
        tracer->generation++;
        tracer->stacks.first_free_node = UINT32_MAX;
        reclaim->left = tracer->stacks.node_length;
        break;
    case CTM_RECLAIM_FRAMES:
        tracer->stacks.first_free_frame = UINT32_MAX;
        reclaim->left = tracer->stacks.frame_length;
        break;
    case CTM_RECLAIM_NAMES:
        tracer->names.first_free = UINT32_MAX;
        reclaim->left = tracer->names.length;
        break;
    }
}

static void end_cycle(struct ctm_tracer *tracer)
{
    struct ctm_reclaim *reclaim = &tracer->reclaim;
    uint32_t twice = tracer->stacks.node_index.used * 2;
    reclaim->at = twice < reclaim->least ? reclaim->least : twice;
    reclaim->cycles++;
    begin_pass(tracer, CTM_RECLAIM_IDLE);
}

static void end_pass(struct ctm_tracer *tracer)
{
    switch (tracer->reclaim.pass) {
    case CTM_RECLAIM_SITES:
        ctm_sites_shrink(&tracer->sites);
        break;
    case CTM_RECLAIM_NODES:
        ctm_stacks_shrink_nodes(&tracer->stacks);
        break;
    case CTM_RECLAIM_FRAMES:
        ctm_stacks_shrink_frames(&tracer->stacks);
        break;
    case CTM_RECLAIM_NAMES:
        ctm_names_shrink(&tracer->names);
        end_cycle(tracer);
        return;
    case CTM_RECLAIM_INSTRUCTIONS:
    case CTM_RECLAIM_OWNERS:
    case CTM_RECLAIM_IDLE:
        break;
    }
    begin_pass(tracer, tracer->reclaim.pass + 1);
}

void ctm_reclaim_step_hook(struct ctm_tracer *tracer, uint32_t node)
{
    struct ctm_reclaim *reclaim = &tracer->reclaim;
    const struct ctm_index *nodes = &tracer->stacks.node_index;
    const struct ctm_address_map *map = map_of(tracer);
    if (reclaim->pass == CTM_RECLAIM_IDLE) {
        reclaim->nodes = nodes->used;
        begin_pass(tracer, CTM_RECLAIM_SITES);
    } else if (map != NULL && map->moves != reclaim->moves) {
        begin_map(reclaim, map);
    }
    ctm_stacks_see_node(&tracer->stacks, node);
    uint64_t budget = (uint64_t)reclaim->pace * (1 + nodes->used - reclaim->nodes);
    for (uint64_t cost = 0; cost < budget && reclaim->left > 0;) {
        cost += visits[reclaim->pass](tracer, --reclaim->left);
    }
    if (reclaim->left == 0) {
        /* And no more in this step: a table may have to be copied into a smaller one. */
        end_pass(tracer);
    }
    reclaim->nodes = nodes->used;
}
