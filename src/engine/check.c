#include "engine/check.h"

#include <stdlib.h>
#include <string.h>

#include "engine/check_parts.h"

/* What is counted from scratch, to be compared with the counters. */
struct count {
    const struct ctm_tracer *tracer;
    struct ctm_site *sites; /* what each has gained with the blocks that there are, by site id */
    bool foreign;           /* a block names a site that is none */
};

static bool refuse_all(void *context, size_t size)
{
    (void)context;
    (void)size;
    return true;
}

/* ---- names and stacks ---- */

static const char *check_index(const struct ctm_index *index, size_t expected)
{
    if (index->slots == NULL) {
        return expected == 0 && index->used == 0 ? NULL : "index: entries, but no slots";
    }
    size_t capacity = index->capacity;
    size_t used = 0;
    for (size_t i = 0; i < capacity; i++) {
        used += index->slots[i] != 0 ? 1 : 0;
    }
    if (used != index->used || used != expected || used > capacity / 4 * 3) {
        return "index: the number of entries is wrong";
    }
    return ctm_check_owns_mapping(index->pages, index->slots, capacity * sizeof *index->slots)
               ? NULL
               : "index: slots without a mapping";
}

static bool is_name(const struct ctm_names *names, uint32_t id)
{
    return id < names->length && names->items[id].bytes != NULL;
}

/*
 * Entries are looked up by interning them again, into a copy of the table's head that is full and
 * gets no memory: what is there is found, what is not fails and changes nothing. Its cycle is the
 * entry's own, so that being asked for leaves no mark either.
 */
static const char *check_name(const struct ctm_names *names, uint32_t id)
{
    struct ctm_pages none = {.refuse = refuse_all};
    struct ctm_arena no_arena;
    ctm_arena_init(&no_arena, &none);
    const struct ctm_name *name = &names->items[id];
    struct ctm_names copy = *names;
    copy.arena = &no_arena;
    copy.index.pages = &none;
    copy.length = copy.capacity;
    copy.first_free = UINT32_MAX;
    copy.cycle = name->seen;
    uint32_t found;
    if (!ctm_check_is_mapped(names->arena->pages, name->bytes, name->length)) {
        return "names: a text outside all mappings";
    }
    if (ctm_names_intern(&copy, name->bytes, name->length, &found) < 0 || found != id) {
        return "names: a name is not found, or found twice";
    }
    return NULL;
}

static const char *check_names(const struct ctm_names *names)
{
    uint32_t used = 0;
    uint32_t linked = 0;
    for (uint32_t id = 0; id < names->length; id++) {
        if (names->items[id].bytes == NULL) {
            continue;
        }
        used++;
        const char *broken = check_name(names, id);
        if (broken != NULL) {
            return broken;
        }
    }
    for (uint32_t id = names->first_free; id != UINT32_MAX; id = names->items[id].length) {
        if (id >= names->length || names->items[id].bytes != NULL || linked++ > names->length) {
            return "names: the list of free ones is wrong";
        }
    }
    if (!ctm_check_owns_mapping(names->arena->pages, names->items,
                                names->capacity * sizeof *names->items)) {
        return "names: items without a mapping";
    }
    return check_index(&names->index, used);
}

static const char *check_frame(const struct ctm_tracer *tracer, uint32_t id)
{
    const struct ctm_stacks *stacks = &tracer->stacks;
    const struct ctm_location_frame *frame = &stacks->frames[id];
    struct ctm_pages none = {.refuse = refuse_all};
    struct ctm_stacks copy = *stacks;
    copy.pages = &none;
    copy.frame_index.pages = &none;
    copy.frame_length = copy.frame_capacity;
    copy.first_free_frame = UINT32_MAX;
    copy.cycle = frame->seen;
    uint32_t found;
    if (!is_name(&tracer->names, frame->file) || !is_name(&tracer->names, frame->name)) {
        return "stacks: a frame names no name";
    }
    if (ctm_stacks_frame(&copy, *frame, &found) < 0 || found != id) {
        return "stacks: a frame is not found, or found twice";
    }
    return NULL;
}

static const char *check_frames(const struct ctm_tracer *tracer)
{
    const struct ctm_stacks *stacks = &tracer->stacks;
    uint32_t used = 0;
    uint32_t linked = 0;
    for (uint32_t id = 0; id < stacks->frame_length; id++) {
        if (ctm_stacks_is_free_frame(stacks, id)) {
            continue;
        }
        used++;
        const char *broken = check_frame(tracer, id);
        if (broken != NULL) {
            return broken;
        }
    }
    for (uint32_t id = stacks->first_free_frame; id != UINT32_MAX; id = stacks->frames[id].name) {
        if (id >= stacks->frame_length || !ctm_stacks_is_free_frame(stacks, id) ||
            linked++ > stacks->frame_length) {
            return "stacks: the list of free frames is wrong";
        }
    }
    if (!ctm_check_owns_mapping(stacks->pages, stacks->frames,
                                stacks->frame_capacity * sizeof *stacks->frames)) {
        return "stacks: frames without a mapping";
    }
    return check_index(&stacks->frame_index, used);
}

static bool is_frame(const struct ctm_stacks *stacks, uint32_t id)
{
    return id < stacks->frame_length && !ctm_stacks_is_free_frame(stacks, id);
}

static bool is_node(const struct ctm_stacks *stacks, uint32_t id)
{
    return id < stacks->node_length && !ctm_stacks_is_free_node(stacks, id);
}

static bool site_is_nodes(const struct ctm_tracer *tracer, uint32_t site, uint32_t node)
{
    return site < tracer->sites.length && ctm_site_is_of(&tracer->sites, site, node);
}

static const char *check_node(const struct ctm_tracer *tracer, uint32_t id)
{
    const struct ctm_stacks *stacks = &tracer->stacks;
    const struct ctm_context *node = &stacks->nodes[id];
    uint32_t oldest = node->parent;
    for (uint32_t left = stacks->node_length; left > 0 && is_node(stacks, oldest); left--) {
        oldest = stacks->nodes[oldest].parent;
    }
    if (!is_frame(stacks, node->frame) || !ctm_stacks_is_root(oldest)) {
        return "stacks: a node's frame or parent is wrong";
    }
    if (node->site != CTM_NO_SITE && !site_is_nodes(tracer, node->site, id)) {
        return "stacks: a node's site is not its own";
    }
    if (ctm_stacks_find(stacks, node->parent, node->frame) != id) {
        return "stacks: a node is not found, or found twice";
    }
    return NULL;
}

static const char *check_nodes(const struct ctm_tracer *tracer)
{
    const struct ctm_stacks *stacks = &tracer->stacks;
    uint32_t used = 0;
    uint32_t linked = 0;
    for (uint32_t id = 0; id < stacks->node_length; id++) {
        if (ctm_stacks_is_free_node(stacks, id)) {
            continue;
        }
        used++;
        const char *broken = check_node(tracer, id);
        if (broken != NULL) {
            return broken;
        }
    }
    for (uint32_t id = stacks->first_free_node; id != UINT32_MAX; id = stacks->nodes[id].parent) {
        if (id >= stacks->node_length || !ctm_stacks_is_free_node(stacks, id) ||
            linked++ > stacks->node_length) {
            return "stacks: the list of free nodes is wrong";
        }
    }
    if (!ctm_check_owns_mapping(stacks->pages, stacks->nodes,
                                stacks->node_capacity * sizeof *stacks->nodes)) {
        return "stacks: nodes without a mapping";
    }
    return check_index(&stacks->node_index, used);
}

/* ---- sites ---- */

static const char *check_sites(const struct ctm_tracer *tracer)
{
    const struct ctm_sites *sites = &tracer->sites;
    struct ctm_pages none = {.refuse = refuse_all};
    struct ctm_sites copy = *sites;
    copy.pages = &none;
    copy.domain_index.pages = &none;
    copy.length = copy.capacity;
    copy.first_free = 0;
    size_t indexed = 0;
    if (!ctm_site_is_free(&sites->items[0])) {
        return "sites: site 0 is of a node";
    }
    for (uint32_t id = 1; id < sites->length; id++) {
        const struct ctm_site *site = &sites->items[id];
        uint32_t found;
        if (ctm_site_is_free(site)) {
            continue;
        }
        uint32_t node = ctm_site_node(site);
        if (!is_node(&tracer->stacks, node)) {
            return "sites: a site's node is none";
        }
        if (ctm_site_domain(site) == 0) {
            if (tracer->stacks.nodes[node].site != id) {
                return "sites: a node does not know its site";
            }
            continue;
        }
        indexed++;
        if (ctm_sites_domain(&copy, ctm_site_domain(site), node, &found) < 0 || found != id) {
            return "sites: the site of a domain is not found, or found twice";
        }
    }
    if (!ctm_check_owns_mapping(sites->pages, sites->items,
                                sites->capacity * sizeof *sites->items) ||
        !ctm_check_owns_mapping(sites->pages, sites->saved,
                                sites->saved_capacity * sizeof *sites->saved)) {
        return "sites: items without a mapping";
    }
    return check_index(&sites->domain_index, indexed);
}

static const char *check_users(const struct ctm_tracer *tracer)
{
    const struct ctm_stacks *stacks = &tracer->stacks;
    uint32_t *users = calloc((size_t)stacks->node_length + 1, sizeof *users);
    bool right = users != NULL;
    for (uint32_t id = 0; right && id < stacks->node_length; id++) {
        if (is_node(stacks, id) && !ctm_stacks_is_root(stacks->nodes[id].parent)) {
            users[stacks->nodes[id].parent]++;
        }
    }
    for (uint32_t id = 1; right && id < tracer->sites.length; id++) {
        const struct ctm_site *site = &tracer->sites.items[id];
        if (!ctm_site_is_free(site) && ctm_site_domain(site) != 0) {
            users[ctm_site_node(site)]++;
        }
    }
    for (uint32_t id = 0; right && id < stacks->node_length; id++) {
        right = stacks->nodes[id].users == users[id];
    }
    const char *broken = users == NULL ? "no memory to check" : "stacks: a node's users are wrong";
    free(users);
    return right ? NULL : broken;
}

static const char *check_free_sites(const struct ctm_tracer *tracer)
{
    const struct ctm_sites *sites = &tracer->sites;
    uint32_t expected = 0;
    uint32_t linked = 0;
    for (uint32_t id = 1; id < sites->length; id++) {
        const struct ctm_site *site = &sites->items[id];
        if (!ctm_site_is_free(site)) {
            continue;
        }
        expected++;
        if ((site->stamp | site->gained_blocks | site->lost_blocks | site->received_blocks) != 0) {
            return "sites: a free site counts something";
        }
    }
    for (uint64_t id = sites->first_free; id != 0; id = sites->saved[id].blocks) {
        if (id >= sites->length || !ctm_site_is_free(&sites->items[id]) || linked++ > expected) {
            return "sites: the list of free ones is wrong";
        }
    }
    /* A pass over the sites links them anew. */
    return linked == expected || tracer->reclaim.pass == CTM_RECLAIM_SITES
               ? NULL
               : "sites: a free one is not in the list";
}

static void count_block(void *context, struct ctm_block block)
{
    struct count *count = context;
    if (block.site == CTM_NO_SITE || block.site >= count->tracer->sites.length) {
        count->foreign = true;
        return;
    }
    count->sites[block.site].gained_bytes += block.size;
    count->sites[block.site].gained_blocks++;
}

static const char *compare_counters(const struct ctm_sites *sites, const struct count *count)
{
    uint64_t current_bytes = 0;
    uint64_t peak_bytes = 0;
    for (uint32_t id = 1; id < sites->length; id++) {
        const struct ctm_site *site = &sites->items[id];
        const struct ctm_site *counted = &count->sites[id];
        if (ctm_site_live_bytes(site) != ctm_site_live_bytes(counted) ||
            ctm_site_live_blocks(site) != ctm_site_live_blocks(counted)) {
            return "sites: a site's counters are not the sums of its blocks";
        }
        if (site->stamp > sites->epoch || (site->stamp == sites->epoch && !sites->away)) {
            return "sites: a stamp that cannot be";
        }
        if (ctm_site_peak_bytes(sites, id) != 0 && ctm_site_peak_blocks(sites, id) == 0) {
            return "sites: bytes at the peak, but no block";
        }
        current_bytes += ctm_site_live_bytes(site);
        peak_bytes += ctm_site_peak_bytes(sites, id);
    }
    if (peak_bytes != sites->peak_bytes) {
        return "sites: the composition of the peak does not add up to it";
    }
    return current_bytes == ctm_sites_current_bytes(sites)
               ? NULL
               : "sites: the current memory is not the sum of the sites";
}

static const char *check_counters(const struct ctm_tracer *tracer)
{
    struct count count = {.tracer = tracer};
    count.sites = calloc(tracer->sites.length, sizeof *count.sites);
    if (count.sites == NULL) {
        return "no memory to check";
    }
    ctm_blocks_each(&tracer->blocks, count_block, &count);
    const char *broken =
        count.foreign ? "blocks: a block of no site" : compare_counters(&tracer->sites, &count);
    free(count.sites);
    return broken;
}

static const char *check_folded(const struct ctm_tracer *tracer)
{
    const struct ctm_folded *folded = &tracer->folded;
    uint32_t lines = 0;
    uint32_t files = 0;
    for (uint32_t i = 0; i < folded->length; i++) {
        const struct ctm_folded_row *row = &folded->rows[i];
        lines += row->place.line != 0 ? 1 : 0;
        if (row->place.file == CTM_FOLDED_REST) {
            continue;
        }
        files += row->place.line == 0 ? 1 : 0;
        if (!is_name(&tracer->names, row->place.file)) {
            return "folded: a row of no file";
        }
    }
    if (lines != folded->lines || files != folded->files) {
        return "folded: the number of lines or files is wrong";
    }
    if (!ctm_check_owns_mapping(folded->pages, folded->rows,
                                folded->capacity * sizeof *folded->rows)) {
        return "folded: rows without a mapping";
    }
    return check_index(&folded->index, folded->length);
}

/* ---- locations ---- */

static const char *check_map(const struct ctm_address_map *map)
{
    if (map->mask == 0) {
        return map->used == 0 ? NULL : "address map: items, but no table";
    }
    size_t used = 0;
    for (size_t i = 0; i <= map->mask; i++) {
        const char *item = map->items + i * map->item_size;
        uintptr_t address = ctm_address_map_key(item);
        if (address == 0) {
            continue;
        }
        used++;
        if (ctm_address_map_find(map, address, map->item_size) != item) {
            return "address map: an item is not found, or found twice";
        }
    }
    if (used != map->used || used * 2 > map->mask + 1) {
        return "address map: the number of items is wrong";
    }
    return ctm_check_owns_mapping(map->pages, map->items, (map->mask + 1) * map->item_size)
               ? NULL
               : "address map: items without a mapping";
}

static const char *check_instruction(const struct ctm_tracer *tracer,
                                     const struct ctm_location *location)
{
    const struct ctm_stacks *stacks = &tracer->stacks;
    if (!is_frame(stacks, location->frame)) {
        return "locations: an instruction of no frame";
    }
    if (location->parent == CTM_NO_CONTEXT) {
        return NULL;
    }
    uint32_t node = location->spot.node;
    if (!is_node(stacks, node) || stacks->nodes[node].parent != location->parent ||
        stacks->nodes[node].frame != location->frame) {
        return "locations: an instruction remembers a wrong node";
    }
    if (location->spot.site >= tracer->sites.capacity) {
        return "locations: an instruction remembers a site outside the array";
    }
    return NULL;
}

static const char *check_edges(const struct ctm_tracer *tracer)
{
    const struct ctm_stacks *stacks = &tracer->stacks;
    if (!ctm_check_owns_mapping(stacks->pages, stacks->edges,
                                CTM_EDGE_COUNT * sizeof *stacks->edges)) {
        return "edges: without a mapping";
    }
    for (size_t i = 0; i < CTM_EDGE_COUNT; i++) {
        const struct ctm_edge *edge = &stacks->edges[i];
        uint32_t node = edge->spot.node;
        if (edge->key == UINT64_MAX) {
            continue;
        }
        if (!is_node(stacks, node) || edge != ctm_edges_place(stacks->edges, edge->key) ||
            ctm_edge_key(stacks->nodes[node].parent, stacks->nodes[node].frame) != edge->key) {
            return "edges: one leads to a wrong node";
        }
        if (edge->spot.site >= tracer->sites.capacity) {
            return "edges: one leads to a site outside the array";
        }
    }
    return NULL;
}

static const char *check_locations(const struct ctm_tracer *tracer)
{
    const struct ctm_address_map *instructions = &tracer->locations.instructions;
    const char *broken = check_map(instructions);
    if (broken == NULL) {
        broken = check_map(&tracer->locations.owners);
    }
    for (uint32_t i = 0; broken == NULL && i < ctm_address_map_capacity(instructions); i++) {
        struct ctm_location location;
        memcpy(&location, instructions->items + i * instructions->item_size, sizeof location);
        if (location.instruction != 0) {
            broken = check_instruction(tracer, &location);
        }
    }
    return broken;
}

static const char *check_ghosts(const struct ctm_ghosts *ghosts)
{
    for (size_t i = 0; i < 2; i++) {
        const uint64_t *set = ghosts->sets[i];
        if (set != NULL && !ctm_check_is_mapped(ghosts->pages, set, sizeof *set)) {
            return "ghosts: a set without a mapping";
        }
    }
    return ghosts->returned <= ghosts->made ? NULL : "ghosts: more came back than was made";
}

static bool is_empty(const struct ctm_tracer *tracer)
{
    return tracer->pages.length == 0 && tracer->pages.mappings == NULL &&
           tracer->names.length == 0 && tracer->stacks.node_length == 0 &&
           tracer->sites.length == 0 && tracer->sites.room_bytes == 0 &&
           tracer->sites.peak_bytes == 0 && tracer->ghosts.sets[0] == NULL &&
           tracer->blocks.leaves == NULL &&
           ctm_address_map_capacity(&tracer->locations.owners) == 0 &&
           ctm_address_map_capacity(&tracer->locations.instructions) == 0;
}

const char *ctm_tracer_check(const struct ctm_tracer *tracer)
{
    if (!tracer->tracing) {
        return is_empty(tracer) ? NULL : "tracer: it does not trace, but its tables hold something";
    }
    const char *broken = ctm_check_memory(tracer);
    if (broken == NULL) {
        broken = check_names(&tracer->names);
    }
    if (broken == NULL) {
        broken = check_frames(tracer);
    }
    if (broken == NULL) {
        broken = check_nodes(tracer);
    }
    if (broken == NULL) {
        broken = check_sites(tracer);
    }
    if (broken == NULL) {
        broken = check_users(tracer);
    }
    if (broken == NULL) {
        broken = check_free_sites(tracer);
    }
    if (broken == NULL) {
        broken = check_folded(tracer);
    }
    if (broken == NULL) {
        broken = check_ghosts(&tracer->ghosts);
    }
    if (broken == NULL) {
        broken = ctm_check_blocks(tracer);
    }
    if (broken == NULL) {
        broken = check_edges(tracer);
    }
    if (broken == NULL) {
        broken = check_locations(tracer);
    }
    if (broken == NULL) {
        broken = check_counters(tracer);
    }
    return broken;
}
