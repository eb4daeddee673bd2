#include "snapshot/sums.h"

#include <stdbool.h>
#include <stdlib.h>

#include "snapshot/array.h"

static bool add_sum(struct ctm_sum *sum, struct ctm_total more, uint32_t from)
{
    if (sum->total.count == 0) {
        sum->from = from;
    }
    return ctm_total_add(&sum->total, more);
}

/* What the key of a node's frame is taken from; not by TRACEBACK. */
static uint32_t origin_of(const struct ctm_tables *t, enum ctm_key key, size_t node)
{
    uint32_t frame = t->nodes[node].frame;
    return ctm_key_by_file(key) ? t->frames[frame].file : frame;
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
            from = origin_of(t, key, node);
            at = key_of[from];
        }
        if (add_sum(&sums[at], totals->of[stack], from)) {
            return CTM_ELIMIT;
        }
    }
    return CTM_OK;
}

/* The tree of frames from callers to callees, lists ending with CTM_NO_NODE. */
struct callees {
    uint32_t first_root;
    uint32_t *first; /* by node */
    uint32_t *next;  /* by node: another one of the same caller */
};

static void list_callees(const struct ctm_tables *t, struct callees *callees)
{
    callees->first_root = CTM_NO_NODE;
    for (uint32_t i = 0; i < t->node_count; i++) {
        uint32_t parent = t->nodes[i].parent;
        uint32_t *list = parent == CTM_NO_NODE ? &callees->first_root : &callees->first[parent];
        callees->first[i] = CTM_NO_NODE;
        callees->next[i] = *list;
        *list = i;
    }
}

/* Go through the tree in pre-order. `open`, by key, says whether a caller of the node has it. */
static void walk(const struct ctm_tables *t, enum ctm_key key, const uint32_t *key_of,
                 const struct callees *callees, bool *open, bool *recurs)
{
    uint32_t node = callees->first_root;
    while (node != CTM_NO_NODE) {
        bool *is_open = &open[key_of[origin_of(t, key, node)]];
        recurs[node] = *is_open;
        *is_open = true;
        if (callees->first[node] != CTM_NO_NODE) {
            node = callees->first[node];
            continue;
        }
        uint32_t next = CTM_NO_NODE;
        while (node != CTM_NO_NODE && next == CTM_NO_NODE) {
            open[key_of[origin_of(t, key, node)]] = recurs[node];
            next = callees->next[node];
            node = t->nodes[node].parent;
        }
        node = next;
    }
}

/* Which nodes have the key of one of their callers; NULL: no memory. */
static bool *find_recursion(const struct ctm_tables *t, enum ctm_key key, const uint32_t *key_of,
                            size_t key_count)
{
    struct callees callees = {
        .first = ctm_array_new(t->node_count, sizeof *callees.first),
        .next = ctm_array_new(t->node_count, sizeof *callees.next),
    };
    bool *open = ctm_array_zeroed(key_count, sizeof *open);
    bool *recurs = ctm_array_new(t->node_count, sizeof *recurs);
    if (callees.first == NULL || callees.next == NULL || open == NULL) {
        free(recurs);
        recurs = NULL;
    }
    if (recurs != NULL) {
        list_callees(t, &callees);
        walk(t, key, key_of, &callees, open, recurs);
    }
    free(callees.first);
    free(callees.next);
    free(open);
    return recurs;
}

/*
 * Each stack counts at all of its frames but those in `recurs`, which may be NULL. Callees come
 * after their callers, so one pass from the end adds all that was allocated below each node.
 */
static int add_frames(const struct ctm_tables *t, enum ctm_key key,
                      const struct ctm_stack_totals *totals, const uint32_t *key_of,
                      const bool *recurs, struct ctm_sum *sums)
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
        uint32_t from = origin_of(t, key, i);
        if ((recurs == NULL || !recurs[i]) && add_sum(&sums[key_of[from]], below[i], from)) {
            goto out;
        }
        uint32_t parent = t->nodes[i].parent;
        if (parent != CTM_NO_NODE && ctm_total_add(&below[parent], below[i])) {
            goto out;
        }
    }
    status = CTM_OK;
out:
    free(below);
    return status;
}

/* Each stack counts at all of its places, at none of them twice. */
static int add_places(const struct ctm_tables *t, enum ctm_key key,
                      const struct ctm_stack_totals *totals, const uint32_t *key_of,
                      size_t key_count, struct ctm_sum *sums)
{
    for (size_t i = 0; i < totals->present_count; i++) {
        uint32_t stack = totals->present[i];
        if (t->stacks[stack].node == CTM_NO_NODE &&
            add_sum(&sums[CTM_KEY_EMPTY], totals->of[stack], stack)) {
            return CTM_ELIMIT;
        }
    }
    bool *recurs = find_recursion(t, key, key_of, key_count);
    int status = recurs == NULL ? CTM_ENOMEM : add_frames(t, key, totals, key_of, recurs, sums);
    free(recurs);
    return status;
}

int ctm_sums_add(const struct ctm_snapshot *s, enum ctm_key key, enum ctm_counting counting,
                 const uint32_t *key_of, size_t key_count, struct ctm_sum *sums)
{
    struct ctm_stack_totals totals;
    int status = ctm_stack_totals_init(&totals, s);
    if (status == CTM_OK && counting == CTM_AT_NEWEST) {
        status = add_newest(s->tables, key, &totals, key_of, sums);
    } else if (status == CTM_OK && counting == CTM_AT_FRAMES) {
        status = add_frames(s->tables, key, &totals, key_of, NULL, sums);
    } else if (status == CTM_OK) {
        status = add_places(s->tables, key, &totals, key_of, key_count, sums);
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
