#include <stdlib.h>

#include "snapshot/take.h"
#include "snapshot/totals.h"
#include "snapshot/translate.h"

static struct ctm_total churn_total(const struct ctm_churn *churn, enum ctm_kind kind)
{
    struct ctm_total total = {0};
    if (kind == CTM_KIND_CHURN) {
        total.size = churn->total_bytes;
        total.count = churn->total_blocks;
    }
    if (kind == CTM_KIND_CHURN || kind == CTM_KIND_REUSE) {
        total.size += churn->reused_bytes;
        total.count += churn->reused_blocks;
    }
    return total;
}

static struct ctm_total site_total(const struct ctm_sites *sites, uint32_t id, enum ctm_kind kind)
{
    if (kind == CTM_KIND_PEAK) {
        return (struct ctm_total){ctm_site_peak_bytes(sites, id), ctm_site_peak_blocks(sites, id)};
    }
    struct ctm_churn churn = ctm_site_churn(sites, id);
    return churn_total(&churn, kind);
}

/* An item's index is a site, or behind all sites a folded row. */
static struct ctm_total item_total(const struct ctm_tracer *tracer, size_t index,
                                   enum ctm_kind kind)
{
    return index < tracer->sites.length
               ? site_total(&tracer->sites, (uint32_t)index, kind)
               : churn_total(&tracer->folded.rows[index - tracer->sites.length].churn, kind);
}

static size_t list_sites(const struct ctm_tracer *tracer, enum ctm_kind kind,
                         struct ctm_item *items)
{
    size_t length = 0;
    for (uint32_t id = 1; id < tracer->sites.length; id++) {
        if (item_total(tracer, id, kind).count != 0) {
            uint32_t node = ctm_site_node(&tracer->sites.items[id]);
            items[length++] = (struct ctm_item){node, id};
        }
    }
    return length;
}

static int add_folded(struct ctm_translation *t, enum ctm_kind kind, struct ctm_item *items,
                      size_t *length)
{
    const struct ctm_folded *folded = &t->tracer->folded;
    int error = CTM_OK;
    for (uint32_t i = 0; i < folded->length && error == CTM_OK; i++) {
        size_t index = (size_t)t->tracer->sites.length + i;
        struct ctm_folded_place place = folded->rows[i].place;
        uint32_t stack;
        if (item_total(t->tracer, index, kind).count == 0) {
            continue;
        }
        error = ctm_translation_place(t, place, &stack);
        if (error == CTM_OK) {
            items[(*length)++] =
                (struct ctm_item){.key = (uint64_t)place.domain << 32 | stack, .index = index};
        }
    }
    return error;
}

static int add_rows(struct ctm_builder *builder, uint64_t key, const struct ctm_total *total)
{
    uint64_t larger = total->size % total->count;
    struct ctm_row row = {
        .domain = (uint32_t)(key >> 32),
        .stack = (uint32_t)key,
        .size = total->size / total->count,
        .count = total->count - larger,
    };
    int error = ctm_builder_row(builder, row);
    if (error == CTM_OK && larger != 0) {
        row.size++;
        row.count = larger;
        error = ctm_builder_row(builder, row);
    }
    return error;
}

/* Stacks that differ only in frames that are cut off are one to the snapshot: their items have
 * equal keys. */
static int add_all(struct ctm_translation *t, enum ctm_kind kind, const struct ctm_item *items,
                   size_t length)
{
    struct ctm_total sum = {0};
    int error = CTM_OK;
    for (size_t i = 0; i < length && error == CTM_OK; i++) {
        struct ctm_total one = item_total(t->tracer, items[i].index, kind);
        sum.size += one.size;
        sum.count += one.count;
        bool last = i + 1 == length || items[i + 1].key != items[i].key;
        if (last && sum.count != 0) {
            error = add_rows(t->builder, items[i].key, &sum);
            sum = (struct ctm_total){0};
        }
    }
    return error;
}

int ctm_take_totals(const struct ctm_tracer *tracer, const struct ctm_take_options *options,
                    enum ctm_kind kind, struct ctm_snapshot **out)
{
    struct ctm_translation t;
    struct ctm_pages scratch;
    struct ctm_item *items = NULL;
    struct ctm_item *spare = NULL;
    size_t length = 0;
    int error = ctm_translation_start(&t, tracer, options, &scratch);
    if (error == CTM_OK) {
        size_t size = ((size_t)tracer->sites.length + tracer->folded.length + 1) * sizeof *items;
        items = ctm_pages_map(&scratch, size);
        spare = ctm_pages_map(&scratch, size);
        error = items == NULL || spare == NULL ? CTM_ENOMEM : CTM_OK;
    }
    if (error == CTM_OK) {
        length = list_sites(tracer, kind, items);
        error = ctm_translation_sites(&t, items, spare, length);
    }
    if (error == CTM_OK) {
        error = add_folded(&t, kind, items, &length);
    }
    if (error == CTM_OK) {
        ctm_sort(items, spare, length);
        error = add_all(&t, kind, items, length);
    }
    if (error == CTM_OK) {
        error = ctm_builder_merge_rows(t.builder);
    }
    if (error == CTM_OK) {
        struct ctm_info info = ctm_translation_info(&t, kind);
        info.current_blocks = ctm_sites_live_blocks(&tracer->sites);
        error = ctm_builder_finish(t.builder, &info, out);
        t.builder = NULL;
    }
    ctm_translation_end(&t);
    ctm_pages_deinit(&scratch);
    return error;
}
