#include "engine/reclaim.h"

enum { LIVE = 1 };

static const char given_back[] = "<given back>";

/* For each kind of id: while marking, LIVE or 0; then the new id, DEAD_ID where there is none. */
struct survivors {
    uint32_t *nodes;
    uint32_t *frames;
    uint32_t *names;
};

#define DEAD_ID UINT32_MAX

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

/* How many sites stand for lines and for files that were given back. */
static void count_folded(struct ctm_tracer *tracer)
{
    tracer->folded_lines = 0;
    tracer->folded_files = 0;
    for (uint32_t id = 1; id < tracer->sites.length; id++) {
        if (ctm_site_is_free(&tracer->sites.items[id]) || !is_folded(tracer, id)) {
            continue;
        }
        uint32_t frame = tracer->stacks.nodes[tracer->sites.items[id].node].frame;
        if (tracer->stacks.frames[frame].line != 0) {
            tracer->folded_lines++;
        } else {
            tracer->folded_files++;
        }
    }
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
        ctm_stacks_child(&tracer->stacks, CTM_FOLDED_ROOT, frame, &node) < 0) {
        return site;
    }
    if (domain != 0) {
        if (ctm_sites_domain(&tracer->sites, domain, node, &site) < 0) {
            return CTM_NO_SITE;
        }
    } else {
        if (ctm_sites_add(&tracer->sites, node, &site) < 0) {
            return CTM_NO_SITE;
        }
        tracer->stacks.nodes[node].site = site;
    }
    ++*count;
    return site;
}

/* Move the churn of a site to where it is kept. False: no memory. */
static bool fold(struct ctm_tracer *tracer, uint32_t id)
{
    struct ctm_sites *sites = &tracer->sites;
    if (!has_churn(sites, id)) {
        return true;
    }
    uint32_t domain = sites->items[id].domain;
    uint32_t frame = tracer->stacks.nodes[sites->items[id].node].frame;
    struct ctm_location_frame place = tracer->stacks.frames[frame];
    uint32_t target = CTM_NO_SITE;
    if (place.line != 0) {
        target = folded_site(tracer, domain, place.file, place.line, &tracer->folded_lines,
                             tracer->folded_line_limit);
    }
    if (target == CTM_NO_SITE) {
        target = folded_site(tracer, domain, place.file, 0, &tracer->folded_files,
                             tracer->folded_file_limit);
        if (place.line != 0) {
            tracer->folded_exact = false;
        }
    }
    if (target == CTM_NO_SITE) {
        uint32_t one = 0;
        uint32_t file;
        if (ctm_names_intern(&tracer->names, given_back, sizeof given_back - 1, &file) < 0) {
            return false;
        }
        target = folded_site(tracer, domain, file, 0, &one, 1);
        if (target == CTM_NO_SITE) {
            return false;
        }
        tracer->folded_exact = false;
    }
    sites->items[target].total_bytes += sites->items[id].total_bytes;
    sites->items[target].total_blocks += sites->items[id].total_blocks;
    sites->reused[target].bytes += sites->reused[id].bytes;
    sites->reused[target].blocks += sites->reused[id].blocks;
    return true;
}

static void reclaim_sites(struct ctm_tracer *tracer)
{
    struct ctm_sites *sites = &tracer->sites;
    uint32_t length = sites->length; /* what is added meanwhile is needed */
    count_folded(tracer);
    for (uint32_t id = 1; id < length; id++) {
        if (ctm_site_is_free(&sites->items[id]) || is_needed(tracer, id) || !fold(tracer, id)) {
            continue;
        }
        if (sites->items[id].domain == 0) {
            tracer->stacks.nodes[sites->items[id].node].site = CTM_NO_SITE;
        }
        ctm_site_set_free(&sites->items[id]);
        sites->reused[id] = (struct ctm_reuse){0};
    }
    ctm_sites_collect(sites);
}

/* ---- marking ---- */

static void *next_item(const struct ctm_address_map *map, size_t *at)
{
    while (map->items != NULL && *at <= map->mask) {
        char *item = map->items + (*at)++ * map->item_size;
        if (ctm_address_map_key(item) != 0) {
            return item;
        }
    }
    return NULL;
}

static void mark_nodes(const struct ctm_tracer *tracer, uint32_t keep, uint32_t *nodes)
{
    nodes[CTM_UNKNOWN_NODE] = LIVE;
    if (keep != CTM_NO_CONTEXT) {
        nodes[keep] = LIVE;
    }
    for (uint32_t id = 1; id < tracer->sites.length; id++) {
        if (!ctm_site_is_free(&tracer->sites.items[id])) {
            nodes[tracer->sites.items[id].node] = LIVE;
        }
    }
    /* Parents come before their children. */
    for (uint32_t id = tracer->stacks.node_length; id-- > 0;) {
        uint32_t parent = tracer->stacks.nodes[id].parent;
        if (nodes[id] == LIVE && !ctm_stacks_is_root(parent)) {
            nodes[parent] = LIVE;
        }
    }
}

/* An instruction keeps its frame: it belongs to code that lives, and may run again. */
static void mark_frames(const struct ctm_tracer *tracer, const struct survivors *s)
{
    const struct ctm_location *location;
    s->frames[0] = LIVE;
    for (uint32_t id = 0; id < tracer->stacks.node_length; id++) {
        if (s->nodes[id] == LIVE) {
            s->frames[tracer->stacks.nodes[id].frame] = LIVE;
        }
    }
    for (size_t at = 0; (location = next_item(&tracer->locations.instructions, &at)) != NULL;) {
        s->frames[location->frame] = LIVE;
    }
}

static void mark_names(const struct ctm_tracer *tracer, const struct survivors *s)
{
    const struct ctm_owner *owner;
    s->names[0] = LIVE;
    for (uint32_t id = 0; id < tracer->stacks.frame_length; id++) {
        if (s->frames[id] == LIVE) {
            s->names[tracer->stacks.frames[id].file] = LIVE;
            s->names[tracer->stacks.frames[id].name] = LIVE;
        }
    }
    for (size_t at = 0; (owner = next_item(&tracer->locations.owners, &at)) != NULL;) {
        s->names[owner->file] = LIVE;
        s->names[owner->name] = LIVE;
    }
}

/* ---- packing ---- */

/* From marks to new ids. Returns how many there are. */
static uint32_t number(uint32_t *ids, uint32_t length)
{
    uint32_t next = 0;
    for (uint32_t id = 0; id < length; id++) {
        ids[id] = ids[id] == LIVE ? next++ : DEAD_ID;
    }
    return next;
}

static void pack_names(struct ctm_names *names, uint32_t *ids)
{
    uint32_t length = names->length;
    uint32_t left = number(ids, length);
    for (uint32_t id = 0; id < length; id++) {
        if (ids[id] != DEAD_ID) {
            names->items[ids[id]] = names->items[id];
        } else {
            ctm_names_free_text(names, id);
        }
    }
    names->length = left;
    ctm_names_reindex(names);
}

static void pack_stacks(struct ctm_stacks *stacks, const struct survivors *s)
{
    uint32_t frame_length = stacks->frame_length;
    uint32_t node_length = stacks->node_length;
    stacks->frame_length = number(s->frames, frame_length);
    for (uint32_t id = 0; id < frame_length; id++) {
        if (s->frames[id] != DEAD_ID) {
            struct ctm_location_frame frame = stacks->frames[id];
            frame.file = s->names[frame.file];
            frame.name = s->names[frame.name];
            stacks->frames[s->frames[id]] = frame;
        }
    }
    stacks->node_length = number(s->nodes, node_length);
    for (uint32_t id = 0; id < node_length; id++) {
        if (s->nodes[id] != DEAD_ID) {
            struct ctm_context node = stacks->nodes[id];
            node.frame = s->frames[node.frame];
            if (!ctm_stacks_is_root(node.parent)) {
                node.parent = s->nodes[node.parent];
            }
            stacks->nodes[s->nodes[id]] = node;
        }
    }
    ctm_stacks_reindex(stacks);
}

static void renumber_sites(struct ctm_sites *sites, const uint32_t *nodes)
{
    for (uint32_t id = 1; id < sites->length; id++) {
        if (!ctm_site_is_free(&sites->items[id])) {
            sites->items[id].node = nodes[sites->items[id].node];
        }
    }
    ctm_sites_reindex(sites);
}

static void renumber_locations(struct ctm_locations *locations, const struct survivors *s)
{
    struct ctm_location *location;
    struct ctm_owner *owner;
    for (size_t at = 0; (location = next_item(&locations->instructions, &at)) != NULL;) {
        location->frame = s->frames[location->frame];
        if (location->parent == CTM_NO_CONTEXT) {
            continue;
        }
        if (s->nodes[location->node] == DEAD_ID) {
            location->parent = CTM_NO_CONTEXT;
            continue;
        }
        location->node = s->nodes[location->node];
        if (!ctm_stacks_is_root(location->parent)) {
            location->parent = s->nodes[location->parent];
        }
    }
    for (size_t at = 0; (owner = next_item(&locations->owners, &at)) != NULL;) {
        owner->file = s->names[owner->file];
        owner->name = s->names[owner->name];
    }
}

uint32_t ctm_tracer_reclaim_hook(struct ctm_tracer *tracer, uint32_t keep)
{
    reclaim_sites(tracer);
    tracer->reclaims++;
    tracer->generation++;
    size_t node_length = tracer->stacks.node_length;
    size_t frame_length = tracer->stacks.frame_length;
    size_t bytes = (node_length + frame_length + tracer->names.length) * sizeof(uint32_t);
    uint32_t *ids = ctm_pages_map(&tracer->pages, bytes);
    if (ids != NULL) {
        struct survivors s = {ids, ids + node_length, ids + node_length + frame_length};
        mark_nodes(tracer, keep, s.nodes);
        mark_frames(tracer, &s);
        mark_names(tracer, &s);
        pack_names(&tracer->names, s.names);
        pack_stacks(&tracer->stacks, &s);
        renumber_sites(&tracer->sites, s.nodes);
        renumber_locations(&tracer->locations, &s);
        keep = keep == CTM_NO_CONTEXT ? keep : s.nodes[keep];
        ctm_pages_unmap(&tracer->pages, ids, bytes);
    }
    uint32_t twice = tracer->stacks.node_length * 2;
    tracer->reclaim_at = twice < tracer->reclaim_least ? tracer->reclaim_least : twice;
    return keep;
}
