/*
 * The tracer: what hooks call, and what ties names, stacks, blocks and sites together.
 *
 * A host (CPython's hooks; it could be any allocator's) tells of each block that comes and goes,
 * with the node of the stack that asked for it. One `struct ctm_tracer` is the whole state; there
 * are no globals. Functions ending in _hook may be called inside an allocator: they call nothing
 * but the OS for pages, in bounded time apart from the growth and the shrinking of a table.
 *
 * Every call needs the gate held (base/gate.h), apart from init and deinit. Those about blocks and
 * owners are allowed only while `tracing`. Nothing fails the program: where there is no memory for
 * a trace, the trace is dropped and counted.
 */
#ifndef CTM_ENGINE_TRACER_H
#define CTM_ENGINE_TRACER_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/pages.h"
#include "engine/blocks.h"
#include "engine/folded.h"
#include "engine/ghosts.h"
#include "engine/locations.h"
#include "engine/names.h"
#include "engine/sites.h"
#include "engine/stacks.h"

enum {
    CTM_RECLAIM_LEAST = 1 << 15, /* nodes: tables of fewer are small enough as they are */
};

/* Giving back what belongs to no live stack (reclaim.h) is a pass over each table. */
enum ctm_reclaim_pass {
    CTM_RECLAIM_IDLE,
    CTM_RECLAIM_SITES,
    CTM_RECLAIM_INSTRUCTIONS,
    CTM_RECLAIM_OWNERS,
    CTM_RECLAIM_FOLDED,
    CTM_RECLAIM_NODES,
    CTM_RECLAIM_FRAMES,
    CTM_RECLAIM_NAMES,
};

struct ctm_reclaim {
    enum ctm_reclaim_pass pass;
    uint32_t left;  /* entries of the pass that are to be visited yet */
    uint32_t moves; /* of the address map that is passed over, when the pass began */
    uint32_t nodes; /* in use when the last step ended */
    uint32_t at;    /* nodes in use that call for the next cycle */
    uint32_t least; /* at least, times the patience */
    uint32_t patience;
    uint32_t made;   /* sites, in its low bits, since something was given back */
    uint32_t pace;   /* entries that a step visits */
    uint64_t cycles; /* since the tables were emptied */
    uint64_t sites;  /* given back since the tables were emptied */
};

/* The block that was disowned last. */
struct ctm_disowned {
    uintptr_t address; /* 0: there is none that was at the peak, or it was asked for */
    uint64_t epoch;    /* of that peak */
    struct ctm_block block;
};

/* The stack of who has none: one frame ("<unknown>", 0). Frame and node have id 0. */
#define CTM_UNKNOWN_NODE UINT32_C(0)

struct ctm_tracer {
    struct ctm_pages pages;
    struct ctm_arena arena;
    struct ctm_names names;
    struct ctm_stacks stacks;
    struct ctm_locations locations;
    struct ctm_blocks blocks;
    struct ctm_sites sites;
    struct ctm_folded folded;
    struct ctm_ghosts ghosts; /* stacks whose sites were given back */
    uint32_t churn_lines;     /* the folded lines that are kept at most: from the next start on */
    bool tracing;
    /* Changes whenever an id or a location that somebody may remember became void. */
    uint64_t generation;
    uint64_t era; /* counts the times that the tables were emptied */
    struct ctm_reclaim reclaim;
    struct ctm_disowned disowned;
    uint64_t dropped;      /* traces that there was no memory for, since start */
    uint64_t lost;         /* traces thrown away because hooks had been taken away, since start */
    uint64_t missed_frees; /* blocks whose address was handed out again without a free */
};

/* The tables are empty, the tracer does not trace. */
void ctm_tracer_init(struct ctm_tracer *tracer);

/* Begin to trace with empty tables. CTM_ENOMEM: it does not trace, as before. */
CTM_MUST_CHECK int ctm_tracer_start(struct ctm_tracer *tracer);
/* Trace no more; forget all traces, keep the counters of what went wrong. All memory is given back.
 */
void ctm_tracer_stop(struct ctm_tracer *tracer);
/* Forget all traces and go on. CTM_ENOMEM: it traces no more. */
CTM_MUST_CHECK int ctm_tracer_clear(struct ctm_tracer *tracer);

/* Count churn anew. Linear in sites. */
void ctm_tracer_reset_churn(struct ctm_tracer *tracer);

/* What was watched at an address is gone: forget the owner there, if there is one. */
void ctm_tracer_watched_hook(struct ctm_tracer *tracer, uintptr_t address);

/*
 * Watch an owner of instructions (see locations.h): when its block is freed, what is known of its
 * instructions is forgotten. NULL when there is no memory.
 */
struct ctm_owner *ctm_tracer_add_owner_hook(struct ctm_tracer *tracer, uintptr_t address);

/* A block of any domain is reported live, and replaces what was there. CTM_ENOMEM: dropped and
 * counted. */
CTM_MUST_CHECK int ctm_tracer_track_hook(struct ctm_tracer *tracer, uint32_t domain,
                                         uintptr_t address, uint64_t size, uint32_t node);

/* Blocks of domain 0. `node` is a stack's node, or CTM_NO_CONTEXT where there was no memory. A host
 * that remembers the sites of nodes, so that a table need not be asked, hands over a spot. */

/* The slow ways of ctm_tracer_allocated_hook and ctm_tracer_freed_hook: for what takes more than
 * one entry of a page's array. The second returns the block that was there; its site is CTM_NO_SITE
 * if none was. */
void ctm_tracer_allocated_slow_hook(struct ctm_tracer *tracer, uintptr_t address, uint64_t size,
                                    uint32_t node);
struct ctm_block ctm_tracer_freed_slow_hook(struct ctm_tracer *tracer, uintptr_t address);

/* A node and its site in domain 0; CTM_NO_SITE: it has none yet, or there is no node. */
static inline struct ctm_spot ctm_tracer_spot(const struct ctm_tracer *tracer, uint32_t node)
{
    return (struct ctm_spot){node, node == CTM_NO_CONTEXT ? CTM_NO_SITE
                                                          : tracer->stacks.nodes[node].site};
}

static inline bool ctm_tracer_knows_spot(const struct ctm_tracer *tracer, struct ctm_spot spot)
{
    return CTM_LIKELY(ctm_site_is_of(&tracer->sites, spot.site, spot.node));
}

/* A successful allocation, where nothing is new. False: nothing is noted, and the function below
 * is needed. */
static inline bool ctm_tracer_allocated_at_hook(struct ctm_tracer *tracer, uintptr_t address,
                                                uint64_t size, struct ctm_spot spot)
{
    if (!ctm_tracer_knows_spot(tracer, spot) ||
        CTM_UNLIKELY(!ctm_blocks_put_dense(&tracer->blocks, address, size, spot.site))) {
        return false;
    }
    ctm_sites_gain(&tracer->sites, spot.site, size);
    return true;
}

/* A successful allocation. */
static inline void ctm_tracer_allocated_hook(struct ctm_tracer *tracer, uintptr_t address,
                                             uint64_t size, uint32_t node)
{
    if (!ctm_tracer_allocated_at_hook(tracer, address, size, ctm_tracer_spot(tracer, node))) {
        ctm_tracer_allocated_slow_hook(tracer, address, size, node);
    }
}

/*
 * The block at `address` is about to be freed. True: it had a trace, which is now in *old, for
 * ctm_tracer_restored_hook should the block live on (a realloc that failed).
 */
static CTM_ALWAYS_INLINE bool ctm_tracer_freed_hook(struct ctm_tracer *tracer, uintptr_t address,
                                                    struct ctm_block *old)
{
    struct ctm_dense dense = ctm_blocks_dense(&tracer->blocks, address);
    if (CTM_UNLIKELY(dense.entry == NULL || dense.page->watched != 0)) {
        if (dense.entry == NULL && ctm_blocks_know_nothing(&tracer->blocks, dense)) {
            return false;
        }
        /* Not into *old at once: where nobody wants that, it need not be in memory. */
        struct ctm_block found = ctm_tracer_freed_slow_hook(tracer, address);
        *old = found;
        return found.site != CTM_NO_SITE;
    }
    *old = ctm_dense_block(dense);
    ctm_blocks_take_dense(dense);
    ctm_sites_lose(&tracer->sites, old->site, old->size);
    return true;
}

/* As ctm_tracer_freed_hook, for what a library says is no block of Python's: most of these are
 * large, and just allocated. */
static inline bool ctm_tracer_untrack_own_hook(struct ctm_tracer *tracer, uintptr_t address,
                                               struct ctm_block *old)
{
    if (!ctm_blocks_take_newest(&tracer->blocks, address, old)) {
        return ctm_tracer_freed_hook(tracer, address, old);
    }
    ctm_sites_lose(&tracer->sites, old->site, old->size);
    return true;
}

/* A block of any domain is reported gone. */
static inline void ctm_tracer_untrack_hook(struct ctm_tracer *tracer, uint32_t domain,
                                           uintptr_t address)
{
    struct ctm_block old;
    if (domain == 0) {
        (void)ctm_tracer_untrack_own_hook(tracer, address, &old);
    } else if (ctm_blocks_take_domain(&tracer->blocks, domain, address, &old)) {
        ctm_sites_lose(&tracer->sites, old.site, old.size);
    }
}

/*
 * The block at `address`, which the caller has just allocated, is none of domain 0 after all: it
 * counts as never allocated there. If the last moment was the peak, and the next report is of this
 * block in another domain, then it counts for that one at the peak, too.
 */
static inline void ctm_tracer_disown_hook(struct ctm_tracer *tracer, uintptr_t address)
{
    struct ctm_block old;
    bool at_peak = !tracer->sites.away;
    if (ctm_tracer_untrack_own_hook(tracer, address, &old)) {
        ctm_sites_take_back(&tracer->sites, old.site, old.size);
        tracer->disowned = (struct ctm_disowned){at_peak ? address : 0, tracer->sites.epoch, old};
    }
}

/*
 * The opposite of ctm_tracer_freed_hook: the block is as it was. Not to be called if `era` has
 * changed since: `old` then names a site of tables that are gone; nor if `reclaim.sites` has: its
 * site may have been given back.
 */
void ctm_tracer_restored_hook(struct ctm_tracer *tracer, uintptr_t address, struct ctm_block old);

/* The block at `address`, if it has a trace, was handed to a new object: it is `node`'s now. */
void ctm_tracer_reused_hook(struct ctm_tracer *tracer, uintptr_t address, uint32_t node);

/* The same for a block that is in an array, where nothing is new: for a host that captures the
 * stack only then. False: nothing is noted, and the function above is needed. */
static inline bool ctm_tracer_reused_at_hook(struct ctm_tracer *tracer, struct ctm_dense dense,
                                             struct ctm_spot spot)
{
    if (!ctm_tracer_knows_spot(tracer, spot)) {
        return false;
    }
    struct ctm_block block = ctm_dense_block(dense);
    if (block.site == spot.site) {
        ctm_sites_keep(&tracer->sites, spot.site, block.size);
    } else {
        ctm_dense_move(dense, spot.site);
        ctm_sites_pass(&tracer->sites, block.site, spot.site, block.size);
    }
    return true;
}

#endif
