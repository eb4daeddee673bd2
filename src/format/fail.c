#include "format/fail.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int ctm_file_fail(struct ctm_file_error *error, int code, uint64_t offset, const char *format, ...)
{
    int os_error = code == CTM_EIO ? errno : 0;
    va_list arguments;

    *error = (struct ctm_file_error){.code = code, .os_error = os_error, .offset = offset};
    va_start(arguments, format);
    /* clang-tidy 14 knows va_start only in the first of the files that it is given. */
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    if (os_error) {
        size_t used = strlen(error->text);
        errno = os_error;
        snprintf(error->text + used, sizeof error->text - used, ": %m");
    }
    return code;
}

int ctm_file_fail_in(struct ctm_file_error *error, int code, const char *section, uint64_t offset,
                     const char *format, va_list arguments)
{
    ctm_file_fail(error, code, offset, "section %s at byte %" PRIu64 ": ", section, offset);
    size_t used = strlen(error->text);
    vsnprintf(error->text + used, sizeof error->text - used, format, arguments);
    return code;
}
