#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/file.h"
#include "fuzz.h"
#include "plain_walk.h"

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

/* Walk each row's stack to its root: what is read must be safe to use without further checks. */
static void walk(const struct ctm_snapshot *s)
{
    const struct ctm_tables *t = s->tables;
    uint64_t traces = 0;

    for (size_t i = 0; i < s->row_count; i++) {
        require(s->rows[i].stack < t->stack_count, "a row's stack");
        require(s->rows[i].count != 0, "a row's count");
        traces += s->rows[i].count;
    }
    require(traces == s->trace_count, "the number of traces");
    for (uint32_t i = 0; i < t->stack_count; i++) {
        uint32_t node = t->stacks[i].node;
        require(node == CTM_NO_NODE || node < t->node_count, "a stack's node");
    }
    for (uint32_t i = 0; i < t->node_count; i++) {
        uint32_t parent = t->nodes[i].parent;
        require(parent == CTM_NO_NODE || parent < i, "a node's parent");
        require(t->nodes[i].frame < t->frame_count, "a node's frame");
    }
    for (uint32_t i = 0; i < t->frame_count; i++) {
        require(t->frames[i].file < t->string_count, "a frame's file");
        require(t->frames[i].name < t->string_count, "a frame's name");
    }
    for (uint32_t i = 0; i < t->string_count; i++) {
        require(ctm_text_is_valid(t->strings[i].bytes, t->strings[i].length), "a string");
    }
    require(t->string_count > 0 && t->strings[0].length == 0, "the empty string");
}

/* Every value once, as a caller that trusts the check would take them. */
static void walk_plain(const struct ctm_buffer *dict)
{
    struct ctm_cursor c = ctm_cursor_over(dict->bytes, dict->length);
    struct ctm_cursor value = {0};

    if (dict->length != 0) {
        plain_skip(&c);
        require(ctm_cursor_left(&c) == 0, "the end of plain data");
        (void)plain_find(dict->bytes, dict->length, "python", &value);
    }
}

static struct ctm_buffer encode(const struct ctm_snapshot *s, const struct ctm_metadata *metadata)
{
    struct ctm_buffer bytes = {0};
    struct ctm_file_error error;

    require(ctm_file_encode(s, metadata, CTM_FILE_STORED, &bytes, &error) == CTM_OK, error.text);
    return bytes;
}

void fuzz_check_file(const uint8_t *bytes, size_t length)
{
    struct ctm_file_error error;
    struct ctm_metadata metadata;
    struct ctm_snapshot *s;

    int result = ctm_file_decode(bytes, length, limits, &s, &metadata, &error);
    require(error.code == result, "the code in the error");
    if (result != CTM_OK) {
        require(result == CTM_EFORMAT || result == CTM_ELIMIT, "the code");
        require(error.text[0] != '\0' && error.offset <= length, "the text and the offset");
        return;
    }
    walk(s);
    walk_plain(&metadata.about);
    walk_plain(&metadata.attributes);

    /* It may be longer than it came, above the limits of this target. */
    struct ctm_buffer first = encode(s, &metadata);
    struct ctm_metadata metadata_again;
    struct ctm_snapshot *again;
    require(ctm_file_decode(first.bytes, first.length, ctm_limits_default, &again, &metadata_again,
                            &error) == CTM_OK,
            error.text);
    struct ctm_buffer second = encode(again, &metadata_again);
    require(first.length == second.length && memcmp(first.bytes, second.bytes, first.length) == 0,
            "what was written again");
    ctm_buffer_free(&first);
    ctm_buffer_free(&second);
    ctm_metadata_free(&metadata_again);
    ctm_snapshot_unref(again);
    ctm_metadata_free(&metadata);
    ctm_snapshot_unref(s);
}
