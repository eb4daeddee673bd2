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

    uint32_t *strings = malloc(entries * sizeof *strings);
    if (strings == NULL) {
        return CTM_ENOMEM;
    }
    memset(strings, 0xff, entries * sizeof *strings);
    uint32_t *frames = strings + t->string_count;
    uint32_t *nodes = frames + t->frame_count;
    uint32_t *stacks = nodes + t->node_count;

    strings[0] = 0;
    for (size_t i = 0; i < s->row_count; i++) {
        stacks[s->rows[i].stack] = 0;
    }
    for (uint32_t i = 0; i < t->stack_count; i++) {
        if (stacks[i] != CTM_UNUSED && t->stacks[i].node != CTM_NO_NODE) {
            nodes[t->stacks[i].node] = 0;
        }
    }
    /* Parents have smaller ids: downwards, a node is marked before its turn comes. */
    for (uint32_t i = t->node_count; i-- > 0;) {
        if (nodes[i] == CTM_UNUSED) {
            continue;
        }
        frames[t->nodes[i].frame] = 0;
        if (t->nodes[i].parent != CTM_NO_NODE) {
            nodes[t->nodes[i].parent] = 0;
        }
    }
    for (uint32_t i = 0; i < t->frame_count; i++) {
        if (frames[i] != CTM_UNUSED) {
            strings[t->frames[i].file] = 0;
            strings[t->frames[i].name] = 0;
        }
    }
    *used = (struct ctm_used){
        .strings = strings,
        .frames = frames,
        .nodes = nodes,
        .stacks = stacks,
        .string_count = number(strings, t->string_count),
        .frame_count = number(frames, t->frame_count),
        .node_count = number(nodes, t->node_count),
        .stack_count = number(stacks, t->stack_count),
    };
    return CTM_OK;
}

void ctm_used_free(struct ctm_used *used)
{
    free(used->strings);
    *used = (struct ctm_used){0};
}
