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
 * The file's mode is 0666 less the umask, whatever the old one had. A symbolic link is followed and
 * stays. What is there and no regular file (a device, a FIFO, a socket's end) is written to in its
 * place, without a promise; a folder is refused.
 *
 * `sync`: survive a loss of power; the file is synced before it is renamed, its folder after. If
 * only that last step fails the new file is in place, and the error says so.
 *
 * Returns CTM_OK, CTM_EIO or CTM_ENOMEM.
 */
CTM_MUST_CHECK int ctm_save(const char *path, const void *bytes, size_t length, bool sync,
                            struct ctm_file_error *error);

#endif
