#include "format/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_LINKS = 40 };

/* Bytes of `path` up to its last slash, that included. */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? (size_t)(slash - path) + 1 : 0;
}

bool ctm_path_is_trap(const char *path, const struct stat *status)
{
    const mode_t shared = S_ISVTX | S_IWOTH;
    size_t length = folder_length(path);
    char *folder = length != 0 ? strndup(path, length) : strdup(".");
    struct stat folder_status;

    /* What cannot be looked at is not trusted. */
    bool is_known = folder != NULL && stat(folder, &folder_status) == 0;
    free(folder);
    if (!is_known) {
        return true;
    }
    return (folder_status.st_mode & shared) == shared && status->st_uid != geteuid() &&
           status->st_uid != folder_status.st_uid;
}

/* What the link at `path` holds, as a path from where we are. NULL with errno. */
static char *read_link(const char *path, int fd)
{
    char content[PATH_MAX];
    ssize_t length = readlinkat(fd, "", content, sizeof content);

    if (length < 0) {
        return NULL;
    }
    if (length == 0 || length == sizeof content) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    size_t before = content[0] == '/' ? 0 : folder_length(path);
    char *target = malloc(before + (size_t)length + 1);
    if (target == NULL) {
        return NULL;
    }
    memcpy(target, path, before);
    memcpy(target + before, content, (size_t)length);
    target[before + (size_t)length] = '\0';
    return target;
}

bool ctm_path_is_descriptor(const char *path)
{
    static const char proc[] = "/proc/";
    size_t length = folder_length(path);
    struct stat status;
    char folder[PATH_MAX];

    if (length == 0 || length >= sizeof folder || lstat(path, &status) < 0 ||
        !S_ISLNK(status.st_mode)) {
        return false;
    }
    memcpy(folder, path, length);
    folder[length] = '\0';
    char *real = realpath(folder, NULL);
    if (real == NULL) {
        return false;
    }
    const char *last = strrchr(real, '/');
    bool result = strncmp(real, proc, sizeof proc - 1) == 0 && strcmp(last, "/fd") == 0;
    free(real);
    return result;
}

/*
 * One step: *target is set if there is a link at `path`, to NULL if not. 1 with errno: what is
 * there cannot be looked at; CTM_PATH_TRAP with EACCES: it must not be followed, or written to; -1
 * with errno: it cannot be followed.
 */
static int step(const char *path, char **target)
{
    struct stat status;
    /* Held open, so that what is judged is what is read. */
    int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    *target = NULL;
    if (fd < 0) {
        return 1;
    }
    int result = fstat(fd, &status);
    bool is_link = result == 0 && S_ISLNK(status.st_mode);
    bool is_fifo = result == 0 && S_ISFIFO(status.st_mode);
    if ((is_link || is_fifo) && ctm_path_is_trap(path, &status)) {
        errno = EACCES;
        result = CTM_PATH_TRAP;
    } else if (is_link && !ctm_path_is_descriptor(path)) {
        *target = read_link(path, fd);
        result = *target != NULL ? 0 : -1;
    }
    int error = errno;
    close(fd);
    errno = error;
    return result;
}

int ctm_path_follow(const char *path, char **out)
{
    char *current = strdup(path);

    for (int links = 0; current != NULL && links < MOST_LINKS; links++) {
        char *target;
        int result = step(current, &target);
        if (target == NULL && (result == 0 || (result == 1 && links == 0))) {
            *out = current;
            return 0;
        }
        int error = errno;
        free(current);
        if (result != 0) {
            errno = error;
            return result == CTM_PATH_TRAP ? CTM_PATH_TRAP : -1;
        }
        current = target;
    }
    if (current != NULL) {
        free(current);
        errno = ELOOP;
    }
    return -1;
}
