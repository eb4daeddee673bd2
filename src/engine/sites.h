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

/*
 * What a hook touches fills one cache line. Only sums are counted, and none goes down but for
 * ctm_sites_take_back and ctm_sites_restore, so that each event changes few of them; the rest are
 * differences:
 *
 *   live       gained + received - lost
 *   allocated  gained
 *   reused     received
 *
 * Each is right modulo 2^64, whatever its parts are: to count churn anew without touching what is
 * live, `lost` becomes the negative of that and the others 0.
 */
struct ctm_site {
    uint64_t gained_bytes; /* of blocks that were allocated here */
    uint64_t gained_blocks;
    uint64_t received_bytes; /* of blocks handed to new objects here, maybe from the site itself */
    uint64_t received_blocks;
    uint64_t lost_bytes; /* freed, or handed to new objects, be it here or elsewhere */
    uint64_t lost_blocks;
    uint64_t stamp;
    uint64_t key; /* of domain and node */
};

/* What is seldom needed of a site: what it had at the peak, if its stamp is the current epoch. */
struct ctm_site_saved {
    uint64_t bytes;
    uint64_t blocks;
};

/* What was allocated since start or a reset, live or not, and what was handed to new objects
 * without a call of the allocator. */
struct ctm_churn {
    uint64_t total_bytes;
    uint64_t total_blocks;
    uint64_t reused_bytes;
    uint64_t reused_blocks;
};

enum { CTM_SITES_NEAR = 64 };

struct ctm_sites {
    struct ctm_pages *pages;
    struct ctm_site *items;       /* by site id; item 0 is that of no node */
    struct ctm_site_saved *saved; /* by site id, as long as `items` */
    uint32_t saved_capacity;
    uint32_t length;
    uint32_t capacity;
    uint32_t first_free;           /* id of a site to be used again; it knows the next; 0: none */
    struct ctm_index domain_index; /* sites of domains other than 0, by (domain, node) */
    /* A cache in front of `domain_index`: by node, modulo its size, the site that was found for it
     * last, which may have been given back since; 0: none. */
    uint32_t domain_near[CTM_SITES_NEAR];
    uint64_t peak_bytes;
    uint64_t room_bytes; /* that the current memory is below the peak */
    uint64_t epoch;      /* at least 1: a new site's stamp is 0 */
    bool away;           /* something was saved since the peak; else it is now */
};

/* CTM_ENOMEM. */
CTM_MUST_CHECK int ctm_sites_init(struct ctm_sites *sites, struct ctm_pages *pages);

/* A new site of domain 0. CTM_ENOMEM, CTM_ELIMIT (2^28 sites). */
CTM_MUST_CHECK int ctm_sites_add(struct ctm_sites *sites, uint32_t node, uint32_t *site);

/* The site of a node in a domain other than 0. CTM_ENOMEM, CTM_ELIMIT. */
CTM_MUST_CHECK int ctm_sites_domain(struct ctm_sites *sites, uint32_t domain, uint32_t node,
                                    uint32_t *site);

/* The same if it is there already, else 0. */
uint32_t ctm_sites_find(struct ctm_sites *sites, uint32_t domain, uint32_t node);

/* Give a site back; one that is free already becomes the next to be used. */
void ctm_sites_free(struct ctm_sites *sites, uint32_t id);

/* Give back what arrays and index have too much, while they are to have room for so many. */
void ctm_sites_shrink(struct ctm_sites *sites, uint32_t room);

/* Forget what was allocated and reused, live or not. Linear in sites. */
void ctm_sites_reset_churn(struct ctm_sites *sites);

static inline uint64_t ctm_sites_current_bytes(const struct ctm_sites *sites)
{
    return sites->peak_bytes - sites->room_bytes;
}

/* How many blocks are live in all. Linear in sites: no event counts them. */
uint64_t ctm_sites_live_blocks(const struct ctm_sites *sites);

/* The node's id is the lower half, so that the key of a site of domain 0 is that of its node. */
static inline uint64_t ctm_site_key(uint32_t domain, uint32_t node)
{
    return (uint64_t)domain << 32 | node;
}

/* The key of no site: no node has the id UINT32_MAX, nor is there a domain to look it up in. */
#define CTM_FREE_SITE UINT64_MAX

/* id in the stacks */
static inline uint32_t ctm_site_node(const struct ctm_site *s)
{
    return (uint32_t)s->key;
}

static inline uint32_t ctm_site_domain(const struct ctm_site *s)
{
    return (uint32_t)(s->key >> 32);
}

/* A free site counts nothing, and is of no node. Its stamp is never current, so that the field for
 * saved blocks can hold the id of the next. */
static inline bool ctm_site_is_free(const struct ctm_site *s)
{
    return s->key == CTM_FREE_SITE;
}

/*
 * Whether a site that may have been given back, and given out anew, is that of a node in domain 0.
 * False for site 0 and for node UINT32_MAX. The site must lie in the array, which ctm_sites_shrink
 * makes shorter: what was given back must be remembered no more by then.
 */
static inline bool ctm_site_is_of(const struct ctm_sites *sites, uint32_t site, uint32_t node)
{
    return sites->items[site].key == node;
}

static inline uint64_t ctm_site_live_bytes(const struct ctm_site *s)
{
    return s->gained_bytes + s->received_bytes - s->lost_bytes;
}

static inline uint64_t ctm_site_live_blocks(const struct ctm_site *s)
{
    return s->gained_blocks + s->received_blocks - s->lost_blocks;
}

/* Blocks and bytes of a site at the moment of the peak. */
static inline uint64_t ctm_site_peak_bytes(const struct ctm_sites *sites, uint32_t site)
{
    const struct ctm_site *s = &sites->items[site];
    return s->stamp == sites->epoch ? sites->saved[site].bytes : ctm_site_live_bytes(s);
}

static inline uint64_t ctm_site_peak_blocks(const struct ctm_sites *sites, uint32_t site)
{
    const struct ctm_site *s = &sites->items[site];
    return s->stamp == sites->epoch ? sites->saved[site].blocks : ctm_site_live_blocks(s);
}

static inline struct ctm_churn ctm_site_churn(const struct ctm_sites *sites, uint32_t site)
{
    const struct ctm_site *s = &sites->items[site];
    return (struct ctm_churn){
        .total_bytes = s->gained_bytes,
        .total_blocks = s->gained_blocks,
        .reused_bytes = s->received_bytes,
        .reused_blocks = s->received_blocks,
    };
}

/* Once a site and epoch: not worth room where it is called. */
void ctm_site_save_slow(struct ctm_sites *sites, uint32_t site);

static inline void ctm_site_save(struct ctm_sites *sites, uint32_t site)
{
    if (CTM_UNLIKELY(sites->items[site].stamp != sites->epoch)) {
        ctm_site_save_slow(sites, site);
    }
}

/* What is current becomes the peak, be it below or above, where the room has wrapped around. */
static inline void ctm_sites_new_peak(struct ctm_sites *sites)
{
    sites->peak_bytes -= sites->room_bytes;
    sites->room_bytes = 0;
    if (sites->away) {
        sites->away = false;
        sites->epoch++;
    }
}

/* What is live in all grows by a block of a site, whose counters do not have it yet. The sum of
 * sizes that a library reports may wrap around, too, to below the peak. */
static inline void ctm_sites_grow(struct ctm_sites *sites, uint32_t site, uint64_t size)
{
    if (CTM_UNLIKELY(__builtin_sub_overflow(sites->room_bytes, size, &sites->room_bytes)) &&
        CTM_LIKELY(ctm_sites_current_bytes(sites) > sites->peak_bytes)) {
        ctm_sites_new_peak(sites);
    } else {
        ctm_site_save(sites, site);
    }
}

/* A block was allocated, or moved by a successful realloc. */
static inline void ctm_sites_gain(struct ctm_sites *sites, uint32_t site, uint64_t size)
{
    struct ctm_site *s = &sites->items[site];
    ctm_sites_grow(sites, site, size);
    s->gained_bytes += size;
    s->gained_blocks++;
}

/* A block of a site is live no more. */
static inline void ctm_sites_lose(struct ctm_sites *sites, uint32_t site, uint64_t size)
{
    struct ctm_site *s = &sites->items[site];
    ctm_site_save(sites, site);
    sites->room_bytes += size;
    s->lost_bytes += size;
    s->lost_blocks++;
}

/* A block that was lost was no allocation. Where churn was counted anew since, it does not know of
 * it either way. */
static inline void ctm_sites_take_back(struct ctm_sites *sites, uint32_t site, uint64_t size)
{
    struct ctm_site *s = &sites->items[site];
    if (CTM_LIKELY(s->gained_blocks != 0 && s->gained_bytes >= size)) {
        s->gained_bytes -= size;
        s->gained_blocks--;
        s->lost_bytes -= size;
        s->lost_blocks--;
    }
}

/* A block that lived at the peak counts for another site there. Both have changed since. */
static inline void ctm_sites_pass_at_peak(struct ctm_sites *sites, uint32_t from, uint32_t to,
                                          uint64_t size)
{
    sites->saved[from].bytes -= size;
    sites->saved[from].blocks--;
    sites->saved[to].bytes += size;
    sites->saved[to].blocks++;
}

/* A block that was lost is live after all. That is no allocation. */
static inline void ctm_sites_restore(struct ctm_sites *sites, uint32_t site, uint64_t size)
{
    struct ctm_site *s = &sites->items[site];
    ctm_sites_grow(sites, site, size);
    s->lost_bytes -= size;
    s->lost_blocks--;
}

/* A live block was handed to a new object of the same site. */
static inline void ctm_sites_keep(struct ctm_sites *sites, uint32_t site, uint64_t size)
{
    struct ctm_site *s = &sites->items[site];
    s->received_bytes += size;
    s->received_blocks++;
    s->lost_bytes += size;
    s->lost_blocks++;
}

/* A live block was handed to a new object of another site. What is live in all stays, so it is no
 * new peak. */
static inline void ctm_sites_pass(struct ctm_sites *sites, uint32_t from, uint32_t to,
                                  uint64_t size)
{
    struct ctm_site *giver = &sites->items[from];
    struct ctm_site *taker = &sites->items[to];
    ctm_site_save(sites, from);
    ctm_site_save(sites, to);
    giver->lost_bytes += size;
    giver->lost_blocks++;
    taker->received_bytes += size;
    taker->received_blocks++;
}

#endif
