#include "format/used.h"

#include <stdlib.h>
#include <string.h>

/* Number what is marked, that is, not CTM_UNUSED; returns how many there are. */
static uint32_t number(uint32_t *ids, uint32_t count)
{
    uint32_t next = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (ids[i] != CTM_UNUSED) {
            ids[i] = next++;
        }
    }
    return next;
}

int ctm_used_find(const struct ctm_snapshot *s, struct ctm_used *used)
{
    const struct ctm_tables *t = s->tables;
    size_t entries =
        (size_t)t->string_count + t->frame_count + t->node_count + (size_t)t->stack_count;

    *used = (struct ctm_used){0};
    used->strings = malloc((entries + 1) * sizeof *used->strings);
    if (!used->strings) {
        return CTM_ENOMEM;
    }
    memset(used->strings, 0xff, entries * sizeof *used->strings);
    used->frames = used->strings + t->string_count;
    used->nodes = used->frames + t->frame_count;
    used->stacks = used->nodes + t->node_count;

    used->strings[0] = 0;
    for (size_t i = 0; i < s->row_count; i++) {
        used->stacks[s->rows[i].stack] = 0;
    }
    for (uint32_t i = 0; i < t->stack_count; i++) {
        if (used->stacks[i] != CTM_UNUSED && t->stacks[i].node != CTM_NO_NODE) {
            used->nodes[t->stacks[i].node] = 0;
        }
    }
    /* Parents have smaller ids: downwards, a node is marked before its turn comes. */
    for (uint32_t i = t->node_count; i-- > 0;) {
        if (used->nodes[i] == CTM_UNUSED) {
            continue;
        }
        used->frames[t->nodes[i].frame] = 0;
        if (t->nodes[i].parent != CTM_NO_NODE) {
            used->nodes[t->nodes[i].parent] = 0;
        }
    }
    for (uint32_t i = 0; i < t->frame_count; i++) {
        if (used->frames[i] == CTM_UNUSED) {
            continue;
        }
        used->strings[t->frames[i].file] = 0;
        used->strings[t->frames[i].name] = 0;
    }
    used->string_count = number(used->strings, t->string_count);
    used->frame_count = number(used->frames, t->frame_count);
    used->node_count = number(used->nodes, t->node_count);
    used->stack_count = number(used->stacks, t->stack_count);
    return CTM_OK;
}

void ctm_used_free(struct ctm_used *used)
{
    free(used->strings);
    *used = (struct ctm_used){0};
}
