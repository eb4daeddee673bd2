#include "cpython/snapshot_equal.h"

#include <stdbool.h>
#include <stdlib.h>

#include "snapshot/group.h"

/* `matches` remembers what was found equal: for each stack of `a` the latest of `b`, plus 1. */
static bool stacks_equal(const struct ctm_tables *a, uint32_t stack_a, const struct ctm_tables *b,
                         uint32_t stack_b, uint32_t *matches)
{
    if (a == b && stack_a == stack_b) {
        return true;
    }
    if (matches[stack_a] == stack_b + 1) {
        return true;
    }
    if (a->stacks[stack_a].total_nframe != b->stacks[stack_b].total_nframe ||
        ctm_traceback_compare(a, stack_a, b, stack_b) != 0) {
        return false;
    }
    matches[stack_a] = stack_b + 1;
    return true;
}

static bool rows_equal(const struct ctm_snapshot *a, const struct ctm_snapshot *b,
                       uint32_t *matches)
{
    size_t at_a = 0;
    size_t at_b = 0;
    uint64_t left_a = 0; /* traces of the row that are not compared yet */
    uint64_t left_b = 0;
    for (uint64_t compared = 0; compared < a->trace_count;) {
        const struct ctm_row *row_a = &a->rows[at_a];
        const struct ctm_row *row_b = &b->rows[at_b];
        if (row_a->domain != row_b->domain || row_a->size != row_b->size ||
            !stacks_equal(a->tables, row_a->stack, b->tables, row_b->stack, matches)) {
            return false;
        }
        left_a = left_a == 0 ? row_a->count : left_a;
        left_b = left_b == 0 ? row_b->count : left_b;
        uint64_t common = left_a < left_b ? left_a : left_b;
        left_a -= common;
        left_b -= common;
        at_a += left_a == 0;
        at_b += left_b == 0;
        compared += common;
    }
    return true;
}

int ctm_snapshots_equal(const struct ctm_snapshot *a, const struct ctm_snapshot *b)
{
    if (a->trace_count != b->trace_count || a->info.kind != b->info.kind) {
        return 0;
    }
    uint32_t *matches = calloc((size_t)a->tables->stack_count + 1, sizeof *matches);
    if (matches == NULL) {
        return CTM_ENOMEM;
    }
    bool equal = rows_equal(a, b, matches);
    free(matches);
    return equal;
}
