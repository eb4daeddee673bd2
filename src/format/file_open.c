#include "format/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/layout.h"

/* Open for reading what must be a regular file; nothing here waits for another process. */
static int open_regular(const char *path, uint64_t *length, int *fd, struct ctm_file_error *error)
{
    struct stat status;
    int result;

    *length = 0;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0) {
        return ctm_file_fail(error, CTM_EIO, 0, "cannot open the file");
    }
    if (fstat(*fd, &status) < 0) {
        result = ctm_file_fail(error, CTM_EIO, 0, "cannot look at the file");
    } else if (S_ISDIR(status.st_mode)) {
        /* As whoever opens one to read it is told elsewhere. */
        errno = EISDIR;
        result = ctm_file_fail(error, CTM_EIO, 0, "cannot read the file");
    } else if (S_ISFIFO(status.st_mode)) {
        result = ctm_file_fail(error, CTM_EFORMAT, 0, "not a snapshot file: it is a FIFO");
    } else if (!S_ISREG(status.st_mode)) {
        result = ctm_file_fail(error, CTM_EFORMAT, 0, "not a snapshot file: it is a device");
    } else {
        result = CTM_OK;
    }
    if (result) {
        close(*fd);
        *fd = -1;
        return result;
    }
    *length = (uint64_t)status.st_size;
    return CTM_OK;
}

/* Read up to `length` bytes to the end of `b`; fewer only where the file ends. */
static int read_bytes(int fd, size_t length, struct ctm_buffer *b, struct ctm_file_error *error)
{
    if (!ctm_buffer_reserve(b, length)) {
        return ctm_file_fail(error, b->error, 0, "no memory for a file of %zu bytes", length);
    }
    while (length) {
        ssize_t got = read(fd, b->bytes + b->length, length);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return ctm_file_fail(error, CTM_EIO, b->length, "cannot read the file");
        }
        if (got == 0) {
            break;
        }
        b->length += (size_t)got;
        length -= (size_t)got;
    }
    return CTM_OK;
}

int ctm_file_load(const char *path, struct ctm_limits limits, struct ctm_buffer *out,
                  struct ctm_file_error *error)
{
    uint64_t length;
    int result;
    int fd;

    *error = (struct ctm_file_error){0};
    result = open_regular(path, &length, &fd, error);
    if (result) {
        return result;
    }
    /* The beginning first: of what is no snapshot, nothing more is read. */
    result = read_bytes(fd, CTM_FILE_HEADER_LENGTH, out, error);
    if (!result && ctm_file_is_one(out->bytes, out->length) && length > out->length) {
        if (length > limits.file_length) {
            result =
                ctm_file_fail(error, CTM_ELIMIT, 0,
                              "the file has %" PRIu64 " bytes, more than the limit of %" PRIu64,
                              length, limits.file_length);
        } else {
            result = read_bytes(fd, (size_t)length - out->length, out, error);
        }
    }
    close(fd);
    return result;
}

int ctm_file_read(const char *path, struct ctm_limits limits, struct ctm_snapshot **out,
                  struct ctm_metadata *metadata, struct ctm_file_error *error)
{
    struct ctm_buffer bytes = {0};
    int result;

    result = ctm_file_load(path, limits, &bytes, error);
    if (!result) {
        result = ctm_file_decode(bytes.bytes, bytes.length, limits, out, metadata, error);
    }
    ctm_buffer_free(&bytes);
    return result;
}
