#include "snapshot/totals.h"

#include <stdlib.h>

#include "snapshot/array.h"

static int add_rows(const struct ctm_snapshot *s, struct ctm_stack_totals *totals)
{
    for (size_t i = 0; i < s->row_count; i++) {
        struct ctm_row row = s->rows[i];
        struct ctm_total *total = &totals->of[row.stack];
        struct ctm_total more = {.count = row.count};
        if (total->count == 0) {
            totals->present[totals->present_count++] = row.stack;
        }
        if (__builtin_mul_overflow(row.size, row.count, &more.size) || ctm_total_add(total, more)) {
            return CTM_ELIMIT;
        }
    }
    return CTM_OK;
}

int ctm_stack_totals_init(struct ctm_stack_totals *totals, const struct ctm_snapshot *s)
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

void ctm_stack_totals_deinit(struct ctm_stack_totals *totals)
{
    free(totals->of);
    free(totals->present);
}
