#include "engine/locations.h"

void ctm_locations_init(struct ctm_locations *locations, struct ctm_pages *pages)
{
    ctm_address_map_init(&locations->instructions, pages, sizeof(struct ctm_location));
    ctm_address_map_init(&locations->owners, pages, sizeof(struct ctm_owner));
}

struct ctm_location *ctm_locations_add(struct ctm_locations *locations, uintptr_t instruction,
                                       uint32_t frame)
{
    struct ctm_location *location = ctm_address_map_add(&locations->instructions, instruction);
    if (location != NULL) {
        location->frame = frame & CTM_FRAME_MAX;
        location->parent = CTM_NO_CONTEXT;
    }
    return location;
}

struct ctm_owner *ctm_locations_add_owner(struct ctm_locations *locations, uintptr_t address)
{
    return ctm_address_map_add(&locations->owners, address);
}

void ctm_locations_remove_owner(struct ctm_locations *locations, struct ctm_owner *owner)
{
    for (uintptr_t at = owner->first; at < owner->last; at += owner->step) {
        struct ctm_location *location = ctm_locations_find(locations, at);
        if (location != NULL) {
            ctm_address_map_remove(&locations->instructions, location);
        }
    }
    ctm_address_map_remove(&locations->owners, owner);
    ctm_address_map_shrink(&locations->instructions);
    ctm_address_map_shrink(&locations->owners);
}
