#include "engine/names.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "engine/array.h"

void ctm_names_init(struct ctm_names *names, struct ctm_arena *arena)
{
    memset(names, 0, sizeof *names);
    names->arena = arena;
    ctm_index_init(&names->index, arena->pages);
}

static uint64_t hash_of(const void *context, uint32_t id)
{
    const struct ctm_names *names = context;
    return XXH3_64bits(names->items[id].bytes, names->items[id].length);
}

int ctm_names_intern(struct ctm_names *names, const char *bytes, size_t length, uint32_t *id)
{
    uint64_t hash = XXH3_64bits(bytes, length);
    uint32_t probe = 0;
    uint32_t found;
    while ((found = ctm_index_next(&names->index, hash, &probe)) != UINT32_MAX) {
        const struct ctm_name *name = &names->items[found];
        if (name->length == length && memcmp(name->bytes, bytes, length) == 0) {
            *id = found;
            return CTM_OK;
        }
    }

    int error = ctm_index_reserve(&names->index, hash_of, names);
    if (error < 0) {
        return error;
    }
    error = ctm_array_reserve(names->arena->pages, (void **)&names->items, &names->capacity,
                              names->length, sizeof *names->items);
    if (error < 0) {
        return error;
    }
    char *copy = ctm_arena_alloc(names->arena, length);
    if (copy == NULL) {
        return CTM_ENOMEM;
    }
    memcpy(copy, bytes, length);
    names->items[names->length] = (struct ctm_name){copy, length};
    ctm_index_put(&names->index, hash, names->length);
    *id = names->length++;
    return CTM_OK;
}

void ctm_names_free_text(struct ctm_names *names, uint32_t id)
{
    const struct ctm_name *name = &names->items[id];
    ctm_arena_free(names->arena, (void *)(uintptr_t)name->bytes, name->length);
}

void ctm_names_reindex(struct ctm_names *names)
{
    ctm_array_shrink(names->arena->pages, (void **)&names->items, &names->capacity, names->length,
                     sizeof *names->items);
    ctm_index_restart(&names->index, names->length);
    for (uint32_t id = 0; id < names->length; id++) {
        ctm_index_put(&names->index, hash_of(names, id), id);
    }
}
