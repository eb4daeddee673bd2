#include "engine/sites.h"

#include <string.h>

#include "engine/array.h"
#include "engine/blocks.h"
#include "engine/hash.h"

static int reserve(struct ctm_sites *sites, uint32_t length)
{
    int error = ctm_array_reserve(sites->pages, (void **)&sites->items, &sites->capacity, length,
                                  sizeof *sites->items);
    if (error == CTM_OK) {
        error = ctm_array_reserve(sites->pages, (void **)&sites->saved, &sites->saved_capacity,
                                  length, sizeof *sites->saved);
    }
    return error;
}

int ctm_sites_init(struct ctm_sites *sites, struct ctm_pages *pages)
{
    memset(sites, 0, sizeof *sites);
    sites->pages = pages;
    sites->length = 1; /* site 0 means none */
    sites->epoch = 1;
    ctm_index_init(&sites->domain_index, pages);
    int error = reserve(sites, 0);
    if (error == CTM_OK) {
        sites->items[0].key = CTM_FREE_SITE;
    }
    return error;
}

static int add(struct ctm_sites *sites, uint32_t domain, uint32_t node, uint32_t *site)
{
    if (sites->first_free != 0) {
        *site = sites->first_free;
        sites->first_free = (uint32_t)sites->saved[*site].blocks;
        sites->items[*site] = (struct ctm_site){.key = ctm_site_key(domain, node)};
        sites->saved[*site] = (struct ctm_site_saved){0};
        return CTM_OK;
    }
    if (sites->length > CTM_SITE_MAX) {
        return CTM_ELIMIT;
    }
    int error = reserve(sites, sites->length);
    if (error < 0) {
        return error;
    }
    sites->items[sites->length] = (struct ctm_site){.key = ctm_site_key(domain, node)};
    sites->saved[sites->length] = (struct ctm_site_saved){0};
    *site = sites->length++;
    return CTM_OK;
}

int ctm_sites_add(struct ctm_sites *sites, uint32_t node, uint32_t *site)
{
    return add(sites, 0, node, site);
}

static CTM_NOINLINE uint32_t find_far(const struct ctm_sites *sites, uint32_t domain, uint32_t node)
{
    uint64_t hash = ctm_hash_pair(domain, node);
    uint32_t probe = 0;
    uint32_t found;
    while ((found = ctm_index_next(&sites->domain_index, hash, &probe)) != UINT32_MAX) {
        if (sites->items[found].key == ctm_site_key(domain, node)) {
            return found;
        }
    }
    return 0;
}

uint32_t ctm_sites_find(struct ctm_sites *sites, uint32_t domain, uint32_t node)
{
    uint32_t *near = &sites->domain_near[node % CTM_SITES_NEAR];
    if (CTM_UNLIKELY(sites->items[*near].key != ctm_site_key(domain, node))) {
        *near = find_far(sites, domain, node);
    }
    return *near;
}

int ctm_sites_domain(struct ctm_sites *sites, uint32_t domain, uint32_t node, uint32_t *site)
{
    uint32_t found = find_far(sites, domain, node);
    if (found != 0) {
        *site = found;
        return CTM_OK;
    }
    int error = ctm_index_reserve(&sites->domain_index);
    if (error < 0) {
        return error;
    }
    error = add(sites, domain, node, site);
    if (error < 0) {
        return error;
    }
    ctm_index_put(&sites->domain_index, ctm_hash_pair(domain, node), *site);
    return CTM_OK;
}

void ctm_sites_free(struct ctm_sites *sites, uint32_t id)
{
    struct ctm_site *site = &sites->items[id];
    if (!ctm_site_is_free(site)) {
        uint32_t domain = ctm_site_domain(site);
        if (domain != 0) {
            uint64_t hash = ctm_hash_pair(domain, ctm_site_node(site));
            ctm_index_remove(&sites->domain_index, hash, id);
        }
        *site = (struct ctm_site){.key = CTM_FREE_SITE};
        sites->saved[id] = (struct ctm_site_saved){0};
    }
    if (id + 1 == sites->length) {
        sites->length--;
        return;
    }
    sites->saved[id].blocks = sites->first_free;
    sites->first_free = id;
}

void ctm_sites_shrink(struct ctm_sites *sites, uint32_t room)
{
    /* They may lie outside of the array afterwards. */
    memset(sites->domain_near, 0, sizeof sites->domain_near);
    ctm_array_shrink(sites->pages, (void **)&sites->items, &sites->capacity, sites->length, room,
                     sizeof *sites->items);
    ctm_array_shrink(sites->pages, (void **)&sites->saved, &sites->saved_capacity, sites->length,
                     room, sizeof *sites->saved);
    ctm_index_shrink(&sites->domain_index, 0);
}

CTM_COLD void ctm_site_save_slow(struct ctm_sites *sites, uint32_t site)
{
    struct ctm_site *s = &sites->items[site];
    s->stamp = sites->epoch;
    sites->saved[site] = (struct ctm_site_saved){ctm_site_live_bytes(s), ctm_site_live_blocks(s)};
    sites->away = true;
}

void ctm_sites_reset_churn(struct ctm_sites *sites)
{
    for (uint32_t i = 1; i < sites->length; i++) {
        struct ctm_site *s = &sites->items[i];
        s->lost_bytes = 0 - ctm_site_live_bytes(s);
        s->lost_blocks = 0 - ctm_site_live_blocks(s);
        s->gained_bytes = 0;
        s->gained_blocks = 0;
        s->received_bytes = 0;
        s->received_blocks = 0;
    }
}

uint64_t ctm_sites_live_blocks(const struct ctm_sites *sites)
{
    uint64_t blocks = 0;
    for (uint32_t i = 1; i < sites->length; i++) {
        blocks += ctm_site_live_blocks(&sites->items[i]);
    }
    return blocks;
}
