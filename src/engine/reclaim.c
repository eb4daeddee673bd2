#include "engine/reclaim.h"

#include "engine/hash.h"

enum {
    PACE = 64,
    FOLD_COST = 8, /* in entries visited */
    PATIENCE_MAX = 4,
    PATH_LEVELS = 16, /* of a stack that its ghost is known by */
    MADE_STEP = 8,    /* of so many sites made, one is looked at */
};

void ctm_reclaim_init(struct ctm_reclaim *reclaim)
{
    *reclaim = (struct ctm_reclaim){
        .at = CTM_RECLAIM_LEAST,
        .least = CTM_RECLAIM_LEAST,
        .patience = 1,
        .pace = PACE,
    };
}

/* ---- ghosts ---- */

/* A stack is known by its frames, which outlive its nodes while their code lives; and a frame by
 * its birth, since its id is used again. */
static uint64_t hash_path(const struct ctm_stacks *stacks, uint32_t node)
{
    uint64_t hash = 0;
    uint32_t at = node;
    for (int level = 0; level < PATH_LEVELS && !ctm_stacks_is_root(at); level++) {
        hash = ctm_hash_u64(hash + stacks->frames[stacks->nodes[at].frame].birth);
        at = stacks->nodes[at].parent;
    }
    return ctm_hash_u64(hash + (ctm_stacks_is_root(at) ? at : 0));
}

void ctm_reclaim_made_hook(struct ctm_tracer *tracer, uint32_t node)
{
    if (++tracer->reclaim.made % MADE_STEP == 0) {
        ctm_ghosts_ask(&tracer->ghosts, hash_path(&tracer->stacks, node));
    }
}

static void judge(struct ctm_tracer *tracer)
{
    struct ctm_reclaim *reclaim = &tracer->reclaim;
    if (!ctm_ghosts_judge(&tracer->ghosts)) {
        reclaim->patience = reclaim->patience > 1 ? reclaim->patience / 2 : 1;
    } else if (reclaim->patience < PATIENCE_MAX) {
        reclaim->patience *= 2;
    }
}

/* ---- sites ---- */

static bool is_needed(const struct ctm_sites *sites, uint32_t id)
{
    return ctm_site_live_blocks(&sites->items[id]) != 0 || ctm_site_peak_blocks(sites, id) != 0;
}

/* Add the churn of a site to that of its line. False: no memory. */
static bool fold(struct ctm_tracer *tracer, uint32_t id)
{
    const struct ctm_site *site = &tracer->sites.items[id];
    struct ctm_churn churn = ctm_site_churn(&tracer->sites, id);
    if ((churn.total_blocks | churn.reused_blocks) == 0) {
        return true;
    }
    uint32_t frame = tracer->stacks.nodes[ctm_site_node(site)].frame;
    struct ctm_folded_place place = {
        .domain = ctm_site_domain(site),
        .file = tracer->stacks.frames[frame].file,
        .line = tracer->stacks.frames[frame].line,
    };
    return ctm_folded_add(&tracer->folded, place, &churn) == CTM_OK;
}

/* Each `visit` looks at one entry, keeps it or gives it back, and returns what that cost. */
static uint32_t visit_site(struct ctm_tracer *tracer, uint32_t left)
{
    uint32_t id = left + 1; /* there is no site 0 */
    struct ctm_sites *sites = &tracer->sites;
    uint32_t cost = 1;
    const struct ctm_site *site = &sites->items[id];
    if (!ctm_site_is_free(site)) {
        if (is_needed(sites, id) || !fold(tracer, id)) {
            return cost;
        }
        if (ctm_site_domain(site) == 0) {
            tracer->stacks.nodes[ctm_site_node(site)].site = CTM_NO_SITE;
        } else {
            ctm_stacks_leave(&tracer->stacks, ctm_site_node(site));
        }
        ctm_ghosts_add(&tracer->ghosts, hash_path(&tracer->stacks, ctm_site_node(site)));
        tracer->reclaim.sites++;
        cost = FOLD_COST;
    }
    ctm_sites_free(sites, id);
    return cost;
}

/* ---- what is remembered ---- */

/* What an instruction remembers of a node may go, and be gone already in part. */
static void visit_spot(struct ctm_tracer *tracer, struct ctm_location *location)
{
    uint32_t node = location->spot.node;
    if (ctm_context_is_idle(&tracer->stacks.nodes[node])) {
        location->parent = CTM_NO_CONTEXT;
        return;
    }
    ctm_stacks_see_node(&tracer->stacks, node);
    /* A site that was given back must not be looked at once the array of sites is shorter. */
    location->spot = ctm_tracer_spot(tracer, node);
}

/* An instruction keeps its frame: it belongs to code that lives, and may run again. */
static uint32_t visit_instruction(struct ctm_tracer *tracer, uint32_t at)
{
    struct ctm_location *location = ctm_address_map_at(&tracer->locations.instructions, at);
    if (location != NULL) {
        ctm_stacks_see_frame(&tracer->stacks, location->frame);
        if (location->parent != CTM_NO_CONTEXT) {
            visit_spot(tracer, location);
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

static uint32_t visit_folded(struct ctm_tracer *tracer, uint32_t row)
{
    uint32_t file = tracer->folded.rows[row].place.file;
    if (file != CTM_FOLDED_REST) {
        ctm_names_see(&tracer->names, file);
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
    if (!ctm_stacks_is_free_frame(&tracer->stacks, id) &&
        ctm_stacks_is_seen_frame(&tracer->stacks, id)) {
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

static uint32_t visit(struct ctm_tracer *tracer, uint32_t at)
{
    switch (tracer->reclaim.pass) {
    case CTM_RECLAIM_SITES:
        return visit_site(tracer, at);
    case CTM_RECLAIM_INSTRUCTIONS:
        return visit_instruction(tracer, at);
    case CTM_RECLAIM_OWNERS:
        return visit_owner(tracer, at);
    case CTM_RECLAIM_FOLDED:
        return visit_folded(tracer, at);
    case CTM_RECLAIM_NODES:
        return visit_node(tracer, at);
    case CTM_RECLAIM_FRAMES:
        return visit_frame(tracer, at);
    case CTM_RECLAIM_NAMES:
        return visit_name(tracer, at);
    case CTM_RECLAIM_IDLE:
        break;
    }
    return 1;
}

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

/*
 * From a table's end down, so that the lowest free id becomes the next to be used. A list of free
 * ids is begun anew in the step that makes the first visits, and not before: what was added at the
 * end meanwhile would stay there, once for each cycle.
 */
static void begin_pass(struct ctm_tracer *tracer, enum ctm_reclaim_pass pass)
{
    struct ctm_reclaim *reclaim = &tracer->reclaim;
    reclaim->pass = pass;
    switch (pass) {
    case CTM_RECLAIM_IDLE:
        break;
    case CTM_RECLAIM_SITES:
        judge(tracer);
        tracer->stacks.cycle++;
        tracer->names.cycle++;
        tracer->sites.first_free = 0;
        reclaim->left = tracer->sites.length - 1;
        break;
    case CTM_RECLAIM_INSTRUCTIONS:
        /* All sites that go in this cycle are gone; and whatever is asked for from now on will be
         * asked of the nodes themselves, which are given back unless this cycle saw them. */
        ctm_edges_clear(tracer->stacks.edges);
        begin_map(reclaim, &tracer->locations.instructions);
        break;
    case CTM_RECLAIM_OWNERS:
        begin_map(reclaim, &tracer->locations.owners);
        break;
    case CTM_RECLAIM_FOLDED:
        reclaim->left = tracer->folded.length;
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

static void end_pass(struct ctm_tracer *tracer)
{
    struct ctm_reclaim *reclaim = &tracer->reclaim;
    if (reclaim->pass == CTM_RECLAIM_NODES) {
        uint64_t twice = (uint64_t)tracer->stacks.node_index.used * 2;
        uint64_t at = (twice < reclaim->least ? reclaim->least : twice) * reclaim->patience;
        reclaim->at = at < UINT32_MAX ? (uint32_t)at : UINT32_MAX;
        ctm_sites_shrink(&tracer->sites, reclaim->at);
        ctm_stacks_shrink_nodes(&tracer->stacks, reclaim->at);
    } else if (reclaim->pass == CTM_RECLAIM_FRAMES) {
        ctm_stacks_shrink_frames(&tracer->stacks, reclaim->at);
    } else if (reclaim->pass == CTM_RECLAIM_NAMES) {
        ctm_names_shrink(&tracer->names, reclaim->at);
        reclaim->cycles++;
        reclaim->pass = CTM_RECLAIM_IDLE;
    }
}

void ctm_reclaim_step_hook(struct ctm_tracer *tracer, uint32_t node)
{
    struct ctm_reclaim *reclaim = &tracer->reclaim;
    const struct ctm_index *nodes = &tracer->stacks.node_index;
    if (reclaim->pass == CTM_RECLAIM_IDLE) {
        reclaim->nodes = nodes->used;
    }
    if (reclaim->left == 0) {
        begin_pass(tracer, reclaim->pass + 1);
    }
    const struct ctm_address_map *map = map_of(tracer);
    if (map != NULL && map->moves != reclaim->moves) {
        begin_map(reclaim, map);
    }
    ctm_stacks_see_node(&tracer->stacks, node);
    uint64_t budget = (uint64_t)reclaim->pace * (1 + nodes->used - reclaim->nodes);
    for (uint64_t cost = 0; cost < budget && reclaim->left > 0;) {
        cost += visit(tracer, --reclaim->left);
    }
    if (reclaim->left == 0) {
        /* And no more in this step: a table may have to be copied into a smaller one. */
        end_pass(tracer);
    }
    reclaim->nodes = nodes->used;
}
