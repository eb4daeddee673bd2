#include "snapshot/take.h"

#include <stdlib.h>

#include "snapshot/builder.h"
#include "snapshot/piles.h"
#include "snapshot/translate.h"

struct ctm_moment {
    struct ctm_builder *builder; /* has all stacks, and no row */
    struct ctm_info info;
    struct ctm_pages scratch;
    struct ctm_item *sites; /* with live blocks; ascending by key, domain << 32 | stack */
    size_t site_count;
    struct ctm_dealt dealt;
};

static void moment_free(struct ctm_moment *moment)
{
    ctm_builder_free(moment->builder);
    ctm_dealt_deinit(&moment->dealt);
    ctm_pages_deinit(&moment->scratch);
    free(moment);
}

static int list_sites(struct ctm_moment *moment, const struct ctm_sites *sites)
{
    moment->sites =
        ctm_pages_map(&moment->scratch, ((size_t)sites->length + 1) * sizeof *moment->sites);
    if (moment->sites == NULL) {
        return CTM_ENOMEM;
    }
    for (uint32_t id = 1; id < sites->length; id++) {
        if (sites->items[id].live_blocks != 0) {
            moment->sites[moment->site_count++].index = id;
        }
    }
    return CTM_OK;
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

/* The sizes are dealt into the pages of what the translation knows of nodes: to get others, zeroed,
 * costs more time than to deal. */
static int deal(struct ctm_moment *moment, struct ctm_translation *t)
{
    struct ctm_dealt *dealt = &moment->dealt;
    dealt->sizes_size = (t->tracer->sites.current_blocks + 1) * sizeof *dealt->sizes;
    dealt->sizes = ctm_pages_grow(&moment->scratch, t->nodes, t->nodes_size, dealt->sizes_size);
    if (dealt->sizes == NULL) {
        return CTM_ENOMEM;
    }
    t->nodes = NULL;
    return ctm_deal(dealt, t->tracer, &moment->scratch);
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

static int add_pile(void *context, struct ctm_pile pile)
{
    struct ctm_row row = {
        .domain = (uint32_t)(pile.key >> 32),
        .stack = (uint32_t)pile.key,
        .size = pile.size,
        .count = pile.count,
    };
    return ctm_builder_row(context, row);
}

/* Rows that are ascending by key. To sort them takes the pages that the sizes are in, which are
 * counted. */
static int order_rows(struct ctm_moment *moment)
{
    struct ctm_dealt *dealt = &moment->dealt;
    size_t count = ctm_builder_row_count(moment->builder) + 1;
    struct ctm_item *items = ctm_pages_grow(&moment->scratch, dealt->sizes, dealt->sizes_size,
                                            count * (sizeof *items + sizeof(struct ctm_row)));
    if (items == NULL) {
        return CTM_ENOMEM;
    }
    dealt->sizes = NULL;
    return ctm_builder_order_rows(moment->builder, items, (struct ctm_row *)(items + count));
}

int ctm_moment_snapshot(struct ctm_moment *moment, struct ctm_snapshot **out)
{
    /* Most stacks allocate one size or two. */
    int error = ctm_builder_reserve_rows(moment->builder, 2 * moment->site_count);
    if (error == CTM_OK) {
        error = ctm_piles_each(&moment->dealt, moment->sites, moment->site_count, add_pile,
                               moment->builder);
    }
    if (error == CTM_OK) {
        error = order_rows(moment);
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
        error = ctm_translation_stack(&t, tracer->sites.items[block.site].node, &row.stack);
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
