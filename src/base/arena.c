#include "base/arena.h"

#include <string.h>

static size_t grains(size_t size)
{
    return size == 0 ? 1 : (size + CTM_ARENA_GRAIN - 1) / CTM_ARENA_GRAIN;
}

void ctm_arena_init(struct ctm_arena *arena, struct ctm_pages *pages)
{
    memset(arena, 0, sizeof *arena);
    arena->pages = pages;
}

/* The rest of a chunk is not lost when the next one is opened: it is recycled as one piece. */
static void recycle_rest(struct ctm_arena *arena)
{
    size_t left = (size_t)(arena->end - arena->next);
    while (left >= CTM_ARENA_GRAIN) {
        size_t piece = left < CTM_ARENA_LARGE ? left : CTM_ARENA_LARGE;
        ctm_arena_free(arena, arena->next, piece);
        arena->next += piece;
        left -= piece;
    }
}

void *ctm_arena_alloc(struct ctm_arena *arena, size_t size)
{
    if (size > CTM_ARENA_LARGE) {
        return ctm_pages_map(arena->pages, size);
    }
    size_t count = grains(size);
    size_t bytes = count * CTM_ARENA_GRAIN;
    void *piece = arena->recycled[count];
    if (piece != NULL) {
        memcpy(&arena->recycled[count], piece, sizeof piece);
        memset(piece, 0, bytes);
        return piece;
    }
    if ((size_t)(arena->end - arena->next) < bytes) {
        char *chunk = ctm_pages_map(arena->pages, CTM_ARENA_CHUNK);
        if (chunk == NULL) {
            return NULL;
        }
        recycle_rest(arena);
        arena->next = chunk;
        arena->end = chunk + CTM_ARENA_CHUNK;
    }
    piece = arena->next;
    arena->next += bytes;
    return piece;
}

void ctm_arena_free(struct ctm_arena *arena, void *piece, size_t size)
{
    if (piece == NULL) {
        return;
    }
    if (size > CTM_ARENA_LARGE) {
        ctm_pages_unmap(arena->pages, piece, size);
        return;
    }
    size_t count = grains(size);
    memcpy(piece, &arena->recycled[count], sizeof piece);
    arena->recycled[count] = piece;
}
