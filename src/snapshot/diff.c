#include "snapshot/diff.h"

#include <stdlib.h>

#include "snapshot/array.h"
#include "snapshot/sort.h"
#include "snapshot/sums.h"

/* The sums of both snapshots under common keys. */
struct pair {
    const struct ctm_tables *now_tables;
    const struct ctm_tables *old_tables;
    enum ctm_key key;
    size_t key_count;
    struct ctm_sum *now;
    struct ctm_sum *old;
};

static int subtract(uint64_t now, uint64_t old, int64_t *out)
{
    uint64_t distance = now > old ? now - old : old - now;
    if (distance > INT64_MAX) {
        return CTM_ELIMIT;
    }
    *out = now >= old ? (int64_t)distance : -(int64_t)distance;
    return CTM_OK;
}

static uint64_t magnitude(int64_t value)
{
    return value < 0 ? -(uint64_t)value : (uint64_t)value;
}

static int make_diff(const struct pair *pair, size_t at, struct ctm_diff *out)
{
    const struct ctm_sum *now = &pair->now[at];
    const struct ctm_sum *old = &pair->old[at];
    bool from_old = now->total.count == 0;
    struct ctm_place place = ctm_sum_place(from_old ? pair->old_tables : pair->now_tables,
                                           pair->key, at, from_old ? old : now);
    *out = (struct ctm_diff){
        .from_old = from_old,
        .no_frame = place.no_frame,
        .frame = place.frame,
        .stack = place.stack,
        .size = now->total.size,
        .count = now->total.count,
    };
    int status = subtract(now->total.size, old->total.size, &out->size_diff);
    return status == CTM_OK ? subtract(now->total.count, old->total.count, &out->count_diff)
                            : status;
}

/* Sort diffs that are in the order of tracebacks: by what counts more, the most important last. */
static void order_diffs(const struct ctm_diff *diffs, size_t n, struct ctm_item *items,
                        struct ctm_item *spare)
{
    for (size_t i = 0; i < n; i++) {
        items[i] = (struct ctm_item){.key = diffs[i].count, .index = i};
    }
    ctm_sort(items, spare, n);
    for (size_t i = 0; i < n; i++) {
        items[i].key = magnitude(diffs[items[i].index].count_diff);
    }
    ctm_sort(items, spare, n);
    for (size_t i = 0; i < n; i++) {
        items[i].key = diffs[items[i].index].size;
    }
    ctm_sort(items, spare, n);
    for (size_t i = 0; i < n; i++) {
        items[i].key = magnitude(diffs[items[i].index].size_diff);
    }
    ctm_sort(items, spare, n);
}

static int list_diffs(const struct pair *pair, struct ctm_diffs *out)
{
    int status = CTM_ENOMEM;
    struct ctm_item *items = NULL;
    struct ctm_item *spare = NULL;
    struct ctm_diff *diffs = NULL;
    struct ctm_diff *sorted = NULL;
    size_t n = 0;
    for (size_t i = 0; i < pair->key_count; i++) {
        n += (pair->now[i].total.count | pair->old[i].total.count) != 0;
    }
    items = ctm_array_new(n, sizeof *items);
    spare = ctm_array_new(n, sizeof *spare);
    diffs = ctm_array_new(n, sizeof *diffs);
    sorted = ctm_array_new(n, sizeof *sorted);
    if (items == NULL || spare == NULL || diffs == NULL || sorted == NULL) {
        goto out;
    }
    size_t filled = 0;
    for (size_t i = 0; i < pair->key_count; i++) {
        if ((pair->now[i].total.count | pair->old[i].total.count) != 0) {
            status = make_diff(pair, i, &diffs[filled++]);
            if (status != CTM_OK) {
                goto out;
            }
        }
    }
    order_diffs(diffs, n, items, spare);
    for (size_t i = 0; i < n; i++) {
        sorted[i] = diffs[items[n - 1 - i].index];
    }
    out->length = n;
    out->items = sorted;
    sorted = NULL;
    status = CTM_OK;
out:
    free(items);
    free(spare);
    free(diffs);
    free(sorted);
    return status;
}

int ctm_diff(const struct ctm_snapshot *now, const struct ctm_snapshot *old, enum ctm_key key,
             enum ctm_counting counting, struct ctm_diffs *out)
{
    if (!ctm_key_valid(key, counting != CTM_AT_NEWEST)) {
        return CTM_EINVAL;
    }
    struct ctm_keys keys;
    int status = ctm_keys_init(&keys, key, now->tables, old->tables);
    if (status != CTM_OK) {
        return status;
    }
    struct pair pair = {
        .now_tables = now->tables,
        .old_tables = old->tables,
        .key = key,
        .key_count = keys.count,
        .now = ctm_array_zeroed(keys.count, sizeof *pair.now),
        .old = ctm_array_zeroed(keys.count, sizeof *pair.old),
    };
    status = CTM_ENOMEM;
    if (pair.now == NULL || pair.old == NULL) {
        goto out;
    }
    status = ctm_sums_add(now, key, counting, keys.of[0], keys.count, pair.now);
    if (status != CTM_OK) {
        goto out;
    }
    status = ctm_sums_add(old, key, counting, keys.of[1], keys.count, pair.old);
    if (status != CTM_OK) {
        goto out;
    }
    status = list_diffs(&pair, out);
out:
    free(pair.now);
    free(pair.old);
    ctm_keys_deinit(&keys);
    return status;
}

void ctm_diffs_free(struct ctm_diffs *diffs)
{
    free(diffs->items);
    diffs->items = NULL;
    diffs->length = 0;
}
