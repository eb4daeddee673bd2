/*
 * File and function names: byte strings (generalized UTF-8) to ids, each text once.
 *
 * Guarded by the tracer's gate. Ids start at 0, which is "". An id never changes while the name is
 * there; that of one that was given back is used again.
 */
#ifndef CTM_ENGINE_NAMES_H
#define CTM_ENGINE_NAMES_H

#include "base/arena.h"
#include "base/error.h"
#include "engine/index.h"

struct ctm_name {
    const char *bytes; /* NULL: a free entry */
    uint32_t length;   /* of a free entry the next free one's id, or UINT32_MAX */
    uint32_t seen;     /* the last cycle in which somebody asked for it, or was seen to need it */
};

struct ctm_names {
    struct ctm_arena *arena;
    struct ctm_name *items; /* by id */
    uint32_t length;
    uint32_t capacity;
    uint32_t first_free; /* UINT32_MAX: none */
    struct ctm_index index;
    uint32_t cycle; /* of giving back: see reclaim.h */
};

void ctm_names_init(struct ctm_names *names, struct ctm_arena *arena);

/*
 * The id of a text; a text not seen before is copied. CTM_ENOMEM, CTM_ELIMIT (4 GiB). Linear in
 * length. `bytes` need not live on.
 */
CTM_MUST_CHECK int ctm_names_intern(struct ctm_names *names, const char *bytes, size_t length,
                                    uint32_t *id);

/* Note that a name is needed. */
static inline void ctm_names_see(struct ctm_names *names, uint32_t id)
{
    names->items[id].seen = names->cycle;
}

/* Give a name back; one that is free already becomes the next to be used. */
void ctm_names_free(struct ctm_names *names, uint32_t id);

/* Give back what array and index have too much, while they are to have room for so many. */
void ctm_names_shrink(struct ctm_names *names, uint32_t room);

#endif
