/*
 * Where a path leads, in folders that others may write to as well.
 *
 * In a folder like /tmp anybody may leave a link or a FIFO under the name that a snapshot is about
 * to get, so that another file is overwritten or the writer hangs. Links and FIFOs there count only
 * if they are the caller's own or the folder's owner's: the rule of Linux's protected_symlinks,
 * whatever that is set to, since resolving a path by hand goes past it.
 */
#ifndef CTM_FORMAT_FOLLOW_H
#define CTM_FORMAT_FOLLOW_H

#include <stdbool.h>
#include <sys/stat.h>

/* Whether what is at `path`, a link or a FIFO of this status, may have been left there as a trap.
 */
bool ctm_path_is_trap(const char *path, const struct stat *status);

/*
 * Whether a path is a process's name for a file that it has open, as /dev/stdout leads to. What
 * such a link says is not where it leads: the file may be unlinked, or never have had a name.
 */
bool ctm_path_is_descriptor(const char *path);

/*
 * Follow the links at the end of a path: *out, the caller's to free, is no link, but for one to a
 * descriptor. A path whose end cannot be looked at, since nothing is there or for want of rights,
 * is given back as it is. -1 with errno: EACCES for a trap, ELOOP, ENOENT for a link that leads
 * nowhere, ENOMEM, ...
 */
int ctm_path_follow(const char *path, char **out);

#endif
