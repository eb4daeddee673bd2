#include "snapshot/piles.h"

#include <stdlib.h>

#include "engine/hash.h"
#include "snapshot/array.h"

enum {
    LARGE = UINT16_MAX,
    GIVE_BACK = 1 << 18, /* bytes of sizes that are counted before their pages go */
    SMALL = 1024,        /* sizes below are counted in place; a multiple of 64, at most 4096 */
    FIRST_SLOTS = 64,
};

/* How many blocks have which size. */
struct tally {
    uint64_t used_words;       /* bit w: used[w] is not 0 */
    uint64_t used[SMALL / 64]; /* by size: there are blocks of it */
    uint32_t blocks[SMALL];
    /* The others, by hash. */
    struct count {
        uint64_t size;
        uint64_t blocks;
        size_t at; /* its slot */
    } * counts;
    size_t length;
    size_t capacity;
    uint32_t *slots; /* index in `counts` + 1; 0: empty */
    size_t mask;
    struct ctm_item *order; /* of the counts; as long as `capacity` */
    struct ctm_item *spare;
};

/* ---- dealing ---- */

static void note_large(struct ctm_dealt *dealt, struct ctm_block block)
{
    if (dealt->large_length == dealt->large_capacity) {
        struct ctm_item *grown =
            ctm_array_grow(dealt->large, &dealt->large_capacity, sizeof *grown);
        if (grown == NULL) {
            dealt->complete = false;
            return;
        }
        dealt->large = grown;
    }
    dealt->large[dealt->large_length++] = (struct ctm_item){block.site, block.size};
}

static void deal_block(void *context, struct ctm_block block)
{
    struct ctm_dealt *dealt = context;
    uint16_t size = LARGE;
    if (CTM_LIKELY(block.size < LARGE)) {
        size = (uint16_t)block.size;
    } else {
        note_large(dealt, block);
    }
    dealt->sizes[dealt->ends[block.site]++] = size;
}

int ctm_deal(struct ctm_dealt *dealt, const struct ctm_tracer *tracer, const struct ctm_item *sites,
             size_t length)
{
    dealt->complete = true;
    uint32_t total = 0;
    for (size_t i = 0; i < length; i++) {
        uint32_t blocks = dealt->ends[sites[i].index];
        dealt->ends[sites[i].index] = total;
        total += blocks;
    }
    /* What begins as the start of a site's sizes has moved to their end when all are dealt. */
    ctm_blocks_each(&tracer->blocks, deal_block, dealt);
    return dealt->complete ? CTM_OK : CTM_ENOMEM;
}

void ctm_dealt_deinit(struct ctm_dealt *dealt)
{
    free(dealt->large);
}

/* ---- counting ---- */

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

static int grow_counts(struct tally *tally)
{
    struct count *grown = ctm_array_grow(tally->counts, &tally->capacity, sizeof *grown);
    if (grown == NULL) {
        return CTM_ENOMEM;
    }
    tally->counts = grown;
    free(tally->order);
    free(tally->spare);
    tally->order = ctm_array_new(tally->capacity, sizeof *tally->order);
    tally->spare = ctm_array_new(tally->capacity, sizeof *tally->spare);
    return tally->order == NULL || tally->spare == NULL ? CTM_ENOMEM : CTM_OK;
}

/* Room for one more size. Sizes are fewer than 2^32 since no key has as many blocks in memory. */
static int reserve(struct tally *tally)
{
    if (tally->length == tally->capacity) {
        int error = grow_counts(tally);
        if (error < 0) {
            return error;
        }
    }
    return tally->slots == NULL || tally->length * 2 > tally->mask ? grow_slots(tally) : CTM_OK;
}

static int count_other(struct tally *tally, uint64_t size)
{
    int error = reserve(tally);
    if (error < 0) {
        return error;
    }
    size_t at = find_slot(tally, size);
    if (tally->slots[at] != 0) {
        tally->counts[tally->slots[at] - 1].blocks++;
    } else {
        tally->counts[tally->length++] = (struct count){size, 1, at};
        tally->slots[at] = (uint32_t)tally->length;
    }
    return CTM_OK;
}

static void count_small(struct tally *tally, uint32_t size)
{
    if (tally->blocks[size]++ == 0) {
        tally->used_words |= UINT64_C(1) << size / 64;
        tally->used[size / 64] |= UINT64_C(1) << size % 64;
    }
}

/* The first of the large blocks, which are ascending by site, that is not of a site before. */
static size_t find_large(const struct ctm_dealt *dealt, uint64_t site)
{
    size_t first = 0;
    for (size_t left = dealt->large_length; left > 0;) {
        size_t half = left / 2;
        if (dealt->large[first + half].key < site) {
            first += half + 1;
            left -= half + 1;
        } else {
            left = half;
        }
    }
    return first;
}

static int count_large(struct tally *tally, const struct ctm_dealt *dealt, uint64_t site)
{
    int error = CTM_OK;
    for (size_t i = find_large(dealt, site);
         i < dealt->large_length && dealt->large[i].key == site && error == CTM_OK; i++) {
        error = count_other(tally, dealt->large[i].index);
    }
    return error;
}

/* The sizes of a site are those from `first` on. */
static int count_site(struct tally *tally, const struct ctm_dealt *dealt, uint64_t site,
                      size_t first)
{
    bool large = false;
    for (size_t i = first; i < dealt->ends[site]; i++) {
        uint32_t size = dealt->sizes[i];
        if (CTM_LIKELY(size < SMALL)) {
            count_small(tally, size);
            continue;
        }
        if (CTM_UNLIKELY(size == LARGE)) {
            large = true;
            continue;
        }
        int error = count_other(tally, size);
        if (error < 0) {
            return error;
        }
    }
    return large ? count_large(tally, dealt, site) : CTM_OK;
}

static int hand_out_small(struct tally *tally, uint64_t key,
                          int (*visit)(void *context, struct ctm_pile pile), void *context)
{
    int error = CTM_OK;
    for (; tally->used_words != 0; tally->used_words &= tally->used_words - 1) {
        size_t word = (size_t)__builtin_ctzll(tally->used_words);
        for (; tally->used[word] != 0; tally->used[word] &= tally->used[word] - 1) {
            size_t size = word * 64 + (size_t)__builtin_ctzll(tally->used[word]);
            if (error == CTM_OK) {
                error = visit(context, (struct ctm_pile){key, size, tally->blocks[size]});
            }
            tally->blocks[size] = 0;
        }
    }
    return error;
}

/* Only the slots in use are emptied: a table that one key made large costs the others nothing. */
static int hand_out_others(struct tally *tally, uint64_t key,
                           int (*visit)(void *context, struct ctm_pile pile), void *context)
{
    int error = CTM_OK;
    for (size_t i = 0; i < tally->length; i++) {
        tally->order[i] = (struct ctm_item){.key = tally->counts[i].size, .index = i};
        tally->slots[tally->counts[i].at] = 0;
    }
    ctm_sort(tally->order, tally->spare, tally->length);
    for (size_t i = 0; i < tally->length && error == CTM_OK; i++) {
        const struct count *count = &tally->counts[tally->order[i].index];
        error = visit(context, (struct ctm_pile){key, count->size, count->blocks});
    }
    tally->length = 0;
    return error;
}

static int sort_large(struct ctm_dealt *dealt)
{
    struct ctm_item *spare = ctm_array_new(dealt->large_length, sizeof *spare);
    if (spare == NULL) {
        return CTM_ENOMEM;
    }
    ctm_sort(dealt->large, spare, dealt->large_length);
    free(spare);
    return CTM_OK;
}

static int count_all(struct tally *tally, const struct ctm_dealt *dealt,
                     const struct ctm_item *sites, size_t length,
                     int (*visit)(void *context, struct ctm_pile pile), void *context)
{
    int error = CTM_OK;
    size_t first = 0;
    size_t gone = 0;
    for (size_t i = 0; i < length && error == CTM_OK; i++) {
        error = count_site(tally, dealt, sites[i].index, first);
        first = dealt->ends[sites[i].index];
        if (error == CTM_OK && (i + 1 == length || sites[i + 1].key != sites[i].key)) {
            error = hand_out_small(tally, sites[i].key, visit, context);
            error = error < 0 ? error : hand_out_others(tally, sites[i].key, visit, context);
        }
        if ((first - gone) * sizeof *dealt->sizes >= GIVE_BACK) {
            ctm_pages_forget(dealt->sizes + gone, (first - gone) * sizeof *dealt->sizes);
            gone = first;
        }
    }
    return error;
}

int ctm_piles_each(struct ctm_dealt *dealt, const struct ctm_item *sites, size_t length,
                   int (*visit)(void *context, struct ctm_pile pile), void *context)
{
    struct tally tally = {0};
    int error = sort_large(dealt);
    if (error == CTM_OK) {
        error = count_all(&tally, dealt, sites, length, visit, context);
    }
    free(tally.counts);
    free(tally.slots);
    free(tally.order);
    free(tally.spare);
    return error;
}
