/* What went wrong with a file, for people: every function that works on files fills one in. */
#ifndef CTM_FORMAT_FAIL_H
#define CTM_FORMAT_FAIL_H

#include <stdarg.h>
#include <stdint.h>

#include "base/error.h"

struct ctm_file_error {
    int code;        /* as returned */
    int os_error;    /* errno where the code is CTM_EIO, else 0 */
    uint64_t offset; /* reading: the byte of the file at which what is wrong begins, else 0 */
    char text[240];  /* one line, without a full stop; says what is wrong, and where */
};

/*
 * Fill in an error and return its code. With CTM_EIO, errno is taken over and its text put behind.
 */
__attribute__((format(printf, 4, 5))) int ctm_file_fail(struct ctm_file_error *error, int code,
                                                        uint64_t offset, const char *format, ...);

/* The same, and the text is put behind "section TYPE at byte OFFSET: ". */
__attribute__((format(printf, 5, 0))) int ctm_file_fail_in(struct ctm_file_error *error, int code,
                                                           const char *section, uint64_t offset,
                                                           const char *format, va_list arguments);

#endif
