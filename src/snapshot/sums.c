#include "snapshot/sums.h"

#include <stdlib.h>

#include "snapshot/array.h"

struct total {
    uint64_t size;
    uint64_t count;
};

/* What all rows of each stack add up to, and the stacks that have rows. */
struct stack_totals {
    struct total *of;  /* by stack id */
    uint32_t *present; /* stack ids, in the order of their first rows */
    size_t present_count;
};

static void stack_totals_deinit(struct stack_totals *totals)
{
    free(totals->of);
    free(totals->present);
}

/* True if a sum is over 64 bits. */
static bool add(uint64_t *size, uint64_t *count, struct total more)
{
    bool size_over = __builtin_add_overflow(*size, more.size, size);
    bool count_over = __builtin_add_overflow(*count, more.count, count);
    return size_over || count_over;
}

static int add_rows(const struct ctm_snapshot *s, struct stack_totals *totals)
{
    for (size_t i = 0; i < s->row_count; i++) {
        struct ctm_row row = s->rows[i];
        struct total *total = &totals->of[row.stack];
        struct total more = {.count = row.count};
        if (total->count == 0) {
            totals->present[totals->present_count++] = row.stack;
        }
        if (__builtin_mul_overflow(row.size, row.count, &more.size) ||
            add(&total->size, &total->count, more)) {
            return CTM_ELIMIT;
        }
    }
    return CTM_OK;
}

static int stack_totals_init(struct stack_totals *totals, const struct ctm_snapshot *s)
{
    size_t stacks = s->tables->stack_count;
    size_t most = s->row_count < stacks ? s->row_count : stacks;
    totals->of = ctm_array_zeroed(stacks, sizeof *totals->of);
    totals->present = ctm_array_new(most, sizeof *totals->present);
    totals->present_count = 0;
    if (totals->of == NULL || totals->present == NULL) {
        return CTM_ENOMEM;
    }
    return add_rows(s, totals);
}

static bool add_sum(struct ctm_sum *sum, struct total more, uint32_t from)
{
    if (sum->count == 0) {
        sum->from = from;
    }
    return add(&sum->size, &sum->count, more);
}

/* Each stack counts where its newest frame does. */
static int add_newest(const struct ctm_tables *t, enum ctm_key key,
                      const struct stack_totals *totals, const uint32_t *key_of,
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
            from = key == CTM_KEY_LINENO ? frame : t->frames[frame].file;
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
                          const struct stack_totals *totals, const uint32_t *key_of,
                          struct ctm_sum *sums)
{
    int status = CTM_ELIMIT;
    struct total *below = ctm_array_zeroed(t->node_count, sizeof *below);
    if (below == NULL) {
        return CTM_ENOMEM;
    }
    for (size_t i = 0; i < totals->present_count; i++) {
        uint32_t stack = totals->present[i];
        uint32_t node = t->stacks[stack].node;
        if (node != CTM_NO_NODE && add(&below[node].size, &below[node].count, totals->of[stack])) {
            goto out;
        }
    }
    for (size_t i = t->node_count; i-- > 0;) {
        if (below[i].count == 0) {
            continue;
        }
        struct ctm_node node = t->nodes[i];
        uint32_t from = key == CTM_KEY_LINENO ? node.frame : t->frames[node.frame].file;
        if (add_sum(&sums[key_of[from]], below[i], from)) {
            goto out;
        }
        if (node.parent != CTM_NO_NODE &&
            add(&below[node.parent].size, &below[node.parent].count, below[i])) {
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
    struct stack_totals totals;
    int status = stack_totals_init(&totals, s);
    if (status == CTM_OK) {
        status = cumulative ? add_all_frames(s->tables, key, &totals, key_of, sums)
                            : add_newest(s->tables, key, &totals, key_of, sums);
    }
    stack_totals_deinit(&totals);
    return status;
}

struct ctm_place ctm_sum_place(const struct ctm_tables *t, enum ctm_key key, size_t key_id,
                               const struct ctm_sum *sum)
{
    struct ctm_place place = {0};
    if (key == CTM_KEY_TRACEBACK) {
        place.stack = sum->from;
    } else if (key == CTM_KEY_FILENAME) {
        place.file = sum->from;
    } else if (key_id != CTM_KEY_EMPTY) {
        place.file = t->frames[sum->from].file;
        place.line = t->frames[sum->from].line;
    }
    place.no_frame = key_id == CTM_KEY_EMPTY;
    return place;
}
