#include "snapshot/lookup.h"

#include <stdlib.h>
#include <string.h>

enum {
    FIRST_SLOTS = 32,
};

int ctm_lookup_grow(struct ctm_lookup *lookup)
{
    size_t old = lookup->slots == NULL ? 0 : lookup->mask + 1;
    if (old > SIZE_MAX / 2 / sizeof *lookup->slots) {
        return CTM_ENOMEM;
    }
    size_t wanted = old == 0 ? FIRST_SLOTS : 2 * old;
    struct ctm_slot *slots = calloc(wanted, sizeof *slots);
    if (slots == NULL) {
        return CTM_ENOMEM;
    }
    size_t mask = wanted - 1;
    for (size_t i = 0; i < old; i++) {
        struct ctm_slot slot = lookup->slots[i];
        if (slot.id_plus_one != 0) {
            size_t at = slot.hash & mask;
            while (slots[at].id_plus_one != 0) {
                at = (at + 1) & mask;
            }
            slots[at] = slot;
        }
    }
    free(lookup->slots);
    lookup->slots = slots;
    lookup->mask = mask;
    lookup->limit = wanted / 4 * 3;
    return CTM_OK;
}

void ctm_lookup_deinit(struct ctm_lookup *lookup)
{
    free(lookup->slots);
    memset(lookup, 0, sizeof *lookup);
}
