/*
 * Any bytes as a dump of the standard library. What is read is written as a snapshot file, and read
 * from there again.
 */
#include <stdio.h>
#include <stdlib.h>

#include "format/pickle.h"
#include "fuzz.h"

/* Small enough that no input takes long. */
static const struct ctm_limits limits = {
    .file_length = 1 << 20,
    .raw_length = 1 << 20,
    .raw_free = 1 << 16,
    .expansion = 100,
};

static void require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "fuzz: %s\n", what);
        abort();
    }
}

static void check_bytes(const struct ctm_buffer *bytes, const struct ctm_snapshot *s)
{
    struct ctm_snapshot *again;
    struct ctm_metadata metadata;
    struct ctm_file_error error;

    require(ctm_file_decode(bytes->bytes, bytes->length, ctm_limits_default, &again, &metadata,
                            &error) == CTM_OK,
            error.text);
    require(again->trace_count == s->trace_count, "the number of traces");
    require(again->row_count == s->row_count, "the number of rows");
    ctm_snapshot_unref(again);
    ctm_metadata_free(&metadata);
}

static void check_snapshot(const struct ctm_snapshot *s, const struct ctm_metadata *metadata)
{
    struct ctm_buffer bytes = {0};
    struct ctm_file_error error;

    int result = ctm_file_encode(s, metadata, CTM_FILE_STORED, &bytes, &error);
    if (result == CTM_OK) {
        check_bytes(&bytes, s);
    } else {
        /* The sizes may add up to more than a file can say. */
        require(result == CTM_EINVAL, error.text);
    }
    ctm_buffer_free(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct ctm_snapshot *s;
    struct ctm_metadata metadata;
    struct ctm_file_error error = {0};

    int result = ctm_pickle_read(bytes, length, limits, &s, &metadata, &error);
    require(error.code == result, "the code in the error");
    if (result == CTM_OK) {
        check_snapshot(s, &metadata);
        ctm_snapshot_unref(s);
        ctm_metadata_free(&metadata);
    } else {
        require(result == CTM_EFORMAT || result == CTM_ELIMIT, "the code");
        require(error.text[0] != '\0' && error.offset <= length, "the text and the offset");
    }
    return 0;
}
