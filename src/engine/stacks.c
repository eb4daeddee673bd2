#include "engine/stacks.h"

#include <string.h>

#include "engine/array.h"
#include "engine/hash.h"

void ctm_stacks_init(struct ctm_stacks *stacks, struct ctm_pages *pages)
{
    memset(stacks, 0, sizeof *stacks);
    stacks->pages = pages;
    ctm_index_init(&stacks->frame_index, pages);
    ctm_index_init(&stacks->node_index, pages);
}

static uint64_t hash_frame(struct ctm_location_frame frame)
{
    return ctm_hash_u64(ctm_hash_pair(frame.file, frame.line) + frame.name);
}

static uint64_t rehash_frame(const void *context, uint32_t id)
{
    const struct ctm_stacks *stacks = context;
    return hash_frame(stacks->frames[id]);
}

int ctm_stacks_frame(struct ctm_stacks *stacks, struct ctm_location_frame frame, uint32_t *id)
{
    uint64_t hash = hash_frame(frame);
    uint32_t probe = 0;
    uint32_t found;
    while ((found = ctm_index_next(&stacks->frame_index, hash, &probe)) != UINT32_MAX) {
        const struct ctm_location_frame *known = &stacks->frames[found];
        if (known->file == frame.file && known->line == frame.line && known->name == frame.name) {
            *id = found;
            return CTM_OK;
        }
    }

    int error = ctm_index_reserve(&stacks->frame_index, rehash_frame, stacks);
    if (error < 0) {
        return error;
    }
    error = ctm_array_reserve(stacks->pages, (void **)&stacks->frames, &stacks->frame_capacity,
                              stacks->frame_length, sizeof *stacks->frames);
    if (error < 0) {
        return error;
    }
    stacks->frames[stacks->frame_length] = frame;
    ctm_index_put(&stacks->frame_index, hash, stacks->frame_length);
    *id = stacks->frame_length++;
    return CTM_OK;
}

static uint64_t rehash_node(const void *context, uint32_t id)
{
    const struct ctm_stacks *stacks = context;
    return ctm_hash_pair(stacks->nodes[id].parent, stacks->nodes[id].frame);
}

static uint32_t find_node(const struct ctm_stacks *stacks, uint64_t hash, uint32_t parent,
                          uint32_t frame)
{
    uint32_t probe = 0;
    uint32_t found;
    while ((found = ctm_index_next(&stacks->node_index, hash, &probe)) != UINT32_MAX) {
        if (stacks->nodes[found].parent == parent && stacks->nodes[found].frame == frame) {
            break;
        }
    }
    return found;
}

uint32_t ctm_stacks_find(const struct ctm_stacks *stacks, uint32_t parent, uint32_t frame)
{
    return find_node(stacks, ctm_hash_pair(parent, frame), parent, frame);
}

int ctm_stacks_child(struct ctm_stacks *stacks, uint32_t parent, uint32_t frame, uint32_t *node)
{
    uint64_t hash = ctm_hash_pair(parent, frame);
    uint32_t found = find_node(stacks, hash, parent, frame);
    if (found != UINT32_MAX) {
        *node = found;
        return CTM_OK;
    }
    if (stacks->node_length >= CTM_ROOT_BIT) {
        return CTM_ELIMIT;
    }
    int error = ctm_index_reserve(&stacks->node_index, rehash_node, stacks);
    if (error < 0) {
        return error;
    }
    error = ctm_array_reserve(stacks->pages, (void **)&stacks->nodes, &stacks->node_capacity,
                              stacks->node_length, sizeof *stacks->nodes);
    if (error < 0) {
        return error;
    }
    stacks->nodes[stacks->node_length] = (struct ctm_context){parent, frame, CTM_NO_SITE};
    ctm_index_put(&stacks->node_index, hash, stacks->node_length);
    *node = stacks->node_length++;
    return CTM_OK;
}

uint32_t ctm_stacks_depth(const struct ctm_stacks *stacks, uint32_t node)
{
    uint32_t depth = 0;
    uint32_t at = node;
    while (!ctm_stacks_is_root(at)) {
        depth++;
        at = stacks->nodes[at].parent;
    }
    return at == CTM_FOLDED_ROOT ? UINT32_MAX : depth + (at & ~CTM_ROOT_BIT);
}

void ctm_stacks_reindex(struct ctm_stacks *stacks)
{
    ctm_array_shrink(stacks->pages, (void **)&stacks->frames, &stacks->frame_capacity,
                     stacks->frame_length, sizeof *stacks->frames);
    ctm_array_shrink(stacks->pages, (void **)&stacks->nodes, &stacks->node_capacity,
                     stacks->node_length, sizeof *stacks->nodes);
    ctm_index_restart(&stacks->frame_index, stacks->frame_length);
    for (uint32_t id = 0; id < stacks->frame_length; id++) {
        ctm_index_put(&stacks->frame_index, rehash_frame(stacks, id), id);
    }
    ctm_index_restart(&stacks->node_index, stacks->node_length);
    for (uint32_t id = 0; id < stacks->node_length; id++) {
        ctm_index_put(&stacks->node_index, rehash_node(stacks, id), id);
    }
}
