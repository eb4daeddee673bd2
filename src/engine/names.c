#include "engine/names.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "engine/array.h"

void ctm_names_init(struct ctm_names *names, struct ctm_arena *arena)
{
    memset(names, 0, sizeof *names);
    names->arena = arena;
    names->first_free = UINT32_MAX;
    ctm_index_init(&names->index, arena->pages);
}

int ctm_names_intern(struct ctm_names *names, const char *bytes, size_t length, uint32_t *id)
{
    if (length > UINT32_MAX) {
        return CTM_ELIMIT;
    }
    uint64_t hash = XXH3_64bits(bytes, length);
    uint32_t probe = 0;
    uint32_t found;
    while ((found = ctm_index_next(&names->index, hash, &probe)) != UINT32_MAX) {
        const struct ctm_name *name = &names->items[found];
        if (name->length == length && memcmp(name->bytes, bytes, length) == 0) {
            ctm_names_see(names, found);
            *id = found;
            return CTM_OK;
        }
    }

    int error = ctm_index_reserve(&names->index);
    if (error < 0) {
        return error;
    }
    uint32_t made = names->first_free;
    if (made == UINT32_MAX) {
        error = ctm_array_reserve(names->arena->pages, (void **)&names->items, &names->capacity,
                                  names->length, sizeof *names->items);
        if (error < 0) {
            return error;
        }
        made = names->length;
    }
    char *copy = ctm_arena_alloc(names->arena, length);
    if (copy == NULL) {
        return CTM_ENOMEM;
    }
    memcpy(copy, bytes, length);
    if (made == names->length) {
        names->length++;
    } else {
        names->first_free = names->items[made].length;
    }
    names->items[made] = (struct ctm_name){.bytes = copy, .length = (uint32_t)length};
    ctm_names_see(names, made);
    ctm_index_put(&names->index, hash, made);
    *id = made;
    return CTM_OK;
}

void ctm_names_free(struct ctm_names *names, uint32_t id)
{
    struct ctm_name *name = &names->items[id];
    if (name->bytes != NULL) {
        ctm_index_remove(&names->index, XXH3_64bits(name->bytes, name->length), id);
        ctm_arena_free(names->arena, (void *)(uintptr_t)name->bytes, name->length);
        *name = (struct ctm_name){.bytes = NULL};
    }
    if (id + 1 == names->length) {
        names->length--;
        return;
    }
    name->length = names->first_free;
    names->first_free = id;
}

void ctm_names_shrink(struct ctm_names *names, uint32_t room)
{
    ctm_array_shrink(names->arena->pages, (void **)&names->items, &names->capacity, names->length,
                     room, sizeof *names->items);
    ctm_index_shrink(&names->index, room);
}
