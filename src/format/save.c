#include "format/save.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/platform.h"
#include "format/follow.h"

#define TEMPORARY_NAME_SIZE sizeof ".ctm-0123456789abcdef.tmp"
#define TEMPORARY_NAME_TRIES 100

/* What is written into a file: by whom, with what. */
struct content {
    ctm_save_writer *write;
    void *context;
};

struct span {
    const uint8_t *bytes;
    size_t length;
};

static int write_span(int fd, void *context, struct ctm_file_error *error)
{
    const struct span *span = context;
    const uint8_t *bytes = span->bytes;
    size_t length = span->length;

    while (length) {
        ssize_t done = write(fd, bytes, length);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0) {
            return ctm_file_fail(error, CTM_EIO, 0, "cannot write the snapshot's file");
        }
        bytes += done;
        length -= (size_t)done;
    }
    return CTM_OK;
}

/* A file system may report only now that it had no room. */
static int close_written(int fd, struct ctm_file_error *error)
{
    if (close(fd) < 0 && errno != EINTR) {
        return ctm_file_fail(error, CTM_EIO, 0, "cannot write the snapshot's file");
    }
    return CTM_OK;
}

/* Write to what is at `path` already and cannot be replaced: a device, a FIFO, a descriptor. */
static int write_in_place(const char *path, bool is_descriptor, struct content content,
                          struct ctm_file_error *error)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | (is_descriptor ? O_TRUNC : 0));
    if (fd < 0) {
        return ctm_file_fail(error, CTM_EIO, 0, "cannot open what is at the snapshot's path");
    }
    struct stat status;
    if (!is_descriptor && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
        /* It was none a moment ago: somebody plays with it. */
        close(fd);
        errno = EEXIST;
        return ctm_file_fail(error, CTM_EIO, 0, "what is at the snapshot's path has changed");
    }
    int result = content.write(fd, content.context, error);
    if (result) {
        close(fd);
        return result;
    }
    return close_written(fd, error);
}

static int open_temporary(int folder, mode_t mode, char name[TEMPORARY_NAME_SIZE])
{
    int fd = -1;

    for (int i = 0; i < TEMPORARY_NAME_TRIES; i++) {
        snprintf(name, TEMPORARY_NAME_SIZE, ".ctm-%016" PRIx64 ".tmp", ctm_os_random());
        fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        if (fd >= 0 || errno != EEXIST) {
            break;
        }
    }
    return fd;
}

/* What cannot be given to the old owner is the writer's. The mode comes last: chown may change it.
 */
static void take_over_rights(int fd, const struct stat *old)
{
    if (fchown(fd, old->st_uid, old->st_gid) == 0 || fchown(fd, (uid_t)-1, old->st_gid) == 0 ||
        errno == EPERM) {
        fchmod(fd, old->st_mode & 0777);
    }
}

/* Write, sync and close the new file; `fd` is closed in any case. */
static int fill_temporary(int fd, struct content content, bool sync, struct ctm_file_error *error)
{
    int result = content.write(fd, content.context, error);

    if (!result && sync && fsync(fd) < 0) {
        result = ctm_file_fail(error, CTM_EIO, 0, "cannot sync the snapshot's file");
    }
    if (result) {
        close(fd);
        return result;
    }
    return close_written(fd, error);
}

/* The folder's own descriptor was opened for paths alone: it cannot be synced. */
static int sync_folder(int folder, struct ctm_file_error *error)
{
    int result = CTM_OK;
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) < 0) {
        result =
            ctm_file_fail(error, CTM_EIO, 0,
                          "the snapshot's file is written, but its directory cannot be synced");
    }
    if (fd >= 0) {
        close(fd);
    }
    return result;
}

/* `old`: whose rights the new file gets, NULL if nobody's. */
static int replace_in(int folder, const char *name, const struct stat *old, struct content content,
                      bool sync, struct ctm_file_error *error)
{
    char temporary[TEMPORARY_NAME_SIZE];
    int result;
    int fd = open_temporary(folder, old != NULL ? 0600 : 0666, temporary);

    if (fd < 0) {
        return ctm_file_fail(error, CTM_EIO, 0,
                             "cannot make a file in the directory of the snapshot's path");
    }
    if (old != NULL) {
        take_over_rights(fd, old);
    }
    result = fill_temporary(fd, content, sync, error);
    if (!result && renameat(folder, temporary, folder, name) < 0) {
        result = ctm_file_fail(error, CTM_EIO, 0, "cannot rename the new file to the snapshot's");
    }
    if (result) {
        unlinkat(folder, temporary, 0);
        return result;
    }
    return sync ? sync_folder(folder, error) : CTM_OK;
}

/* `path` is the caller's to be changed here: it is cut where its folder ends. */
static int replace(char *path, const struct stat *old, struct content content, bool sync,
                   struct ctm_file_error *error)
{
    char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const char *folder_path = slash == NULL ? "." : slash == path ? "/" : path;
    int result;

    if (name[0] == '\0') {
        errno = slash != NULL ? EISDIR : ENOENT;
        return ctm_file_fail(error, CTM_EIO, 0, "cannot write a snapshot there");
    }
    if (slash != NULL) {
        *slash = '\0';
    }
    int folder = open(folder_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        return ctm_file_fail(error, CTM_EIO, 0, "cannot open the directory of the snapshot's path");
    }
    result = replace_in(folder, name, old, content, sync, error);
    close(folder);
    return result;
}

/* Why a path cannot be followed: errno says so. */
static int fail_to_follow(int followed, struct ctm_file_error *error)
{
    if (followed == CTM_PATH_TRAP) {
        return ctm_file_fail(
            error, CTM_EIO, 0,
            "what is at the snapshot's path, or where it leads to, " CTM_TRAP_TEXT);
    }
    return errno == ENOMEM
               ? ctm_file_fail(error, CTM_ENOMEM, 0, "no memory for the snapshot's path")
               : ctm_file_fail(error, CTM_EIO, 0, "cannot follow the snapshot's path");
}

/* `target` is the caller's, as replace() has it. */
static int save_at(char *target, struct content content, bool sync, struct ctm_file_error *error)
{
    struct stat status;
    bool is_there = stat(target, &status) == 0;

    if (is_there && S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        return ctm_file_fail(error, CTM_EIO, 0, "cannot write a snapshot there");
    }
    if (is_there && !S_ISREG(status.st_mode)) {
        return write_in_place(target, false, content, error);
    }
    if (ctm_path_is_descriptor(target)) {
        return write_in_place(target, true, content, error);
    }
    /* A stranger who left a file there does not get to own or read what takes its place. */
    bool has_rights = is_there && !ctm_path_is_trap(target, &status);
    return replace(target, has_rights ? &status : NULL, content, sync, error);
}

int ctm_save_by(const char *path, ctm_save_writer *write, void *context, bool sync,
                struct ctm_file_error *error)
{
    char *target;
    int result;

    *error = (struct ctm_file_error){0};
    /* A link keeps its place: what it leads to is replaced. */
    int followed = ctm_path_follow(path, &target);
    if (followed != 0) {
        return fail_to_follow(followed, error);
    }
    result = save_at(target, (struct content){write, context}, sync, error);
    free(target);
    return result;
}

int ctm_save(const char *path, const void *bytes, size_t length, bool sync,
             struct ctm_file_error *error)
{
    struct span span = {bytes, length};

    return ctm_save_by(path, write_span, &span, sync, error);
}
