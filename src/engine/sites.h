/*
 * Sites: what is counted for each (domain, stack), and the exact composition of the peak.
 *
 * Every call updates the counters of its site, so that the peak's composition costs next to
 * nothing: while memory climbs from peak to peak nothing is saved. The first change of a site
 * after the peak that is not itself a new peak saves the site's live values, stamped with the
 * current epoch. A new peak ends the epoch, which voids all saved values at once. So at any time a
 * site's value at the peak is the saved one if its stamp is current, else the live one. Of several
 * moments with the same peak, the first counts.
 *
 * Guarded by the tracer's gate.
 */
#ifndef CTM_ENGINE_SITES_H
#define CTM_ENGINE_SITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "engine/index.h"

struct ctm_site {
    uint64_t live_bytes;
    uint64_t live_blocks;
    uint64_t saved_bytes; /* at the peak, if stamp is the current epoch */
    uint64_t saved_blocks;
    uint64_t total_bytes; /* allocated here since start or ctm_sites_reset_churn, live or not */
    uint64_t total_blocks;
    uint64_t stamp;
    uint32_t node; /* id in the stacks */
    uint32_t domain;
};

/* Blocks handed to new objects without a call of the allocator. Apart from struct ctm_site, which
 * fills one cache line. */
struct ctm_reuse {
    uint64_t bytes;
    uint64_t blocks;
};

struct ctm_sites {
    struct ctm_pages *pages;
    struct ctm_site *items;   /* by site id; item 0 is unused */
    struct ctm_reuse *reused; /* by site id, as long as `items` */
    uint32_t reuse_capacity;
    uint32_t length;
    uint32_t capacity;
    uint32_t first_free;           /* id of a site to be used again; it knows the next; 0: none */
    struct ctm_index domain_index; /* sites of domains other than 0, by (domain, node) */
    uint64_t current_bytes;
    uint64_t current_blocks;
    uint64_t peak_bytes;
    uint64_t peak_blocks;
    uint64_t epoch; /* at least 1: a new site's stamp is 0 */
    bool away;      /* something was saved since the peak */
};

/* CTM_ENOMEM. */
CTM_MUST_CHECK int ctm_sites_init(struct ctm_sites *sites, struct ctm_pages *pages);

/* A new site of domain 0. CTM_ENOMEM, CTM_ELIMIT (2^28 sites). */
CTM_MUST_CHECK int ctm_sites_add(struct ctm_sites *sites, uint32_t node, uint32_t *site);

/* The site of a node in a domain other than 0. CTM_ENOMEM, CTM_ELIMIT. */
CTM_MUST_CHECK int ctm_sites_domain(struct ctm_sites *sites, uint32_t domain, uint32_t node,
                                    uint32_t *site);

/* The same if it is there already, else 0. */
uint32_t ctm_sites_find(const struct ctm_sites *sites, uint32_t domain, uint32_t node);

/* Give a site back; one that is free already becomes the next to be used. */
void ctm_sites_free(struct ctm_sites *sites, uint32_t id);

/* Give back what arrays and index have too much, while they are to have room for so many. */
void ctm_sites_shrink(struct ctm_sites *sites, uint32_t room);

/* The current memory becomes the peak. */
void ctm_sites_reset_peak(struct ctm_sites *sites);

/* Forget what was allocated and reused, live or not. Linear in sites. */
void ctm_sites_reset_churn(struct ctm_sites *sites);

/* A free site counts nothing, and is of no node. Its stamp is never current, so that the field for
 * saved blocks can hold the id of the next. */
static inline bool ctm_site_is_free(const struct ctm_site *s)
{
    return s->node == UINT32_MAX;
}

/* Blocks and bytes of a site at the moment of the peak. */
static inline uint64_t ctm_site_peak_bytes(const struct ctm_sites *sites, const struct ctm_site *s)
{
    return s->stamp == sites->epoch ? s->saved_bytes : s->live_bytes;
}

static inline uint64_t ctm_site_peak_blocks(const struct ctm_sites *sites, const struct ctm_site *s)
{
    return s->stamp == sites->epoch ? s->saved_blocks : s->live_blocks;
}

/* Once a site and epoch: not worth room where it is called. */
void ctm_site_save_slow(struct ctm_sites *sites, struct ctm_site *s);

static inline void ctm_site_save(struct ctm_sites *sites, struct ctm_site *s)
{
    if (CTM_UNLIKELY(s->stamp != sites->epoch)) {
        ctm_site_save_slow(sites, s);
    }
}

static inline void ctm_sites_new_peak(struct ctm_sites *sites)
{
    sites->peak_bytes = sites->current_bytes;
    sites->peak_blocks = sites->current_blocks;
    if (sites->away) {
        sites->away = false;
        sites->epoch++;
    }
}

/* A block became live at a site. */
static inline void ctm_sites_gain(struct ctm_sites *sites, uint32_t site, uint64_t size)
{
    struct ctm_site *s = &sites->items[site];
    sites->current_bytes += size;
    sites->current_blocks++;
    if (sites->current_bytes > sites->peak_bytes) {
        ctm_sites_new_peak(sites);
    } else {
        ctm_site_save(sites, s);
    }
    s->live_bytes += size;
    s->live_blocks++;
}

/* A block of a size was allocated, or moved by a successful realloc. */
static inline void ctm_sites_count(struct ctm_sites *sites, uint32_t site, uint64_t size)
{
    struct ctm_site *s = &sites->items[site];
    s->total_bytes += size;
    s->total_blocks++;
}

/* A block of a size was handed to a new object. */
static inline void ctm_sites_count_reuse(struct ctm_sites *sites, uint32_t site, uint64_t size)
{
    sites->reused[site].bytes += size;
    sites->reused[site].blocks++;
}

/* A block of a site is live no more. */
static inline void ctm_sites_lose(struct ctm_sites *sites, uint32_t site, uint64_t size)
{
    struct ctm_site *s = &sites->items[site];
    ctm_site_save(sites, s);
    sites->current_bytes -= size;
    sites->current_blocks--;
    s->live_bytes -= size;
    s->live_blocks--;
}

/* A live block passes from one site to another. What is live in all stays, so it is no new peak. */
static inline void ctm_sites_pass(struct ctm_sites *sites, uint32_t from, uint32_t to,
                                  uint64_t size)
{
    struct ctm_site *giver = &sites->items[from];
    struct ctm_site *taker = &sites->items[to];
    ctm_site_save(sites, giver);
    ctm_site_save(sites, taker);
    giver->live_bytes -= size;
    giver->live_blocks--;
    taker->live_bytes += size;
    taker->live_blocks++;
}

#endif
