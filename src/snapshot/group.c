#include "snapshot/group.h"

#include <stdlib.h>

#include "snapshot/array.h"
#include "snapshot/sort.h"
#include "snapshot/sums.h"

/* Keys come in the order of tracebacks; sort by what counts more, the most important last. */
static int list_groups(const struct ctm_tables *t, enum ctm_key key, const struct ctm_sum *sums,
                       size_t key_count, struct ctm_groups *out)
{
    int status = CTM_ENOMEM;
    struct ctm_item *items = NULL;
    struct ctm_item *spare = NULL;
    struct ctm_group *groups = NULL;
    size_t n = 0;
    for (size_t i = 0; i < key_count; i++) {
        n += sums[i].total.count != 0;
    }
    items = ctm_array_new(n, sizeof *items);
    spare = ctm_array_new(n, sizeof *spare);
    groups = ctm_array_new(n, sizeof *groups);
    if (items == NULL || spare == NULL || groups == NULL) {
        goto out;
    }
    size_t filled = 0;
    for (size_t i = 0; i < key_count; i++) {
        if (sums[i].total.count != 0) {
            items[filled++] = (struct ctm_item){.key = sums[i].total.count, .index = i};
        }
    }
    ctm_sort(items, spare, n);
    for (size_t i = 0; i < n; i++) {
        items[i].key = sums[items[i].index].total.size;
    }
    ctm_sort(items, spare, n);
    for (size_t i = 0; i < n; i++) {
        size_t at = items[n - 1 - i].index;
        struct ctm_place place = ctm_sum_place(t, key, at, &sums[at]);
        groups[i] = (struct ctm_group){
            .no_frame = place.no_frame,
            .frame = place.frame,
            .stack = place.stack,
            .size = sums[at].total.size,
            .count = sums[at].total.count,
        };
    }
    out->length = n;
    out->items = groups;
    groups = NULL;
    status = CTM_OK;
out:
    free(items);
    free(spare);
    free(groups);
    return status;
}

int ctm_group(const struct ctm_snapshot *s, enum ctm_key key, enum ctm_counting counting,
              struct ctm_groups *out)
{
    if (!ctm_key_valid(key, counting != CTM_AT_NEWEST)) {
        return CTM_EINVAL;
    }
    struct ctm_keys keys;
    int status = ctm_keys_init(&keys, key, s->tables, NULL);
    if (status != CTM_OK) {
        return status;
    }
    struct ctm_sum *sums = ctm_array_zeroed(keys.count, sizeof *sums);
    status =
        sums == NULL ? CTM_ENOMEM : ctm_sums_add(s, key, counting, keys.of[0], keys.count, sums);
    if (status == CTM_OK) {
        status = list_groups(s->tables, key, sums, keys.count, out);
    }
    free(sums);
    ctm_keys_deinit(&keys);
    return status;
}

void ctm_groups_free(struct ctm_groups *groups)
{
    free(groups->items);
    groups->items = NULL;
    groups->length = 0;
}
