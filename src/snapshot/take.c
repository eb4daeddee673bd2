#include "snapshot/take.h"

#include <stdlib.h>

#include "engine/hash.h"
#include "snapshot/translate.h"

/* Blocks of one site and one size. */
struct pile {
    uint64_t size;
    uint64_t count; /* 0: the slot is empty */
    uint32_t site;
};

struct piles {
    struct pile *slots;
    size_t mask;
    size_t used;
    bool failed; /* no memory: nothing counts any more */
};

enum { FIRST_PILES = 1024 };

static struct pile *find_pile(const struct piles *piles, uint32_t site, uint64_t size)
{
    size_t at = ctm_hash_u64(size * UINT64_C(0x9FB21C651E98DF25) + site) & piles->mask;
    while (piles->slots[at].count != 0 &&
           (piles->slots[at].site != site || piles->slots[at].size != size)) {
        at = (at + 1) & piles->mask;
    }
    return &piles->slots[at];
}

static bool grow_piles(struct piles *piles)
{
    struct piles grown = {.mask = piles->mask * 2 + 1, .used = piles->used};
    grown.slots = calloc(grown.mask + 1, sizeof *grown.slots);
    if (grown.slots == NULL) {
        return false;
    }
    for (size_t i = 0; i <= piles->mask; i++) {
        const struct pile *pile = &piles->slots[i];
        if (pile->count != 0) {
            *find_pile(&grown, pile->site, pile->size) = *pile;
        }
    }
    free(piles->slots);
    *piles = grown;
    return true;
}

static void count_block(void *context, struct ctm_block block)
{
    struct piles *piles = context;
    if (piles->failed) {
        return;
    }
    struct pile *pile = find_pile(piles, block.site, block.size);
    if (pile->count++ != 0) {
        return;
    }
    pile->site = block.site;
    pile->size = block.size;
    if (++piles->used * 2 > piles->mask && !grow_piles(piles)) {
        piles->failed = true;
    }
}

int ctm_take_snapshot(const struct ctm_tracer *tracer, const struct ctm_take_options *options,
                      struct ctm_snapshot **out)
{
    struct ctm_translation t;
    struct piles piles = {.mask = FIRST_PILES - 1};
    int error = ctm_translation_start(&t, tracer, options);
    if (error == CTM_OK) {
        error = ctm_translation_remember(&t);
    }
    if (error < 0) {
        goto done;
    }
    piles.slots = calloc(FIRST_PILES, sizeof *piles.slots);
    if (piles.slots == NULL) {
        error = CTM_ENOMEM;
        goto done;
    }
    ctm_blocks_each(&tracer->blocks, count_block, &piles);
    if (piles.failed) {
        error = CTM_ENOMEM;
        goto done;
    }
    for (size_t i = 0; i <= piles.mask; i++) {
        const struct pile *pile = &piles.slots[i];
        if (pile->count != 0) {
            error = ctm_translation_row(&t, pile->site, pile->size, pile->count);
            if (error < 0) {
                goto done;
            }
        }
    }
    error = ctm_builder_merge_rows(t.builder);
    if (error == CTM_OK) {
        error = ctm_translation_finish(&t, CTM_KIND_LIVE, out);
    }
done:
    free(piles.slots);
    ctm_translation_end(&t);
    return error;
}

int ctm_take_block(const struct ctm_tracer *tracer, const struct ctm_take_options *options,
                   uint32_t domain, uintptr_t address, struct ctm_snapshot **out)
{
    struct ctm_translation t;
    struct ctm_block block;
    bool found = domain == 0 ? ctm_blocks_get(&tracer->blocks, address, &block)
                             : ctm_blocks_get_domain(&tracer->blocks, domain, address, &block);
    int error = ctm_translation_start(&t, tracer, options);
    if (error == CTM_OK && found) {
        error = ctm_translation_row(&t, block.site, block.size, 1);
    }
    if (error == CTM_OK) {
        error = ctm_translation_finish(&t, CTM_KIND_LIVE, out);
    }
    ctm_translation_end(&t);
    return error;
}
