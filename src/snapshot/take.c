#include "snapshot/take.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot/array.h"
#include "snapshot/builder.h"
#include "snapshot/piles.h"
#include "snapshot/translate.h"

/* Of one (domain, stack) and size. Blocks are fewer than 2^32, and so are kinds of them. */
struct counted {
    uint32_t key; /* the number of its key */
    uint32_t blocks;
};

struct ctm_moment {
    struct ctm_builder *builder; /* has all stacks, and no row */
    struct ctm_info info;
    struct ctm_pages scratch;
    struct ctm_item *sites; /* with live blocks; ascending by key, domain << 32 | stack */
    size_t site_count;
    uint64_t block_count;
    size_t sites_size;
    size_t ends_size;
    struct ctm_dealt dealt;
    uint64_t *keys; /* in the memory of the sites that are counted: never more than those */
    size_t key_count;
    struct ctm_item *piles; /* key: ~bytes; index: a struct counted */
    size_t pile_count;
    size_t pile_capacity;
    uint64_t trace_count;
};

static void moment_free(struct ctm_moment *moment)
{
    ctm_builder_free(moment->builder);
    ctm_dealt_deinit(&moment->dealt);
    ctm_pages_deinit(&moment->scratch);
    free(moment);
}

/* ---- with the gate held ---- */

/* All that is to be known of the sites is read in one pass: they are a cache line each.
 * CTM_ELIMIT: too many blocks. */
static int list_sites(struct ctm_moment *moment, const struct ctm_sites *sites)
{
    moment->ends_size = ((size_t)sites->length + 1) * sizeof *moment->dealt.ends;
    uint32_t *blocks = ctm_pages_map(&moment->scratch, moment->ends_size);
    moment->sites_size = ((size_t)sites->length + 1) * sizeof *moment->sites;
    moment->sites = ctm_pages_map(&moment->scratch, moment->sites_size);
    if (moment->sites == NULL || blocks == NULL) {
        return CTM_ENOMEM;
    }
    moment->dealt.ends = blocks;
    for (uint32_t id = 1; id < sites->length; id++) {
        const struct ctm_site *site = &sites->items[id];
        uint64_t live = ctm_site_live_blocks(site);
        if (live != 0) {
            moment->sites[moment->site_count++] = (struct ctm_item){ctm_site_node(site), id};
            moment->block_count += live;
            blocks[id] = (uint32_t)live;
        }
    }
    return moment->block_count > UINT32_MAX ? CTM_ELIMIT : CTM_OK;
}

static int translate_sites(struct ctm_moment *moment, struct ctm_translation *t)
{
    size_t size = (moment->site_count + 1) * sizeof(struct ctm_item);
    struct ctm_item *spare = ctm_pages_map(&moment->scratch, size);
    if (spare == NULL) {
        return CTM_ENOMEM;
    }
    int error = ctm_translation_sites(t, moment->sites, spare, moment->site_count);
    ctm_pages_unmap(&moment->scratch, spare, size);
    return error;
}

/* The blocks are dealt into the pages of what the translation has remembered: to get others,
 * zeroed, costs more time than to deal. */
static int deal(struct ctm_moment *moment, struct ctm_translation *t)
{
    struct ctm_dealt *dealt = &moment->dealt;
    dealt->sizes_size = (moment->block_count + 1) * sizeof *dealt->sizes;
    dealt->sizes = ctm_pages_grow(&moment->scratch, t->memory, t->memory_size, dealt->sizes_size);
    if (dealt->sizes == NULL) {
        return CTM_ENOMEM;
    }
    t->memory = NULL;
    return ctm_deal(dealt, t->tracer, moment->sites, moment->site_count);
}

int ctm_take_moment(const struct ctm_tracer *tracer, const struct ctm_take_options *options,
                    struct ctm_moment **out)
{
    struct ctm_translation t;
    struct ctm_moment *moment = calloc(1, sizeof *moment);
    if (moment == NULL) {
        return CTM_ENOMEM;
    }
    int error = ctm_translation_start(&t, tracer, options, &moment->scratch);
    if (error == CTM_OK) {
        error = list_sites(moment, &tracer->sites);
    }
    if (error == CTM_OK) {
        error = translate_sites(moment, &t);
    }
    if (error == CTM_OK) {
        error = deal(moment, &t);
    }
    if (error == CTM_OK) {
        moment->info = ctm_translation_info(&t, CTM_KIND_LIVE);
        moment->info.current_blocks = moment->block_count;
        moment->builder = t.builder;
        t.builder = NULL;
    }
    ctm_translation_end(&t);
    if (error < 0) {
        moment_free(moment);
        return error;
    }
    *out = moment;
    return CTM_OK;
}

/* ---- without it ---- */

static_assert(sizeof(struct counted) == sizeof(uint64_t), "it goes with the key");

/* Step by step, so that little is resident that is not needed. */
static int grow_piles(struct ctm_moment *moment)
{
    enum { LEAST = 1 << 14 };
    size_t step = moment->pile_capacity / 8 < LEAST ? LEAST : moment->pile_capacity / 8;
    size_t size = moment->pile_capacity * sizeof *moment->piles;
    size_t added = step * sizeof *moment->piles;
    struct ctm_item *grown = ctm_pages_grow(&moment->scratch, moment->piles, size, size + added);
    if (grown == NULL) {
        return CTM_ENOMEM;
    }
    ctm_pages_populate((char *)grown + size, added);
    moment->piles = grown;
    moment->pile_capacity += step;
    return CTM_OK;
}

static int add_pile(void *context, struct ctm_pile pile)
{
    struct ctm_moment *moment = context;
    uint64_t bytes;
    if (moment->pile_count == moment->pile_capacity) {
        int error = grow_piles(moment);
        if (error < 0) {
            return error;
        }
    }
    if (__builtin_mul_overflow(pile.size, pile.count, &bytes)) {
        return CTM_ELIMIT;
    }
    if (moment->key_count == 0 || moment->keys[moment->key_count - 1] != pile.key) {
        moment->keys[moment->key_count++] = pile.key;
    }
    struct counted counted = {.key = (uint32_t)(moment->key_count - 1),
                              .blocks = (uint32_t)pile.count};
    struct ctm_item *item = &moment->piles[moment->pile_count++];
    item->key = ~bytes;
    memcpy(&item->index, &counted, sizeof counted);
    moment->trace_count += pile.count;
    return CTM_OK;
}

/* Count the blocks: piles and keys are all that is left of them and of the sites. */
static int count(struct ctm_moment *moment)
{
    struct ctm_dealt *dealt = &moment->dealt;
    moment->keys = (uint64_t *)moment->sites;
    int error = ctm_piles_each(dealt, moment->sites, moment->site_count, add_pile, moment);
    ctm_pages_unmap(&moment->scratch, dealt->sizes, dealt->sizes_size);
    ctm_pages_unmap(&moment->scratch, dealt->ends, moment->ends_size);
    ctm_pages_forget(moment->piles + moment->pile_count,
                     (moment->pile_capacity - moment->pile_count) * sizeof *moment->piles);
    ctm_pages_forget(moment->keys + moment->key_count,
                     moment->sites_size - moment->key_count * sizeof *moment->keys);
    return error;
}

/* Most bytes first; piles of equally many stay in the order of keys and sizes. */
static int sort_piles(struct ctm_moment *moment)
{
    size_t size = (moment->pile_count + 1) * sizeof *moment->piles;
    struct ctm_item *spare = ctm_pages_map(&moment->scratch, size);
    if (spare == NULL) {
        return CTM_ENOMEM;
    }
    ctm_pages_populate(spare, size);
    ctm_sort(moment->piles, spare, moment->pile_count);
    ctm_pages_unmap(&moment->scratch, spare, size);
    return CTM_OK;
}

static struct ctm_row row_of(const struct ctm_moment *moment, const struct ctm_item *pile)
{
    struct counted counted;
    memcpy(&counted, &pile->index, sizeof counted);
    uint64_t key = moment->keys[counted.key];
    return (struct ctm_row){.domain = (uint32_t)(key >> 32),
                            .stack = (uint32_t)key,
                            .size = ~pile->key / counted.blocks,
                            .count = counted.blocks};
}

/* The memory of piles whose rows are made goes at once: there is never much of both. */
static int make_rows(struct ctm_moment *moment)
{
    enum { AT_ONCE = 1 << 14 };
    struct ctm_row *rows = ctm_array_new(moment->pile_count, sizeof *rows);
    if (rows == NULL) {
        return CTM_ENOMEM;
    }
    size_t made = 0;
    while (made < moment->pile_count) {
        size_t first = made;
        size_t left = moment->pile_count - first;
        size_t last = first + (left < AT_ONCE ? left : AT_ONCE);
        ctm_pages_populate(rows + first, (last - first) * sizeof *rows);
        for (; made < last; made++) {
            rows[made] = row_of(moment, &moment->piles[made]);
        }
        ctm_pages_forget(moment->piles + first, (made - first) * sizeof *moment->piles);
    }
    ctm_builder_set_rows(moment->builder, rows, moment->pile_count, moment->trace_count);
    return CTM_OK;
}

int ctm_moment_snapshot(struct ctm_moment *moment, struct ctm_snapshot **out)
{
    int error = count(moment);
    if (error == CTM_OK) {
        error = sort_piles(moment);
    }
    if (error == CTM_OK) {
        error = make_rows(moment);
    }
    if (error == CTM_OK) {
        error = ctm_builder_finish(moment->builder, &moment->info, out);
        moment->builder = NULL;
    }
    moment_free(moment);
    return error;
}

int ctm_take_block(const struct ctm_tracer *tracer, const struct ctm_take_options *options,
                   uint32_t domain, uintptr_t address, struct ctm_snapshot **out)
{
    struct ctm_translation t;
    struct ctm_pages scratch;
    struct ctm_block block;
    bool found = domain == 0 ? ctm_blocks_get(&tracer->blocks, address, &block)
                             : ctm_blocks_get_domain(&tracer->blocks, domain, address, &block);
    int error = ctm_translation_start(&t, tracer, options, &scratch);
    if (error == CTM_OK && found) {
        struct ctm_row row = {.domain = domain, .size = block.size, .count = 1};
        error =
            ctm_translation_stack(&t, ctm_site_node(&tracer->sites.items[block.site]), &row.stack);
        if (error == CTM_OK) {
            error = ctm_builder_row(t.builder, row);
        }
    }
    if (error == CTM_OK) {
        struct ctm_info info = ctm_translation_info(&t, CTM_KIND_LIVE);
        error = ctm_builder_finish(t.builder, &info, out);
        t.builder = NULL;
    }
    ctm_translation_end(&t);
    ctm_pages_deinit(&scratch);
    return error;
}
