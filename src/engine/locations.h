/*
 * Where in the host's code an allocation is asked for: an instruction's address to a frame id.
 *
 * What an instruction is, only the host knows; here it is an address inside an *owner* (a code
 * object), resolved to a frame once. An owner can die and its addresses can return as another's:
 * the host reports each death, and all that was known of the owner's instructions is forgotten.
 *
 * Guarded by the tracer's gate.
 */
#ifndef CTM_ENGINE_LOCATIONS_H
#define CTM_ENGINE_LOCATIONS_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/address_map.h"
#include "engine/stacks.h"

/* No node has this id: nothing is remembered yet. */
#define CTM_NO_CONTEXT UINT32_MAX

struct ctm_location {
    uintptr_t instruction;
    uint32_t frame : 31;
    /* For the host: nothing is special about frames that stand here. */
    uint32_t plain : 1;
    /* The last parent that this instruction was seen under, and where that led: most
     * instructions are always reached the same way. */
    uint32_t parent;
    struct ctm_spot spot;
};

struct ctm_owner {
    uintptr_t address;
    uintptr_t first; /* instructions are at first, first + step, ... up to before last */
    uintptr_t last;
    uint32_t step;
    uint32_t file; /* name ids */
    uint32_t name;
    /* For the host: how far it has decoded its table of lines. */
    uint32_t cursor_entry;
    uint32_t cursor_offset;
    int32_t cursor_line;
};

struct ctm_locations {
    struct ctm_address_map instructions;
    struct ctm_address_map owners;
};

void ctm_locations_init(struct ctm_locations *locations, struct ctm_pages *pages);

static inline struct ctm_location *ctm_locations_find(const struct ctm_locations *locations,
                                                      uintptr_t instruction)
{
    return ctm_address_map_find(&locations->instructions, instruction, sizeof(struct ctm_location));
}

static inline struct ctm_owner *ctm_locations_owner(const struct ctm_locations *locations,
                                                    uintptr_t address)
{
    return ctm_address_map_find(&locations->owners, address, sizeof(struct ctm_owner));
}

/* Both return NULL when there is no memory; the key must not be there yet. */
struct ctm_location *ctm_locations_add(struct ctm_locations *locations, uintptr_t instruction,
                                       uint32_t frame);
struct ctm_owner *ctm_locations_add_owner(struct ctm_locations *locations, uintptr_t address);

/* Forget an owner and its instructions. Linear in the owner's size, apart from the shrinking of a
 * table that became far too large. */
void ctm_locations_remove_owner(struct ctm_locations *locations, struct ctm_owner *owner);

#endif
