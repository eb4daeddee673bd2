#include "snapshot/snapshot.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot/array.h"
#include "snapshot/store.h"

struct ctm_store {
    struct ctm_tables tables;
    struct ctm_text *text;
    size_t memory; /* bytes of all that is freed with the store */
    atomic_size_t references;
};

/* The public struct comes first, so that a pointer to one is a pointer to the other. */
struct box {
    struct ctm_snapshot snapshot;
    struct ctm_store *store;
    atomic_size_t references;
};

/* Snapshots are made by ctm_snapshot_adopt alone, so each lies in a box. */
static struct box *box_of(struct ctm_snapshot *s)
{
    return (struct box *)s;
}

const char *ctm_kind_name(enum ctm_kind kind)
{
    static const char *const names[CTM_KIND_COUNT] = {
        [CTM_KIND_LIVE] = "live",
        [CTM_KIND_PEAK] = "peak",
        [CTM_KIND_CHURN] = "churn",
        [CTM_KIND_REUSE] = "reuse",
    };
    return names[kind];
}

void ctm_text_free(struct ctm_text *newest)
{
    while (newest != NULL) {
        struct ctm_text *next = newest->next;
        free(newest);
        newest = next;
    }
}

int ctm_store_new(const struct ctm_tables *tables, struct ctm_text *text, struct ctm_store **out)
{
    struct ctm_store *store = malloc(sizeof *store);
    if (store == NULL) {
        return CTM_ENOMEM;
    }
    store->tables = *tables;
    store->text = text;
    store->memory = sizeof *store + tables->string_count * sizeof *tables->strings +
                    tables->frame_count * sizeof *tables->frames +
                    tables->node_count * sizeof *tables->nodes +
                    tables->stack_count * sizeof *tables->stacks;
    for (const struct ctm_text *piece = text; piece != NULL; piece = piece->next) {
        store->memory += sizeof *piece + piece->size;
    }
    atomic_init(&store->references, 1);
    *out = store;
    return CTM_OK;
}

struct ctm_store *ctm_store_ref(struct ctm_store *store)
{
    atomic_fetch_add_explicit(&store->references, 1, memory_order_relaxed);
    return store;
}

void ctm_store_unref(struct ctm_store *store)
{
    if (store == NULL ||
        atomic_fetch_sub_explicit(&store->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    free((void *)store->tables.strings);
    free((void *)store->tables.frames);
    free((void *)store->tables.nodes);
    free((void *)store->tables.stacks);
    ctm_text_free(store->text);
    free(store);
}

struct ctm_store *ctm_store_of(const struct ctm_snapshot *s)
{
    return ((const struct box *)s)->store;
}

int ctm_snapshot_adopt(struct ctm_store *store, struct ctm_row *rows, size_t row_count,
                       uint64_t trace_count, const struct ctm_info *info, struct ctm_snapshot **out)
{
    struct box *box = malloc(sizeof *box);
    if (box == NULL) {
        ctm_store_unref(store);
        free(rows);
        return CTM_ENOMEM;
    }
    memset(box, 0, sizeof *box);
    box->snapshot.tables = &store->tables;
    box->snapshot.rows = rows;
    box->snapshot.row_count = row_count;
    box->snapshot.trace_count = trace_count;
    if (info != NULL) {
        box->snapshot.info = *info;
    }
    box->store = store;
    atomic_init(&box->references, 1);
    *out = &box->snapshot;
    return CTM_OK;
}

struct ctm_snapshot *ctm_snapshot_ref(struct ctm_snapshot *s)
{
    atomic_fetch_add_explicit(&box_of(s)->references, 1, memory_order_relaxed);
    return s;
}

void ctm_snapshot_unref(struct ctm_snapshot *s)
{
    if (s == NULL ||
        atomic_fetch_sub_explicit(&box_of(s)->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    ctm_store_unref(box_of(s)->store);
    free((void *)s->rows);
    free(box_of(s));
}

int ctm_snapshot_with_rows(struct ctm_snapshot *s, const struct ctm_row *rows, size_t row_count,
                           struct ctm_snapshot **out)
{
    uint64_t trace_count = 0;
    for (size_t i = 0; i < row_count; i++) {
        if (rows[i].stack >= s->tables->stack_count || rows[i].count == 0) {
            return CTM_EINVAL;
        }
        if (__builtin_add_overflow(trace_count, rows[i].count, &trace_count)) {
            return CTM_ELIMIT;
        }
    }
    struct ctm_row *copy = ctm_array_new(row_count, sizeof *copy);
    if (copy == NULL) {
        return CTM_ENOMEM;
    }
    if (row_count != 0) {
        memcpy(copy, rows, row_count * sizeof *copy);
    }
    return ctm_snapshot_adopt(ctm_store_ref(ctm_store_of(s)), copy, row_count, trace_count,
                              &s->info, out);
}

size_t ctm_snapshot_memory(const struct ctm_snapshot *s)
{
    return sizeof(struct box) + s->row_count * sizeof *s->rows + ctm_store_of(s)->memory;
}
