/*
 * An open-addressing index from hashes to ids, for tables whose entries sit in an array.
 *
 * A slot holds 32 bits of the hash and the id plus one; the caller compares the entries. Load is
 * kept at one half at most. There is no removal: `ctm_index_clear` forgets all, and
 * `ctm_index_restart` does to put anew what is left. Guarded by the tracer's gate.
 */
#ifndef CTM_ENGINE_INDEX_H
#define CTM_ENGINE_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/pages.h"

struct ctm_index {
    struct ctm_pages *pages;
    uint64_t *slots; /* hash tag << 32 | id + 1; 0 is empty */
    uint32_t mask;   /* capacity - 1; meaningless while slots is NULL */
    uint32_t used;
};

void ctm_index_init(struct ctm_index *index, struct ctm_pages *pages);
void ctm_index_clear(struct ctm_index *index);

/*
 * Make room for one more entry, so that ctm_index_put cannot fail. `rehash(context, id)` gives the
 * hash of an entry: it is asked for all when the index grows.
 */
CTM_MUST_CHECK int ctm_index_reserve(struct ctm_index *index,
                                     uint64_t (*rehash)(const void *context, uint32_t id),
                                     const void *context);

/* Forget all entries, for `length` of them to be put anew. Never fails; a table that is far too
 * large becomes smaller if there is memory for that. */
void ctm_index_restart(struct ctm_index *index, uint32_t length);

void ctm_index_put(struct ctm_index *index, uint64_t hash, uint32_t id);

/*
 * Walk the ids whose slot may match `hash`: start with *probe = 0, returns UINT32_MAX at the end.
 */
static inline uint32_t ctm_index_next(const struct ctm_index *index, uint64_t hash, uint32_t *probe)
{
    if (index->slots == NULL) {
        return UINT32_MAX;
    }
    uint64_t tag = hash >> 32;
    for (;;) {
        uint64_t slot = index->slots[((uint32_t)hash + (*probe)++) & index->mask];
        if (slot == 0) {
            return UINT32_MAX;
        }
        if (slot >> 32 == tag) {
            return (uint32_t)slot - 1;
        }
    }
}

#endif
