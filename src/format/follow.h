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

/* What ctm_path_follow returns for a trap; the text goes on after "it" or what it is. */
enum { CTM_PATH_TRAP = -2 };
#define CTM_TRAP_TEXT "is another user's, in a folder that all may write to"

/* Whether what is at `path`, of this status, may have been left there as a trap. */
bool ctm_path_is_trap(const char *path, const struct stat *status);

/*
 * Whether a path is a process's name for a file that it has open, as /dev/stdout leads to. What
 * such a link says is not where it leads: the file may be unlinked, or never have had a name.
 */
bool ctm_path_is_descriptor(const char *path);

/*
 * Follow the links at the end of a path: *out, the caller's to free, is no link, but for one to a
 * descriptor. A path whose end cannot be looked at, since nothing is there or for want of rights,
 * is given back as it is. CTM_PATH_TRAP, with EACCES in errno, for a link or a FIFO that is one; -1
 * with errno: ELOOP, ENOENT for a link that leads nowhere, ENOMEM, ...
 */
int ctm_path_follow(const char *path, char **out);

#endif
