/*
 * An open-addressing index from hashes to ids, for tables whose entries sit in an array.
 *
 * A slot holds the low 32 bits of the hash, which also say where it belongs, and the id plus one;
 * the caller compares the entries. Slots stand nearly in the order of their hashes at any capacity,
 * so that capacity grows by a quarter, at a load of 3/4: a table that grows costs 14 bytes an entry
 * at most once it is large, and growing is two walks through memory side by side. Removal shifts
 * back. Guarded by the tracer's gate.
 */
#ifndef CTM_ENGINE_INDEX_H
#define CTM_ENGINE_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/pages.h"
#include "engine/ring.h"

struct ctm_index {
    struct ctm_pages *pages;
    uint64_t *slots;   /* (uint32_t)hash << 32 | id + 1; 0 is empty. NULL while capacity is 0 */
    uint32_t capacity; /* a multiple of a page's slots */
    uint32_t used;
};

void ctm_index_init(struct ctm_index *index, struct ctm_pages *pages);
/* Forget all, and give the memory back. */
void ctm_index_clear(struct ctm_index *index);

/* Make room for one more entry, so that ctm_index_put cannot fail. CTM_ENOMEM, CTM_ELIMIT. */
CTM_MUST_CHECK int ctm_index_reserve(struct ctm_index *index);
void ctm_index_put(struct ctm_index *index, uint64_t hash, uint32_t id);
/* Forget an entry that is there. */
void ctm_index_remove(struct ctm_index *index, uint64_t hash, uint32_t id);

/* Give back most of what an index has too much, while it is to have room for `room` entries.
 * Without memory for that, nothing changes. */
void ctm_index_shrink(struct ctm_index *index, uint32_t room);

/*
 * Walk the ids whose slot may match `hash`: start with *probe = 0, returns UINT32_MAX at the end.
 */
static inline uint32_t ctm_index_next(const struct ctm_index *index, uint64_t hash, uint32_t *probe)
{
    if (index->slots == NULL) {
        return UINT32_MAX;
    }
    uint32_t tag = (uint32_t)hash;
    size_t home = ctm_ring_home(tag, index->capacity);
    for (;;) {
        size_t at = home + (*probe)++;
        uint64_t slot = index->slots[at < index->capacity ? at : at - index->capacity];
        if (slot == 0) {
            return UINT32_MAX;
        }
        if (slot >> 32 == tag) {
            return (uint32_t)slot - 1;
        }
    }
}

#endif
