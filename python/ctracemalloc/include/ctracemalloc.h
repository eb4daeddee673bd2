/*
 * Report memory to ctracemalloc from C: blocks that do not come from Python's allocators.
 *
 *     #include <ctracemalloc.h>    // ctracemalloc.get_include() is its folder
 *
 *     static const struct ctracemalloc_api *tracer;
 *     ...
 *     tracer = ctracemalloc_api(); // once, with the GIL; NULL: not installed
 *     ...
 *     // By any thread, with the GIL or without; the second before the block is given back.
 *     ctracemalloc_track(tracer, MY_DOMAIN, block, size);
 *     ctracemalloc_untrack(tracer, MY_DOMAIN, block);
 *
 * Nothing is linked. Where ctracemalloc is not installed or does not trace, the calls do nothing.
 * Who calls PyTraceMalloc_Track already needs none of this: those calls are seen.
 */
#ifndef CTRACEMALLOC_H
#define CTRACEMALLOC_H

#include <Python.h>
#include <stddef.h>
#include <stdint.h>

#define CTRACEMALLOC_API_NAME "ctracemalloc._engine.C_API"
#define CTRACEMALLOC_API_VERSION 1

/* Later versions add members at the end; `size` says how many there are. */
struct ctracemalloc_api {
    uint32_t version;
    uint32_t size; /* of this struct, in bytes */
    /* 0; -1: there was no memory for the trace; -2: memory is not traced. A block that is tracked
     * already gets the new size and the traceback of now. */
    int (*track)(unsigned int domain, uintptr_t address, size_t size);
    /* 0, also if the block is not tracked; -2: memory is not traced. */
    int (*untrack)(unsigned int domain, uintptr_t address);
};

/* With the GIL. NULL, and no exception, where there is no ctracemalloc, or one that is too old. */
static inline const struct ctracemalloc_api *ctracemalloc_api(void)
{
    const struct ctracemalloc_api *api =
        (const struct ctracemalloc_api *)PyCapsule_Import(CTRACEMALLOC_API_NAME, 0);
    if (api == NULL) {
        PyErr_Clear();
        return NULL;
    }
    return api->version == CTRACEMALLOC_API_VERSION && api->size >= sizeof *api ? api : NULL;
}

static inline int ctracemalloc_track(const struct ctracemalloc_api *api, unsigned int domain,
                                     const void *block, size_t size)
{
    return api == NULL ? -2 : api->track(domain, (uintptr_t)block, size);
}

static inline int ctracemalloc_untrack(const struct ctracemalloc_api *api, unsigned int domain,
                                       const void *block)
{
    return api == NULL ? -2 : api->untrack(domain, (uintptr_t)block);
}

#endif
