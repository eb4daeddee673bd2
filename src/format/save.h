/* Put bytes under a path, all or nothing. */
#ifndef CTM_FORMAT_SAVE_H
#define CTM_FORMAT_SAVE_H

#include <stdbool.h>
#include <stddef.h>

#include "format/fail.h"

/*
 * Write a new file in the folder of `path` and let it take the path's place: no half of a file ever
 * has that name. On failure nothing is left behind and what was there before is as it was; a crash
 * may leave a `.ctm-*.tmp` in the folder.
 *
 * A new file's mode is 0666 less the umask. One that takes another's place gets its mode, and its
 * owner as far as the caller may give files away, before anything is written; not so if a stranger
 * left the other in a folder that all may write to. Another hard link stays as it was. A symbolic
 * link is followed and stays. What is there and no regular file (a device, a FIFO, a socket's end)
 * is written to in its place, without a promise; a folder is refused.
 *
 * So is a file that the path names by a process's descriptor (/dev/stdout, /proc/PID/fd/N): it is
 * emptied first, as by open().
 *
 * `sync`: survive a loss of power; the file is synced before it is renamed, its folder after. If
 * only that last step fails the new file is in place, and the error says so.
 *
 * Returns CTM_OK, CTM_EIO or CTM_ENOMEM.
 */
CTM_MUST_CHECK int ctm_save(const char *path, const void *bytes, size_t length, bool sync,
                            struct ctm_file_error *error);

/*
 * Write what the file is to hold to a descriptor, which stays open, and may be of a pipe. If not
 * CTM_OK is returned nothing takes the path's place; the error is then the writer's to fill in.
 */
typedef int ctm_save_writer(int fd, void *context, struct ctm_file_error *error);

/* The same for what is not in memory as a whole. Also returns what the writer does. */
CTM_MUST_CHECK int ctm_save_by(const char *path, ctm_save_writer *write, void *context, bool sync,
                               struct ctm_file_error *error);

#endif
