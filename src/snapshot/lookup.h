/*
 * Open addressing from hashes to ids. What the ids number stays in a plain array; the caller says
 * what is equal:
 *
 *     status = ctm_lookup_reserve(&lookup);
 *     probe = ctm_lookup_probe(&lookup, hash);
 *     while (ctm_lookup_next(&lookup, &probe, &id))
 *         if (items[id] is the one looked for) it is found;
 *     ctm_lookup_put(&lookup, &probe, new_id);
 *
 * Internal to this floor; for one thread at a time. A look-up touches one cache line of the slots
 * on average, and the items only where 32 bits of the hash agree.
 */
#ifndef CTM_SNAPSHOT_LOOKUP_H
#define CTM_SNAPSHOT_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/platform.h"

struct ctm_slot {
    uint32_t hash;
    uint32_t id_plus_one; /* 0: empty */
};

/* All zero: empty. */
struct ctm_lookup {
    struct ctm_slot *slots;
    size_t mask; /* slots - 1; the number of slots is a power of two */
    size_t used;
    size_t limit; /* grow before `used` exceeds it */
};

struct ctm_probe {
    uint32_t hash;
    size_t at;
};

/* Double the slots: CTM_OK or CTM_ENOMEM, and then nothing has changed. */
CTM_MUST_CHECK int ctm_lookup_grow(struct ctm_lookup *lookup);

void ctm_lookup_deinit(struct ctm_lookup *lookup);

/* Make sure that one more id has room. */
CTM_MUST_CHECK static inline int ctm_lookup_reserve(struct ctm_lookup *lookup)
{
    return CTM_LIKELY(lookup->used < lookup->limit) ? CTM_OK : ctm_lookup_grow(lookup);
}

/* Start to look for `hash`, after ctm_lookup_reserve. */
static inline struct ctm_probe ctm_lookup_probe(const struct ctm_lookup *lookup, uint64_t hash)
{
    struct ctm_probe probe = {.hash = (uint32_t)hash, .at = (uint32_t)hash & lookup->mask};
    return probe;
}

/* The next id with that hash; false: there is none, and the probe stands where it would go. */
static inline bool ctm_lookup_next(const struct ctm_lookup *lookup, struct ctm_probe *probe,
                                   uint32_t *id)
{
    for (;;) {
        struct ctm_slot slot = lookup->slots[probe->at];
        if (slot.id_plus_one == 0) {
            return false;
        }
        probe->at = (probe->at + 1) & lookup->mask;
        if (slot.hash == probe->hash) {
            *id = slot.id_plus_one - 1;
            return true;
        }
    }
}

/* Add an id (less than UINT32_MAX) after ctm_lookup_next said false. */
static inline void ctm_lookup_put(struct ctm_lookup *lookup, const struct ctm_probe *probe,
                                  uint32_t id)
{
    lookup->slots[probe->at].hash = probe->hash;
    lookup->slots[probe->at].id_plus_one = id + 1;
    lookup->used++;
}

#endif
