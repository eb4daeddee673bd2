#include <stdlib.h>

#include "snapshot/array.h"
#include "snapshot/take.h"
#include "snapshot/translate.h"

/* What one site has counted, under the builder's id of its stack. */
struct total {
    uint32_t domain;
    uint32_t stack;
    uint64_t bytes;
    uint64_t blocks;
};

static struct total total_of(const struct ctm_sites *sites, uint32_t id, enum ctm_kind kind)
{
    const struct ctm_site *site = &sites->items[id];
    const struct ctm_reuse *reused = &sites->reused[id];
    struct total total = {.domain = site->domain};
    switch (kind) {
    case CTM_KIND_PEAK:
        total.bytes = ctm_site_peak_bytes(sites, site);
        total.blocks = ctm_site_peak_blocks(sites, site);
        break;
    case CTM_KIND_CHURN:
        total.bytes = site->total_bytes + reused->bytes;
        total.blocks = site->total_blocks + reused->blocks;
        break;
    case CTM_KIND_REUSE:
        total.bytes = reused->bytes;
        total.blocks = reused->blocks;
        break;
    case CTM_KIND_LIVE:
    case CTM_KIND_COUNT:
        break;
    }
    return total;
}

static int compare_totals(const void *a, const void *b)
{
    const struct total *x = a;
    const struct total *y = b;
    if (x->domain != y->domain) {
        return x->domain < y->domain ? -1 : 1;
    }
    return x->stack < y->stack ? -1 : x->stack > y->stack;
}

/* Stacks that differ only in frames that are cut off are one to the snapshot. */
static size_t join_equal(struct total *totals, size_t length)
{
    size_t kept = 0;
    qsort(totals, length, sizeof *totals, compare_totals);
    for (size_t i = 1; i < length; i++) {
        if (compare_totals(&totals[kept], &totals[i]) == 0) {
            totals[kept].bytes += totals[i].bytes;
            totals[kept].blocks += totals[i].blocks;
        } else {
            totals[++kept] = totals[i];
        }
    }
    return length == 0 ? 0 : kept + 1;
}

static int add_rows(struct ctm_builder *builder, const struct total *total)
{
    uint64_t larger = total->bytes % total->blocks;
    struct ctm_row row = {
        .domain = total->domain,
        .stack = total->stack,
        .size = total->bytes / total->blocks,
        .count = total->blocks - larger,
    };
    int error = ctm_builder_row(builder, row);
    if (error == CTM_OK && larger != 0) {
        row.size++;
        row.count = larger;
        error = ctm_builder_row(builder, row);
    }
    return error;
}

static struct total folded_total(const struct ctm_folded_row *row, enum ctm_kind kind)
{
    struct total total = {.domain = row->place.domain};
    if (kind == CTM_KIND_CHURN) {
        total.bytes = row->churn.total_bytes;
        total.blocks = row->churn.total_blocks;
    }
    if (kind == CTM_KIND_CHURN || kind == CTM_KIND_REUSE) {
        total.bytes += row->churn.reused_bytes;
        total.blocks += row->churn.reused_blocks;
    }
    return total;
}

static int collect_folded(struct ctm_translation *t, enum ctm_kind kind, struct total *totals,
                          size_t *length)
{
    const struct ctm_folded *folded = &t->tracer->folded;
    for (uint32_t i = 0; i < folded->length; i++) {
        struct total total = folded_total(&folded->rows[i], kind);
        if (total.blocks == 0) {
            continue;
        }
        int error = ctm_translation_place(t, folded->rows[i].place, &total.stack);
        if (error < 0) {
            return error;
        }
        totals[(*length)++] = total;
    }
    return CTM_OK;
}

static int collect(struct ctm_translation *t, enum ctm_kind kind, struct total *totals,
                   size_t *length)
{
    const struct ctm_sites *sites = &t->tracer->sites;
    *length = 0;
    for (uint32_t id = 1; id < sites->length; id++) {
        struct total total = total_of(sites, id, kind);
        if (total.blocks == 0) {
            continue;
        }
        int error = ctm_translation_stack(t, sites->items[id].node, &total.stack);
        if (error < 0) {
            return error;
        }
        totals[(*length)++] = total;
    }
    int error = collect_folded(t, kind, totals, length);
    *length = join_equal(totals, *length);
    return error;
}

int ctm_take_totals(const struct ctm_tracer *tracer, const struct ctm_take_options *options,
                    enum ctm_kind kind, struct ctm_snapshot **out)
{
    struct ctm_translation t;
    size_t length = 0;
    struct total *totals =
        ctm_array_new((size_t)tracer->sites.length + tracer->folded.length, sizeof *totals);
    int error = ctm_translation_start(&t, tracer, options);
    if (error == CTM_OK) {
        error = totals == NULL ? CTM_ENOMEM : ctm_translation_remember(&t);
    }
    if (error == CTM_OK) {
        error = collect(&t, kind, totals, &length);
    }
    for (size_t i = 0; error == CTM_OK && i < length; i++) {
        error = add_rows(t.builder, &totals[i]);
    }
    if (error == CTM_OK) {
        error = ctm_builder_merge_rows(t.builder);
    }
    if (error == CTM_OK) {
        error = ctm_translation_finish(&t, kind, out);
    }
    free(totals);
    ctm_translation_end(&t);
    return error;
}
