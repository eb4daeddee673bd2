/*
 * File and function names: byte strings (generalized UTF-8) to ids, each text once.
 *
 * Guarded by the tracer's gate. Ids start at 0, which is "".
 */
#ifndef CTM_ENGINE_NAMES_H
#define CTM_ENGINE_NAMES_H

#include "base/arena.h"
#include "base/error.h"
#include "engine/index.h"

struct ctm_name {
    const char *bytes;
    size_t length;
};

struct ctm_names {
    struct ctm_arena *arena;
    struct ctm_name *items; /* by id */
    uint32_t length;
    uint32_t capacity;
    struct ctm_index index;
};

void ctm_names_init(struct ctm_names *names, struct ctm_arena *arena);

/*
 * The id of a text; a text not seen before is copied. CTM_ENOMEM, CTM_ELIMIT. Linear in length.
 * `bytes` need not live on.
 */
CTM_MUST_CHECK int ctm_names_intern(struct ctm_names *names, const char *bytes, size_t length,
                                    uint32_t *id);

/* Give the bytes of a name back, whose entry is then meaningless. */
void ctm_names_free_text(struct ctm_names *names, uint32_t id);

/* Index the names anew, after their ids have changed; give back what the array has too much. */
void ctm_names_reindex(struct ctm_names *names);

#endif
