/*
 * The engine's source of memory: whole pages from the OS, each mapping on record.
 *
 * One `struct ctm_pages` feeds one tracer. It is not thread-safe: the tracer's gate guards it.
 * The record is there so that the tracer can say truthfully how much memory it holds, and so that
 * tests can check what it says, and refuse any mapping.
 */
#ifndef CTM_BASE_PAGES_H
#define CTM_BASE_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctm_mapping {
    void *address;
    size_t size;
};

struct ctm_pages {
    struct ctm_mapping *mappings; /* itself a mapping, not in the record */
    size_t length;
    size_t capacity;
    size_t mapped; /* bytes on record */
    /* For tests: asked before each mapping; true refuses it. NULL: never. */
    bool (*refuse)(void *context, size_t size);
    void *refuse_context;
};

void ctm_pages_init(struct ctm_pages *pages);

/* Give every mapping back. `pages` is then as after ctm_pages_init, `refuse` kept. */
void ctm_pages_deinit(struct ctm_pages *pages);

/* `size` bytes, rounded up to whole pages, zeroed. NULL when there is no memory. */
void *ctm_pages_map(struct ctm_pages *pages, size_t size);

/* `size` as given to ctm_pages_map or ctm_pages_grow. NULL is allowed. */
void ctm_pages_unmap(struct ctm_pages *pages, void *address, size_t size);

/*
 * Make a mapping larger or smaller; it may move; a new part is zero. `address` may be NULL
 * (old_size 0). NULL when there is no memory: the old mapping is then untouched.
 */
void *ctm_pages_grow(struct ctm_pages *pages, void *address, size_t old_size, size_t new_size);

/* Make the whole pages inside [address, address + size) resident at once: it is about to be
 * written. The memory may be anybody's. */
void ctm_pages_populate(void *address, size_t size);

/* Give back the memory of the whole pages inside [address, address + size), which lies in a
 * mapping; the mapping stays. What was there is undefined from then on. */
void ctm_pages_forget(void *address, size_t size);

/* Resident bytes of all mappings: a system call for each. */
size_t ctm_pages_resident(const struct ctm_pages *pages);

#endif
