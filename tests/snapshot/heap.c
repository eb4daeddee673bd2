#include "heap.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>

struct heap heap;

static bool must_fail(void)
{
    if (heap.until == 0 || --heap.until != 0) {
        return false;
    }
    heap.failed++;
    return true;
}

void *failing_malloc(size_t size)
{
    void *address = must_fail() ? NULL : malloc(size);
    heap.live += address != NULL;
    return address;
}

void *failing_calloc(size_t count, size_t size)
{
    void *address = must_fail() ? NULL : calloc(count, size);
    heap.live += address != NULL;
    return address;
}

void *failing_realloc(void *old, size_t size)
{
    if (must_fail()) {
        heap.shrinks += old != NULL && malloc_usable_size(old) >= size;
        return NULL;
    }
    void *address = realloc(old, size);
    heap.live += old == NULL && address != NULL;
    return address;
}

void failing_free(void *address)
{
    heap.live -= address != NULL;
    free(address);
}
