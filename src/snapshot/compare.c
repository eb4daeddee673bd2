#include <string.h>

#include "snapshot/group.h"

/* Generalized UTF-8 keeps the order of code points in its bytes, lone surrogates included. */
int ctm_string_compare(struct ctm_string a, struct ctm_string b)
{
    size_t common = a.length < b.length ? a.length : b.length;
    int order = memcmp(a.bytes, b.bytes, common);
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

static int compare_frames(const struct ctm_tables *a, uint32_t node_a, const struct ctm_tables *b,
                          uint32_t node_b)
{
    const struct ctm_frame *frame_a = &a->frames[a->nodes[node_a].frame];
    const struct ctm_frame *frame_b = &b->frames[b->nodes[node_b].frame];
    if (a != b || frame_a->file != frame_b->file) {
        int order = ctm_string_compare(a->strings[frame_a->file], b->strings[frame_b->file]);
        if (order != 0) {
            return order;
        }
    }
    return (frame_a->line > frame_b->line) - (frame_a->line < frame_b->line);
}

static size_t depth_of(const struct ctm_tables *t, uint32_t node)
{
    size_t depth = 0;
    for (; node != CTM_NO_NODE; node = t->nodes[node].parent) {
        depth++;
    }
    return depth;
}

static uint32_t ancestor(const struct ctm_tables *t, uint32_t node, size_t levels)
{
    for (; levels > 0; levels--) {
        node = t->nodes[node].parent;
    }
    return node;
}

int ctm_traceback_compare(const struct ctm_tables *a, uint32_t stack_a, const struct ctm_tables *b,
                          uint32_t stack_b)
{
    uint32_t node_a = a->stacks[stack_a].node;
    uint32_t node_b = b->stacks[stack_b].node;
    size_t depth_a = depth_of(a, node_a);
    size_t depth_b = depth_of(b, node_b);
    size_t common = depth_a < depth_b ? depth_a : depth_b;
    node_a = ancestor(a, node_a, depth_a - common);
    node_b = ancestor(b, node_b, depth_b - common);
    /* The oldest frame that differs decides: it is the last one met on the way up. */
    int order = (depth_a > depth_b) - (depth_a < depth_b);
    while (node_a != CTM_NO_NODE && (a != b || node_a != node_b)) {
        int here = compare_frames(a, node_a, b, node_b);
        order = here != 0 ? here : order;
        node_a = a->nodes[node_a].parent;
        node_b = b->nodes[node_b].parent;
    }
    return order;
}
