#include "snapshot/sums.h"

#include <stdlib.h>

#include "snapshot/array.h"

static bool add_sum(struct ctm_sum *sum, struct ctm_total more, uint32_t from)
{
    if (sum->total.count == 0) {
        sum->from = from;
    }
    return ctm_total_add(&sum->total, more);
}

/* Each stack counts where its newest frame does. */
static int add_newest(const struct ctm_tables *t, enum ctm_key key,
                      const struct ctm_stack_totals *totals, const uint32_t *key_of,
                      struct ctm_sum *sums)
{
    for (size_t i = 0; i < totals->present_count; i++) {
        uint32_t stack = totals->present[i];
        uint32_t node = t->stacks[stack].node;
        uint32_t at = CTM_KEY_EMPTY;
        uint32_t from = stack;
        if (node == CTM_NO_NODE) {
            if (key == CTM_KEY_FILENAME) {
                continue;
            }
        } else if (key == CTM_KEY_TRACEBACK) {
            at = key_of[node];
        } else {
            uint32_t frame = t->nodes[node].frame;
            from = ctm_key_by_file(key) ? t->frames[frame].file : frame;
            at = key_of[from];
        }
        if (add_sum(&sums[at], totals->of[stack], from)) {
            return CTM_ELIMIT;
        }
    }
    return CTM_OK;
}

/*
 * Each stack counts at all of its frames, at one that recurs as often as it occurs. Callees come
 * after their callers, so one pass from the end adds all that was allocated below each node.
 */
static int add_all_frames(const struct ctm_tables *t, enum ctm_key key,
                          const struct ctm_stack_totals *totals, const uint32_t *key_of,
                          struct ctm_sum *sums)
{
    int status = CTM_ELIMIT;
    struct ctm_total *below = ctm_array_zeroed(t->node_count, sizeof *below);
    if (below == NULL) {
        return CTM_ENOMEM;
    }
    for (size_t i = 0; i < totals->present_count; i++) {
        uint32_t stack = totals->present[i];
        uint32_t node = t->stacks[stack].node;
        if (node != CTM_NO_NODE && ctm_total_add(&below[node], totals->of[stack])) {
            goto out;
        }
    }
    for (size_t i = t->node_count; i-- > 0;) {
        if (below[i].count == 0) {
            continue;
        }
        struct ctm_node node = t->nodes[i];
        uint32_t from = ctm_key_by_file(key) ? t->frames[node.frame].file : node.frame;
        if (add_sum(&sums[key_of[from]], below[i], from)) {
            goto out;
        }
        if (node.parent != CTM_NO_NODE && ctm_total_add(&below[node.parent], below[i])) {
            goto out;
        }
    }
    status = CTM_OK;
out:
    free(below);
    return status;
}

int ctm_sums_add(const struct ctm_snapshot *s, enum ctm_key key, bool cumulative,
                 const uint32_t *key_of, struct ctm_sum *sums)
{
    struct ctm_stack_totals totals;
    int status = ctm_stack_totals_init(&totals, s);
    if (status == CTM_OK) {
        status = cumulative ? add_all_frames(s->tables, key, &totals, key_of, sums)
                            : add_newest(s->tables, key, &totals, key_of, sums);
    }
    ctm_stack_totals_deinit(&totals);
    return status;
}

struct ctm_place ctm_sum_place(const struct ctm_tables *t, enum ctm_key key, size_t key_id,
                               const struct ctm_sum *sum)
{
    struct ctm_place place = {.no_frame = key_id == CTM_KEY_EMPTY};
    if (key == CTM_KEY_TRACEBACK) {
        place.stack = sum->from;
    } else if (ctm_key_by_file(key)) {
        place.frame.file = sum->from;
    } else if (!place.no_frame) {
        place.frame = ctm_key_frame(key, t->frames[sum->from]);
    }
    return place;
}
