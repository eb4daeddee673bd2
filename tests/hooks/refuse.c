/*
 * Preloaded by test_faults.py: refuses the pages that the tracer asks of the system, and no others.
 *
 * The tracer's mappings are known by MAP_NORESERVE, which neither the interpreter nor the C library
 * asks for through this function, and by their addresses when they grow.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static long asked;
static long first;
static long count;

/* From the `nth` request on, refuse so many. 0: none. Requests are counted anew. */
void refuse_from(long nth, long how_many)
{
    asked = 0;
    first = nth;
    count = how_many;
}

long refuse_asked(void)
{
    return asked;
}

static bool refused(void)
{
    asked++;
    return first != 0 && asked >= first && asked - first < count;
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    if ((flags & MAP_NORESERVE) != 0 && (flags & MAP_ANONYMOUS) != 0 && refused()) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, address, size, protection, flags, fd, offset);
}

void *mremap(void *address, size_t old_size, size_t new_size, int flags, ...)
{
    void *target = NULL;
    if ((flags & MREMAP_FIXED) != 0) {
        va_list more;
        va_start(more, flags);
        target = va_arg(more, void *);
        va_end(more);
    }
    if (refused()) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mremap, address, old_size, new_size, flags, target);
}
