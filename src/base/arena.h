/*
 * Small pieces of memory cut from pages: zeroed, 16-byte aligned, recycled by size.
 *
 * For what the tables hold many of (name bytes, a page's array of block entries). Pieces over
 * CTM_ARENA_LARGE get pages of their own. Guarded by the tracer's gate, like the pages below it.
 */
#ifndef CTM_BASE_ARENA_H
#define CTM_BASE_ARENA_H

#include "base/pages.h"

enum {
    CTM_ARENA_GRAIN = 16,
    CTM_ARENA_LARGE = 8192, /* bytes of the largest piece that is cut from a chunk */
    CTM_ARENA_CHUNK = 1 << 18,
};

struct ctm_arena {
    struct ctm_pages *pages;
    char *next; /* the unused rest of the newest chunk */
    char *end;
    void *recycled[CTM_ARENA_LARGE / CTM_ARENA_GRAIN + 1]; /* lists by size in grains */
};

/* `pages` must outlive the arena; memory goes back to the OS when `pages` is deinitialised. */
void ctm_arena_init(struct ctm_arena *arena, struct ctm_pages *pages);

/* NULL when there is no memory. Constant time, apart from zeroing a recycled piece. */
void *ctm_arena_alloc(struct ctm_arena *arena, size_t size);

/* `size` as given to ctm_arena_alloc. NULL is allowed. */
void ctm_arena_free(struct ctm_arena *arena, void *piece, size_t size);

#endif
