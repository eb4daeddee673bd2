#include "alloc.h"

#include <errno.h>
#include <malloc.h>
#include <stdint.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *old);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *old);

static size_t countdown;
static bool has_failed;
static int64_t held;
static int64_t most;

void alloc_fail_at(size_t nth)
{
    countdown = nth;
    has_failed = false;
}

bool alloc_has_failed(void)
{
    return has_failed;
}

void alloc_measure(void)
{
    held = 0;
    most = 0;
}

size_t alloc_most(void)
{
    return (size_t)most;
}

size_t alloc_held(void)
{
    return (size_t)held;
}

static bool must_fail(void)
{
    if (countdown == 0 || --countdown != 0) {
        return false;
    }
    has_failed = true;
    errno = ENOMEM;
    return true;
}

static void *counted(void *made)
{
    held += (int64_t)malloc_usable_size(made);
    if (held > most) {
        most = held;
    }
    return made;
}

void *__wrap_malloc(size_t size)
{
    return must_fail() ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *old, size_t size)
{
    if (must_fail()) {
        return NULL;
    }
    held -= (int64_t)malloc_usable_size(old);
    return counted(__real_realloc(old, size));
}

void __wrap_free(void *old)
{
    held -= (int64_t)malloc_usable_size(old);
    __real_free(old);
}
