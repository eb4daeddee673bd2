#include "engine/stacks.h"

#include <string.h>

#include "engine/array.h"
#include "engine/hash.h"

void ctm_stacks_init(struct ctm_stacks *stacks, struct ctm_pages *pages)
{
    memset(stacks, 0, sizeof *stacks);
    stacks->pages = pages;
    stacks->first_free_frame = UINT32_MAX;
    stacks->first_free_node = UINT32_MAX;
    ctm_index_init(&stacks->frame_index, pages);
    ctm_index_init(&stacks->node_index, pages);
}

static uint64_t hash_frame(struct ctm_location_frame frame)
{
    return ctm_hash_u64(ctm_hash_pair(frame.file, frame.line) + frame.name);
}

int ctm_stacks_frame(struct ctm_stacks *stacks, struct ctm_location_frame frame, uint32_t *id)
{
    uint64_t hash = hash_frame(frame);
    uint32_t probe = 0;
    uint32_t found;
    while ((found = ctm_index_next(&stacks->frame_index, hash, &probe)) != UINT32_MAX) {
        const struct ctm_location_frame *known = &stacks->frames[found];
        if (known->file == frame.file && known->line == frame.line && known->name == frame.name) {
            ctm_stacks_see_frame(stacks, found);
            *id = found;
            return CTM_OK;
        }
    }

    int error = ctm_index_reserve(&stacks->frame_index);
    if (error < 0) {
        return error;
    }
    uint32_t made = stacks->first_free_frame;
    if (made != UINT32_MAX) {
        stacks->first_free_frame = stacks->frames[made].name;
    } else {
        if (stacks->frame_length > CTM_FRAME_MAX) {
            return CTM_ELIMIT;
        }
        error = ctm_array_reserve(stacks->pages, (void **)&stacks->frames, &stacks->frame_capacity,
                                  stacks->frame_length, sizeof *stacks->frames);
        if (error < 0) {
            return error;
        }
        made = stacks->frame_length++;
    }
    stacks->frames[made] = frame;
    stacks->frames[made].birth = ++stacks->frames_made & 0xffffff;
    ctm_stacks_see_frame(stacks, made);
    ctm_index_put(&stacks->frame_index, hash, made);
    *id = made;
    return CTM_OK;
}

static int add_node(struct ctm_stacks *stacks, uint32_t parent, uint32_t frame, uint32_t *node)
{
    int error = ctm_index_reserve(&stacks->node_index);
    if (error < 0) {
        return error;
    }
    uint32_t made = stacks->first_free_node;
    if (made != UINT32_MAX) {
        stacks->first_free_node = stacks->nodes[made].parent;
    } else {
        if (stacks->node_length >= CTM_ROOT_BIT) {
            return CTM_ELIMIT;
        }
        error = ctm_array_reserve(stacks->pages, (void **)&stacks->nodes, &stacks->node_capacity,
                                  stacks->node_length, sizeof *stacks->nodes);
        if (error < 0) {
            return error;
        }
        made = stacks->node_length++;
    }
    stacks->nodes[made] = (struct ctm_context){.parent = parent, .frame = frame};
    ctm_stacks_see_node(stacks, made);
    if (!ctm_stacks_is_root(parent)) {
        ctm_stacks_use(stacks, parent);
    }
    ctm_index_put(&stacks->node_index, ctm_hash_pair(parent, frame), made);
    *node = made;
    return CTM_OK;
}

uint32_t ctm_stacks_find(const struct ctm_stacks *stacks, uint32_t parent, uint32_t frame)
{
    uint64_t hash = ctm_hash_pair(parent, frame);
    uint32_t probe = 0;
    uint32_t found;
    do {
        found = ctm_index_next(&stacks->node_index, hash, &probe);
    } while (found != UINT32_MAX &&
             (stacks->nodes[found].parent != parent || stacks->nodes[found].frame != frame));
    return found;
}

int ctm_stacks_child_slow(struct ctm_stacks *stacks, uint32_t parent, uint32_t frame,
                          struct ctm_spot *spot)
{
    if (CTM_UNLIKELY(stacks->edges == NULL)) {
        stacks->edges = ctm_edges_new(stacks->pages);
        if (stacks->edges == NULL) {
            return CTM_ENOMEM;
        }
    }
    uint32_t node = ctm_stacks_find(stacks, parent, frame);
    if (node != UINT32_MAX) {
        ctm_stacks_see_node(stacks, node);
    } else {
        int error = add_node(stacks, parent, frame, &node);
        if (error < 0) {
            return error;
        }
    }
    *spot = (struct ctm_spot){node, stacks->nodes[node].site};
    uint64_t key = ctm_edge_key(parent, frame);
    *ctm_edges_place(stacks->edges, key) = (struct ctm_edge){key, *spot};
    return CTM_OK;
}

int ctm_stacks_child(struct ctm_stacks *stacks, uint32_t parent, uint32_t frame, uint32_t *node)
{
    struct ctm_spot spot;
    int error = ctm_stacks_spot(stacks, parent, frame, &spot);
    if (error == CTM_OK) {
        *node = spot.node;
    }
    return error;
}

void ctm_stacks_learn_site(struct ctm_stacks *stacks, uint32_t node)
{
    const struct ctm_context *known = &stacks->nodes[node];
    struct ctm_edge *edge =
        ctm_edges_place(stacks->edges, ctm_edge_key(known->parent, known->frame));
    if (edge->spot.node == node) {
        edge->spot.site = known->site;
    }
}

void ctm_stacks_use(struct ctm_stacks *stacks, uint32_t node)
{
    struct ctm_context *used = &stacks->nodes[node];
    if (used->users < CTM_USERS_MAX) {
        used->users = (used->users + 1) & CTM_USERS_MAX;
    }
}

void ctm_stacks_leave(struct ctm_stacks *stacks, uint32_t node)
{
    struct ctm_context *left = &stacks->nodes[node];
    if (left->users < CTM_USERS_MAX) {
        left->users = (left->users - 1) & CTM_USERS_MAX;
    }
}

void ctm_stacks_free_node(struct ctm_stacks *stacks, uint32_t id)
{
    struct ctm_context *node = &stacks->nodes[id];
    if (!ctm_stacks_is_free_node(stacks, id)) {
        ctm_index_remove(&stacks->node_index, ctm_hash_pair(node->parent, node->frame), id);
        if (!ctm_stacks_is_root(node->parent)) {
            ctm_stacks_leave(stacks, node->parent);
        }
        *node = (struct ctm_context){.frame = UINT32_MAX};
    }
    if (id + 1 == stacks->node_length) {
        stacks->node_length--;
        return;
    }
    node->parent = stacks->first_free_node;
    stacks->first_free_node = id;
}

void ctm_stacks_free_frame(struct ctm_stacks *stacks, uint32_t id)
{
    struct ctm_location_frame *frame = &stacks->frames[id];
    if (!ctm_stacks_is_free_frame(stacks, id)) {
        ctm_index_remove(&stacks->frame_index, hash_frame(*frame), id);
        *frame = (struct ctm_location_frame){.file = UINT32_MAX};
    }
    if (id + 1 == stacks->frame_length) {
        stacks->frame_length--;
        return;
    }
    frame->name = stacks->first_free_frame;
    stacks->first_free_frame = id;
}

void ctm_stacks_shrink_nodes(struct ctm_stacks *stacks, uint32_t room)
{
    ctm_array_shrink(stacks->pages, (void **)&stacks->nodes, &stacks->node_capacity,
                     stacks->node_length, room, sizeof *stacks->nodes);
    ctm_index_shrink(&stacks->node_index, room);
}

void ctm_stacks_shrink_frames(struct ctm_stacks *stacks, uint32_t room)
{
    ctm_array_shrink(stacks->pages, (void **)&stacks->frames, &stacks->frame_capacity,
                     stacks->frame_length, room, sizeof *stacks->frames);
    ctm_index_shrink(&stacks->frame_index, room);
}
