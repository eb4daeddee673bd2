#include "base/pages.h"

#include <string.h>

#include "base/platform.h"

static size_t round_to_pages(size_t size)
{
    size_t page = ctm_os_page_size();
    return (size + page - 1) & ~(page - 1);
}

void ctm_pages_init(struct ctm_pages *pages)
{
    memset(pages, 0, sizeof *pages);
}

void ctm_pages_deinit(struct ctm_pages *pages)
{
    for (size_t i = 0; i < pages->length; i++) {
        ctm_os_unmap(pages->mappings[i].address, pages->mappings[i].size);
    }
    if (pages->mappings != NULL) {
        ctm_os_unmap(pages->mappings, pages->capacity * sizeof *pages->mappings);
    }
    pages->mappings = NULL;
    pages->length = 0;
    pages->capacity = 0;
    pages->mapped = 0;
}

static bool refused(struct ctm_pages *pages, size_t size)
{
    return pages->refuse != NULL && pages->refuse(pages->refuse_context, size);
}

static bool reserve_record(struct ctm_pages *pages)
{
    if (pages->length < pages->capacity) {
        return true;
    }
    size_t old_size = pages->capacity * sizeof *pages->mappings;
    size_t new_size = old_size == 0 ? round_to_pages(1) : old_size * 2;
    if (refused(pages, new_size)) {
        return false;
    }
    void *moved =
        old_size == 0 ? ctm_os_map(new_size) : ctm_os_remap(pages->mappings, old_size, new_size);
    if (moved == NULL) {
        return false;
    }
    pages->mappings = moved;
    pages->capacity = new_size / sizeof *pages->mappings;
    return true;
}

static struct ctm_mapping *find_record(struct ctm_pages *pages, const void *address)
{
    /* Newest first: tables that grow are the ones that were mapped last. */
    for (size_t i = pages->length; i > 0; i--) {
        if (pages->mappings[i - 1].address == address) {
            return &pages->mappings[i - 1];
        }
    }
    return NULL;
}

void *ctm_pages_map(struct ctm_pages *pages, size_t size)
{
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    size = round_to_pages(size);
    if (!reserve_record(pages) || refused(pages, size)) {
        return NULL;
    }
    void *address = ctm_os_map(size);
    if (address == NULL) {
        return NULL;
    }
    pages->mappings[pages->length++] = (struct ctm_mapping){address, size};
    pages->mapped += size;
    return address;
}

void ctm_pages_unmap(struct ctm_pages *pages, void *address, size_t size)
{
    if (address == NULL) {
        return;
    }
    size = round_to_pages(size);
    struct ctm_mapping *record = find_record(pages, address);
    *record = pages->mappings[--pages->length];
    pages->mapped -= size;
    ctm_os_unmap(address, size);
}

void *ctm_pages_grow(struct ctm_pages *pages, void *address, size_t old_size, size_t new_size)
{
    if (address == NULL) {
        return ctm_pages_map(pages, new_size);
    }
    if (new_size > SIZE_MAX / 2) {
        return NULL;
    }
    old_size = round_to_pages(old_size);
    new_size = round_to_pages(new_size);
    if (refused(pages, new_size)) {
        return NULL;
    }
    void *moved = ctm_os_remap(address, old_size, new_size);
    if (moved == NULL) {
        return NULL;
    }
    *find_record(pages, address) = (struct ctm_mapping){moved, new_size};
    pages->mapped += new_size - old_size;
    return moved;
}

/* Call for the whole pages inside [address, address + size), if there are any. */
static void whole_pages(void *address, size_t size, void (*call)(void *address, size_t size))
{
    size_t page = ctm_os_page_size();
    char *first = (char *)address + (page - (uintptr_t)address % page) % page;
    char *last = (char *)address + size;
    last -= (uintptr_t)last % page;
    if (first < last) {
        call(first, (size_t)(last - first));
    }
}

void ctm_pages_populate(void *address, size_t size)
{
    whole_pages(address, size, ctm_os_populate);
}

void ctm_pages_forget(void *address, size_t size)
{
    whole_pages(address, size, ctm_os_forget);
}

size_t ctm_pages_resident(const struct ctm_pages *pages)
{
    size_t resident = ctm_os_resident(pages->mappings, pages->capacity * sizeof *pages->mappings);
    for (size_t i = 0; i < pages->length; i++) {
        resident += ctm_os_resident(pages->mappings[i].address, pages->mappings[i].size);
    }
    return resident;
}
