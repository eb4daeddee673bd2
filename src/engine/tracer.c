#include "engine/tracer.h"

#include <string.h>

#include "engine/reclaim.h"

static const char unknown_file[] = "<unknown>";

/* Tables that hold nothing and own nothing. */
static void empty_tables(struct ctm_tracer *tracer)
{
    ctm_arena_init(&tracer->arena, &tracer->pages);
    ctm_names_init(&tracer->names, &tracer->arena);
    ctm_stacks_init(&tracer->stacks, &tracer->pages);
    ctm_locations_init(&tracer->locations, &tracer->pages);
    memset(&tracer->blocks, 0, sizeof tracer->blocks);
    memset(&tracer->sites, 0, sizeof tracer->sites);
    ctm_folded_init(&tracer->folded, &tracer->pages);
    ctm_ghosts_init(&tracer->ghosts, &tracer->pages);
}

void ctm_tracer_init(struct ctm_tracer *tracer)
{
    memset(tracer, 0, sizeof *tracer);
    ctm_pages_init(&tracer->pages);
    empty_tables(tracer);
    tracer->churn_lines = CTM_FOLDED_LINES;
    tracer->generation = 1;
    tracer->era = 1;
}

/* Names, frame and node that every table has, so that a stack can always be named. */
static int intern_unknown(struct ctm_tracer *tracer)
{
    uint32_t empty;
    uint32_t file;
    uint32_t frame;
    uint32_t node;
    int error = ctm_names_intern(&tracer->names, "", 0, &empty);
    if (error == CTM_OK) {
        error = ctm_names_intern(&tracer->names, unknown_file, sizeof unknown_file - 1, &file);
    }
    if (error == CTM_OK) {
        struct ctm_location_frame unknown = {.file = file, .name = empty, .line = 0};
        error = ctm_stacks_frame(&tracer->stacks, unknown, &frame);
    }
    if (error == CTM_OK) {
        error = ctm_stacks_child(&tracer->stacks, ctm_stacks_root(0), frame, &node);
    }
    return error;
}

int ctm_tracer_start(struct ctm_tracer *tracer)
{
    int error = ctm_sites_init(&tracer->sites, &tracer->pages);
    if (error == CTM_OK) {
        error = ctm_blocks_init(&tracer->blocks, &tracer->arena);
    }
    if (error == CTM_OK) {
        error = intern_unknown(tracer);
    }
    if (error < 0) {
        ctm_tracer_stop(tracer);
        return error;
    }
    tracer->disowned.address = 0;
    tracer->dropped = 0;
    tracer->lost = 0;
    tracer->missed_frees = 0;
    tracer->folded.line_limit = tracer->churn_lines;
    ctm_reclaim_init(&tracer->reclaim);
    tracer->tracing = true;
    return CTM_OK;
}

void ctm_tracer_stop(struct ctm_tracer *tracer)
{
    tracer->tracing = false;
    tracer->generation++;
    tracer->era++;
    ctm_pages_deinit(&tracer->pages);
    empty_tables(tracer);
}

int ctm_tracer_clear(struct ctm_tracer *tracer)
{
    uint64_t dropped = tracer->dropped;
    uint64_t lost = tracer->lost;
    uint64_t missed_frees = tracer->missed_frees;
    ctm_tracer_stop(tracer);
    int error = ctm_tracer_start(tracer);
    tracer->dropped = dropped;
    tracer->lost = lost;
    tracer->missed_frees = missed_frees;
    return error;
}

static CTM_NOINLINE uint32_t add_site(struct ctm_tracer *tracer, uint32_t domain, uint32_t node)
{
    struct ctm_sites *sites = &tracer->sites;
    uint32_t site;
    /* Before the site is made, which would be taken for one that nothing needs. */
    if (ctm_reclaim_is_due(tracer)) {
        ctm_reclaim_step_hook(tracer, node);
    }
    if (tracer->ghosts.sets[0] != NULL) {
        ctm_reclaim_made_hook(tracer, node);
    }
    int error = domain == 0 ? ctm_sites_add(sites, node, &site)
                            : ctm_sites_domain(sites, domain, node, &site);
    if (error < 0) {
        return CTM_NO_SITE;
    }
    if (domain == 0) {
        tracer->stacks.nodes[node].site = site;
    } else {
        ctm_stacks_use(&tracer->stacks, node);
    }
    return site;
}

/* The site of a node in a domain, made if it is not there; CTM_NO_SITE: no memory, or no node. */
static inline uint32_t make_site(struct ctm_tracer *tracer, uint32_t domain, uint32_t node)
{
    if (node == CTM_NO_CONTEXT) {
        return CTM_NO_SITE;
    }
    uint32_t site = domain == 0 ? tracer->stacks.nodes[node].site
                                : ctm_sites_find(&tracer->sites, domain, node);
    return site != CTM_NO_SITE ? site : add_site(tracer, domain, node);
}

void ctm_tracer_reset_churn(struct ctm_tracer *tracer)
{
    ctm_sites_reset_churn(&tracer->sites);
    ctm_folded_reset(&tracer->folded);
    if (tracer->reclaim.pass == CTM_RECLAIM_FOLDED) {
        tracer->reclaim.left = 0; /* the rows that the pass was to visit are gone */
    }
}

void ctm_tracer_watched_hook(struct ctm_tracer *tracer, uintptr_t address)
{
    if (address == 0) {
        return; /* no key of the map, and no owner's address */
    }
    struct ctm_owner *owner = ctm_locations_owner(&tracer->locations, address);
    if (owner == NULL) {
        return;
    }
    ctm_locations_remove_owner(&tracer->locations, owner);
    ctm_blocks_unwatch(&tracer->blocks, address);
    tracer->generation++;
}

struct ctm_owner *ctm_tracer_add_owner_hook(struct ctm_tracer *tracer, uintptr_t address)
{
    if (ctm_blocks_watch(&tracer->blocks, address) < 0) {
        return NULL;
    }
    struct ctm_owner *owner = ctm_locations_add_owner(&tracer->locations, address);
    if (owner == NULL) {
        ctm_blocks_unwatch(&tracer->blocks, address);
    }
    return owner;
}

/* The address was handed out without a free of what was known there. */
static void replaced(struct ctm_tracer *tracer, uintptr_t address, struct ctm_block old)
{
    /* What was watched at this address died unseen, too. */
    ctm_tracer_watched_hook(tracer, address);
    ctm_sites_lose(&tracer->sites, old.site, old.size);
    tracer->missed_frees++;
}

/* What is not a large block at an address that had none, or has no site. */
static CTM_NOINLINE void allocated_otherwise(struct ctm_tracer *tracer, uintptr_t address,
                                             uint64_t size, uint32_t site)
{
    struct ctm_block old;
    bool had_old;
    int result = CTM_ENOMEM;
    if (site == CTM_NO_SITE) {
        had_old = (ctm_blocks_take(&tracer->blocks, address, &old) & CTM_TAKEN_BLOCK) != 0;
    } else {
        result = ctm_blocks_put(&tracer->blocks, address, size, site, &old, &had_old);
    }
    if (had_old) {
        replaced(tracer, address, old);
    }
    if (result < 0) {
        tracer->dropped++;
        return;
    }
    ctm_sites_gain(&tracer->sites, site, size);
}

void ctm_tracer_allocated_slow_hook(struct ctm_tracer *tracer, uintptr_t address, uint64_t size,
                                    uint32_t node)
{
    uint32_t site = make_site(tracer, 0, node);
    if (site != CTM_NO_SITE && ctm_blocks_put_large(&tracer->blocks, address, size, site)) {
        ctm_sites_gain(&tracer->sites, site, size);
    } else {
        allocated_otherwise(tracer, address, size, site);
    }
}

struct ctm_block ctm_tracer_freed_slow_hook(struct ctm_tracer *tracer, uintptr_t address)
{
    struct ctm_block old = {.site = CTM_NO_SITE};
    unsigned taken = ctm_blocks_take(&tracer->blocks, address, &old);
    if ((taken & CTM_TAKEN_WATCHED) != 0) {
        ctm_tracer_watched_hook(tracer, address);
    }
    if ((taken & CTM_TAKEN_BLOCK) != 0) {
        ctm_sites_lose(&tracer->sites, old.site, old.size);
    }
    return old;
}

void ctm_tracer_restored_hook(struct ctm_tracer *tracer, uintptr_t address, struct ctm_block old)
{
    struct ctm_block other;
    bool had_other = false;
    int result = ctm_blocks_put(&tracer->blocks, address, old.size, old.site, &other, &had_other);
    if (had_other) {
        replaced(tracer, address, other);
    }
    if (result < 0) {
        tracer->dropped++;
        return;
    }
    ctm_sites_restore(&tracer->sites, old.site, old.size);
}

int ctm_tracer_track_hook(struct ctm_tracer *tracer, uint32_t domain, uintptr_t address,
                          uint64_t size, uint32_t node)
{
    if (domain == 0) {
        ctm_tracer_untrack_hook(tracer, domain, address);
        uint64_t dropped = tracer->dropped;
        ctm_tracer_allocated_hook(tracer, address, size, node);
        return tracer->dropped == dropped ? CTM_OK : CTM_ENOMEM;
    }
    const struct ctm_disowned *disowned = &tracer->disowned;
    bool was_disowned = address != 0 && address == disowned->address;
    tracer->disowned.address = 0;
    struct ctm_block old;
    int result = CTM_ENOMEM;
    uint32_t site = make_site(tracer, domain, node);
    if (site != CTM_NO_SITE) {
        result = ctm_blocks_put_domain(&tracer->blocks, domain, address, size, site, &old);
    }
    if (CTM_UNLIKELY(result < 0)) {
        /* Better no trace than one of another size. */
        ctm_tracer_untrack_hook(tracer, domain, address);
        tracer->dropped++;
        return CTM_ENOMEM;
    }
    if (result > 0) {
        ctm_sites_lose(&tracer->sites, old.site, old.size);
    }
    ctm_sites_gain(&tracer->sites, site, size);
    /* The room says nothing: whoever moves a block has given back the old one by now. */
    if (was_disowned && size == disowned->block.size && disowned->epoch == tracer->sites.epoch) {
        ctm_sites_pass_at_peak(&tracer->sites, disowned->block.site, site, size);
    }
    return CTM_OK;
}

void ctm_tracer_reused_hook(struct ctm_tracer *tracer, uintptr_t address, uint32_t node)
{
    struct ctm_block block;
    if (!ctm_blocks_get(&tracer->blocks, address, &block)) {
        return;
    }
    uint32_t site = make_site(tracer, 0, node);
    if (site == CTM_NO_SITE) {
        /* Better no trace than one that names the wrong line. */
        (void)ctm_tracer_freed_hook(tracer, address, &block);
        tracer->dropped++;
        return;
    }
    if (site == block.site) {
        ctm_sites_keep(&tracer->sites, site, block.size);
    } else {
        ctm_blocks_move(&tracer->blocks, address, site);
        ctm_sites_pass(&tracer->sites, block.site, site, block.size);
    }
}
