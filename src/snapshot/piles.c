#include "snapshot/piles.h"

#include <stdlib.h>

#include "engine/hash.h"
#include "snapshot/array.h"

/* The sizes of all blocks, those of one site next to each other. */
struct dealt {
    size_t *ends;    /* by site id: the end of the site's sizes, once they are all there */
    uint64_t *sizes; /* NULL while they are counted */
};

/* How many blocks of one site have which size. */
struct tally {
    struct count {
        uint64_t size;
        uint64_t blocks;
        size_t at; /* its slot */
    } * counts;
    size_t length;
    size_t capacity;
    uint32_t *slots; /* index in `counts` + 1; 0: empty */
    size_t mask;
};

enum { FIRST_SLOTS = 64 };

static void count_block(void *context, struct ctm_block block)
{
    struct dealt *dealt = context;
    dealt->ends[block.site]++;
}

static void deal_block(void *context, struct ctm_block block)
{
    struct dealt *dealt = context;
    dealt->sizes[dealt->ends[block.site]++] = block.size;
}

/* `ends` is all zero and has an entry for each site. */
static int deal(struct dealt *dealt, const struct ctm_blocks *blocks, uint32_t sites)
{
    ctm_blocks_each(blocks, count_block, dealt);
    size_t total = 0;
    for (uint32_t site = 0; site < sites; site++) {
        size_t count = dealt->ends[site];
        dealt->ends[site] = total;
        total += count;
    }
    dealt->sizes = ctm_array_new(total, sizeof *dealt->sizes);
    if (dealt->sizes == NULL) {
        return CTM_ENOMEM;
    }
    /* What began as the start of a site's sizes has moved to their end when all are dealt. */
    ctm_blocks_each(blocks, deal_block, dealt);
    return CTM_OK;
}

/* The slot of a size, or the empty one where it would go. */
static size_t find_slot(const struct tally *tally, uint64_t size)
{
    size_t at = ctm_hash_u64(size) & tally->mask;
    while (tally->slots[at] != 0 && tally->counts[tally->slots[at] - 1].size != size) {
        at = (at + 1) & tally->mask;
    }
    return at;
}

static int grow_slots(struct tally *tally)
{
    size_t wanted = tally->slots == NULL ? FIRST_SLOTS : 2 * (tally->mask + 1);
    uint32_t *slots = ctm_array_zeroed(wanted, sizeof *slots);
    if (slots == NULL) {
        return CTM_ENOMEM;
    }
    free(tally->slots);
    tally->slots = slots;
    tally->mask = wanted - 1;
    for (size_t i = 0; i < tally->length; i++) {
        struct count *count = &tally->counts[i];
        count->at = find_slot(tally, count->size);
        slots[count->at] = (uint32_t)(i + 1);
    }
    return CTM_OK;
}

/* Room for one more size. Sizes are fewer than 2^32 since no site has as many blocks in memory. */
static int reserve(struct tally *tally)
{
    if (tally->length == tally->capacity) {
        struct count *grown = ctm_array_grow(tally->counts, &tally->capacity, sizeof *grown);
        if (grown == NULL) {
            return CTM_ENOMEM;
        }
        tally->counts = grown;
    }
    return tally->slots == NULL || tally->length * 2 > tally->mask ? grow_slots(tally) : CTM_OK;
}

static int count_sizes(struct tally *tally, const uint64_t *sizes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        int error = reserve(tally);
        if (error < 0) {
            return error;
        }
        size_t at = find_slot(tally, sizes[i]);
        if (tally->slots[at] != 0) {
            tally->counts[tally->slots[at] - 1].blocks++;
        } else {
            tally->counts[tally->length++] = (struct count){sizes[i], 1, at};
            tally->slots[at] = (uint32_t)tally->length;
        }
    }
    return CTM_OK;
}

/* Only the slots in use: a table that one site made large costs the others nothing. */
static void empty(struct tally *tally)
{
    for (size_t i = 0; i < tally->length; i++) {
        tally->slots[tally->counts[i].at] = 0;
    }
    tally->length = 0;
}

static int visit_sites(const struct dealt *dealt, uint32_t sites, struct tally *tally,
                       int (*visit)(void *context, struct ctm_pile pile), void *context)
{
    int error = CTM_OK;
    size_t start = 0;
    for (uint32_t site = 0; site < sites && error == CTM_OK; site++) {
        error = count_sizes(tally, dealt->sizes + start, dealt->ends[site] - start);
        start = dealt->ends[site];
        for (size_t i = 0; i < tally->length && error == CTM_OK; i++) {
            const struct count *count = &tally->counts[i];
            error = visit(context, (struct ctm_pile){site, count->size, count->blocks});
        }
        empty(tally);
    }
    return error;
}

int ctm_piles_each(const struct ctm_tracer *tracer,
                   int (*visit)(void *context, struct ctm_pile pile), void *context)
{
    uint32_t sites = tracer->sites.length;
    struct dealt dealt = {.ends = ctm_array_zeroed(sites, sizeof *dealt.ends)};
    struct tally tally = {.length = 0};
    int error = dealt.ends == NULL ? CTM_ENOMEM : deal(&dealt, &tracer->blocks, sites);
    if (error == CTM_OK) {
        error = visit_sites(&dealt, sites, &tally, visit, context);
    }
    free(dealt.ends);
    free(dealt.sizes);
    free(tally.counts);
    free(tally.slots);
    return error;
}
