/*
 * The disk under control: a program that links disk.c with `--wrap` for read, write, fsync,
 * renameat, close and getrandom can let one of these calls fail. For one thread.
 */
#ifndef TESTS_FORMAT_DISK_H
#define TESTS_FORMAT_DISK_H

#include <stddef.h>

enum disk_call {
    DISK_READ,
    DISK_WRITE,
    DISK_FSYNC,
    DISK_RENAME,
    DISK_CLOSE,
    DISK_RANDOM,
    DISK_CALLS,
};

/* All calls work from now on, and none was made yet. */
void disk_reset(void);

/* Let the nth such call, counted from 1 after the last reset, fail with this errno. */
void disk_fail(enum disk_call call, size_t nth, int error);

/* Let each read and write move at most so many bytes; 0: as many as it can. */
void disk_most_moved(size_t most);

/* How many such calls there were since the last reset. */
size_t disk_count(enum disk_call call);

#endif
