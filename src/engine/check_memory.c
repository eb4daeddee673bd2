#include <stdlib.h>
#include <string.h>

#include "base/platform.h"
#include "engine/check_parts.h"

static int compare_mappings(const void *a, const void *b)
{
    const struct ctm_mapping *x = a;
    const struct ctm_mapping *y = b;
    return (uintptr_t)x->address < (uintptr_t)y->address ? -1 : 1;
}

static const char *check_order(struct ctm_mapping *sorted, size_t length)
{
    if (length > 1) {
        qsort(sorted, length, sizeof *sorted, compare_mappings);
    }
    for (size_t i = 1; i < length; i++) {
        if ((uintptr_t)sorted[i - 1].address + sorted[i - 1].size > (uintptr_t)sorted[i].address) {
            return "pages: two mappings overlap";
        }
    }
    return NULL;
}

static const char *check_pages(const struct ctm_pages *pages)
{
    size_t page = ctm_os_page_size();
    size_t mapped = 0;
    if (pages->length > pages->capacity || (pages->capacity == 0) != (pages->mappings == NULL)) {
        return "pages: the record's size is wrong";
    }
    for (size_t i = 0; i < pages->length; i++) {
        const struct ctm_mapping *mapping = &pages->mappings[i];
        if (mapping->address == NULL || (uintptr_t)mapping->address % page != 0 ||
            mapping->size == 0 || mapping->size % page != 0) {
            return "pages: a mapping on record is none";
        }
        mapped += mapping->size;
    }
    if (mapped != pages->mapped) {
        return "pages: the sum of mapped bytes is wrong";
    }
    struct ctm_mapping *sorted = malloc((pages->length + 1) * sizeof *sorted);
    if (sorted == NULL) {
        return "no memory to check";
    }
    if (pages->length > 0) {
        memcpy(sorted, pages->mappings, pages->length * sizeof *sorted);
    }
    const char *broken = check_order(sorted, pages->length);
    free(sorted);
    return broken;
}

/* The mapping that [start, start + size) lies in, or NULL. */
static const struct ctm_mapping *mapping_of(const struct ctm_pages *pages, const void *start,
                                            size_t size)
{
    for (size_t i = 0; i < pages->length; i++) {
        uintptr_t from = (uintptr_t)pages->mappings[i].address;
        if ((uintptr_t)start >= from && (uintptr_t)start - from < pages->mappings[i].size &&
            size <= pages->mappings[i].size - ((uintptr_t)start - from)) {
            return &pages->mappings[i];
        }
    }
    return NULL;
}

bool ctm_check_is_mapped(const struct ctm_pages *pages, const void *start, size_t size)
{
    return mapping_of(pages, start, size) != NULL;
}

bool ctm_check_owns_mapping(const struct ctm_pages *pages, const void *table, size_t size)
{
    if (size == 0 || table == NULL) {
        return size == 0 && table == NULL;
    }
    const struct ctm_mapping *mapping = mapping_of(pages, table, size);
    return mapping != NULL && mapping->address == table &&
           mapping->size - size < ctm_os_page_size();
}

static const char *check_arena(const struct ctm_arena *arena)
{
    size_t most = arena->pages->mapped / CTM_ARENA_GRAIN;
    size_t left = (size_t)(arena->end - arena->next);
    if (left > CTM_ARENA_CHUNK ||
        (left > 0 && !ctm_check_is_mapped(arena->pages, arena->next, left))) {
        return "arena: the rest of the chunk is not in a mapping";
    }
    for (size_t count = 0; count <= CTM_ARENA_LARGE / CTM_ARENA_GRAIN; count++) {
        const void *piece = arena->recycled[count];
        size_t seen = 0;
        while (piece != NULL) {
            if ((uintptr_t)piece % CTM_ARENA_GRAIN != 0 || seen++ > most ||
                !ctm_check_is_mapped(arena->pages, piece, count * CTM_ARENA_GRAIN)) {
                return "arena: a recycled piece is none, or a list has a loop";
            }
            memcpy(&piece, piece, sizeof piece);
        }
    }
    return NULL;
}

const char *ctm_check_memory(const struct ctm_tracer *tracer)
{
    const char *broken = check_pages(&tracer->pages);
    return broken != NULL ? broken : check_arena(&tracer->arena);
}
