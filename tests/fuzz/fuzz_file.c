/*
 * Any bytes as a snapshot file, once with checksums made right. What is read is written and read
 * again: the second writing must be the first one's equal.
 */
#include <stdlib.h>
#include <string.h>

#include "format/file.h"
#include "fuzz.h"
#include "reseal.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    uint8_t *copy = malloc(length + 1);

    if (copy == NULL) {
        abort();
    }
    if (length != 0) {
        memcpy(copy, bytes, length);
    }
    fuzz_check_file(copy, length);
    reseal(copy, length);
    fuzz_check_file(copy, length);
    free(copy);
    return 0;
}
