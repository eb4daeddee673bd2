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
        error = ctm_array_reserve(sites->pages, (void **)&sites->reused, &sites->reuse_capacity,
                                  length, sizeof *sites->reused);
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
    return reserve(sites, 0);
}

static int add(struct ctm_sites *sites, uint32_t domain, uint32_t node, uint32_t *site)
{
    if (sites->first_free != 0) {
        *site = sites->first_free;
        sites->first_free = (uint32_t)sites->items[*site].saved_blocks;
        sites->items[*site] = (struct ctm_site){.node = node, .domain = domain};
        return CTM_OK;
    }
    if (sites->length > CTM_SITE_MAX) {
        return CTM_ELIMIT;
    }
    int error = reserve(sites, sites->length);
    if (error < 0) {
        return error;
    }
    sites->reused[sites->length] = (struct ctm_reuse){0};
    sites->items[sites->length] = (struct ctm_site){.node = node, .domain = domain};
    *site = sites->length++;
    return CTM_OK;
}

int ctm_sites_add(struct ctm_sites *sites, uint32_t node, uint32_t *site)
{
    return add(sites, 0, node, site);
}

uint32_t ctm_sites_find(const struct ctm_sites *sites, uint32_t domain, uint32_t node)
{
    uint64_t hash = ctm_hash_pair(domain, node);
    uint32_t probe = 0;
    uint32_t found;
    while ((found = ctm_index_next(&sites->domain_index, hash, &probe)) != UINT32_MAX) {
        if (sites->items[found].domain == domain && sites->items[found].node == node) {
            return found;
        }
    }
    return 0;
}

int ctm_sites_domain(struct ctm_sites *sites, uint32_t domain, uint32_t node, uint32_t *site)
{
    uint32_t found = ctm_sites_find(sites, domain, node);
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
        if (site->domain != 0) {
            ctm_index_remove(&sites->domain_index, ctm_hash_pair(site->domain, site->node), id);
        }
        *site = (struct ctm_site){.node = UINT32_MAX};
        sites->reused[id] = (struct ctm_reuse){0};
    }
    if (id + 1 == sites->length) {
        sites->length--;
        return;
    }
    site->saved_blocks = sites->first_free;
    sites->first_free = id;
}

void ctm_sites_shrink(struct ctm_sites *sites, uint32_t room)
{
    ctm_array_shrink(sites->pages, (void **)&sites->items, &sites->capacity, sites->length, room,
                     sizeof *sites->items);
    ctm_array_shrink(sites->pages, (void **)&sites->reused, &sites->reuse_capacity, sites->length,
                     room, sizeof *sites->reused);
    ctm_index_shrink(&sites->domain_index, 0);
}

CTM_COLD void ctm_site_save_slow(struct ctm_sites *sites, struct ctm_site *s)
{
    s->stamp = sites->epoch;
    s->saved_bytes = s->live_bytes;
    s->saved_blocks = s->live_blocks;
    sites->away = true;
}

void ctm_sites_reset_peak(struct ctm_sites *sites)
{
    ctm_sites_new_peak(sites);
}

void ctm_sites_reset_churn(struct ctm_sites *sites)
{
    for (uint32_t i = 1; i < sites->length; i++) {
        sites->items[i].total_bytes = 0;
        sites->items[i].total_blocks = 0;
        sites->reused[i] = (struct ctm_reuse){0};
    }
}
