#include "disk.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>

ssize_t __real_read(int fd, void *bytes, size_t length);
ssize_t __real_write(int fd, const void *bytes, size_t length);
int __real_fsync(int fd);
int __real_renameat(int old_folder, const char *old_name, int folder, const char *name);
int __real_close(int fd);
ssize_t __real_getrandom(void *bytes, size_t length, unsigned flags);

ssize_t __wrap_read(int fd, void *bytes, size_t length);
ssize_t __wrap_write(int fd, const void *bytes, size_t length);
int __wrap_fsync(int fd);
int __wrap_renameat(int old_folder, const char *old_name, int folder, const char *name);
int __wrap_close(int fd);
ssize_t __wrap_getrandom(void *bytes, size_t length, unsigned flags);

static struct {
    size_t count;
    size_t fail_at;
    int error;
} calls[DISK_CALLS];
static size_t most_moved;

void disk_reset(void)
{
    memset(calls, 0, sizeof calls);
    most_moved = 0;
}

void disk_fail(enum disk_call call, size_t nth, int error)
{
    calls[call].fail_at = nth;
    calls[call].error = error;
}

void disk_most_moved(size_t most)
{
    most_moved = most;
}

size_t disk_count(enum disk_call call)
{
    return calls[call].count;
}

static bool must_fail(enum disk_call call)
{
    if (++calls[call].count != calls[call].fail_at) {
        return false;
    }
    errno = calls[call].error;
    return true;
}

static size_t at_most(size_t length)
{
    return most_moved != 0 && length > most_moved ? most_moved : length;
}

ssize_t __wrap_read(int fd, void *bytes, size_t length)
{
    return must_fail(DISK_READ) ? -1 : __real_read(fd, bytes, at_most(length));
}

ssize_t __wrap_write(int fd, const void *bytes, size_t length)
{
    return must_fail(DISK_WRITE) ? -1 : __real_write(fd, bytes, at_most(length));
}

int __wrap_fsync(int fd)
{
    return must_fail(DISK_FSYNC) ? -1 : __real_fsync(fd);
}

int __wrap_renameat(int old_folder, const char *old_name, int folder, const char *name)
{
    return must_fail(DISK_RENAME) ? -1 : __real_renameat(old_folder, old_name, folder, name);
}

/* As the kernel does: the descriptor is gone even where closing it failed. */
int __wrap_close(int fd)
{
    int result = __real_close(fd);

    return must_fail(DISK_CLOSE) ? -1 : result;
}

ssize_t __wrap_getrandom(void *bytes, size_t length, unsigned flags)
{
    return must_fail(DISK_RANDOM) ? -1 : __real_getrandom(bytes, length, flags);
}
