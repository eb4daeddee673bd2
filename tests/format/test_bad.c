/*
 * Files that are broken, or made to break a reader: each is refused with a text that says what is
 * wrong, and none makes the reader take more memory than its limits state.
 */
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "craft.h"
#include "format/file.h"
#include "format/plain.h"
#include "format/table.h"
#include "reseal.h"
#include "sample.h"
#include "unit.h"

/* So small that what a forged length would reserve stands out. */
static const struct ctm_limits tight = {
    .file_length = 1 << 20,
    .raw_length = 1 << 20,
    .raw_free = 1 << 16,
    .expansion = 20,
};

enum {
    MOST_EXPANSION = 24 + 1, /* what file.h states, and the raw bytes themselves */
    BEGINNINGS = 300000,     /* zstd's own, and tables that are small */
};

static size_t most_memory(size_t length)
{
    size_t raw = tight.raw_free + tight.expansion * length;

    return MOST_EXPANSION * (raw < tight.raw_length ? raw : tight.raw_length) + BEGINNINGS;
}

/* Decode under the tight limits: CTM_OK or an error that is well-formed; memory is kept within. */
static int decode_bytes(const uint8_t *bytes, size_t length, struct ctm_file_error *error)
{
    struct ctm_metadata metadata;
    struct ctm_snapshot *s;

    alloc_measure();
    int result = ctm_file_decode(bytes, length, tight, &s, &metadata, error);
    if (alloc_most() > most_memory(length)) {
        fail_msg("%zu bytes were reserved for a file of %zu", alloc_most(), length);
    }
    assert_int_equal(error->code, result);
    assert_int_equal(error->os_error, 0);
    assert_true(error->offset <= length);
    assert_int_equal(strlen(error->text) == 0, result == CTM_OK);
    if (result == CTM_OK) {
        ctm_metadata_free(&metadata);
        ctm_snapshot_unref(s);
    }
    assert_int_equal(alloc_held(), 0);
    return result;
}

static void assert_refused(const uint8_t *bytes, size_t length, int code, const char *text)
{
    struct ctm_file_error error;
    int result = decode_bytes(bytes, length, &error);

    if (result != code || strstr(error.text, text) == NULL) {
        fail_msg("got %d, \"%s\" instead of %d, \"%s\"", result, error.text, code, text);
    }
}

/* Bytes at the very end of their memory, so that a sanitizer sees a read behind them. */
static void decode_tight(const uint8_t *bytes, size_t length, int code)
{
    struct ctm_file_error error;
    uint8_t *copy = malloc(length + 1);

    assert_non_null(copy);
    memcpy(copy + 1, bytes, length);
    assert_int_equal(decode_bytes(copy + 1, length, &error), code);
    free(copy);
}

static struct ctm_buffer good_file(uint64_t seed, size_t scale, unsigned flags)
{
    struct ctm_snapshot *s = sample_snapshot(seed, scale);
    struct ctm_metadata metadata = sample_metadata(seed);
    struct ctm_buffer bytes = sample_encode(s, &metadata, flags);

    ctm_metadata_free(&metadata);
    ctm_snapshot_unref(s);
    return bytes;
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    for (uint64_t seed = 20; seed < 26; seed++) {
        struct ctm_buffer bytes = good_file(seed, 60, seed % 2 ? CTM_FILE_STORED : 0);
        for (size_t length = 0; length < bytes.length; length++) {
            decode_tight(bytes.bytes, length, CTM_EFORMAT);
        }
        decode_tight(bytes.bytes, bytes.length, CTM_OK);
        ctm_buffer_free(&bytes);
    }
}

static void every_flipped_byte_is_refused(void **state)
{
    static const uint8_t flips[] = {0x01, 0x80, 0xff};
    (void)state;

    for (uint64_t seed = 30; seed < 34; seed++) {
        struct ctm_buffer bytes = good_file(seed, 60, seed % 2 ? CTM_FILE_STORED : 0);
        for (size_t i = 0; i < bytes.length; i++) {
            for (size_t flip = 0; flip < sizeof flips; flip++) {
                struct ctm_file_error error;
                bytes.bytes[i] ^= flips[flip];
                assert_int_equal(decode_bytes(bytes.bytes, bytes.length, &error), CTM_EFORMAT);
                bytes.bytes[i] ^= flips[flip];
            }
        }
        ctm_buffer_free(&bytes);
    }
}

/* With right checksums, what is behind them meets every wrong byte. */
static void resealed_flips_do_no_harm(void **state)
{
    struct sample_random r = {.state = 77};
    size_t read = 0;
    size_t refused = 0;
    (void)state;

    for (uint64_t seed = 40; seed < 52; seed++) {
        struct ctm_buffer bytes = good_file(seed, 40, seed % 4 ? CTM_FILE_STORED : 0);
        uint8_t *copy = malloc(bytes.length);
        assert_non_null(copy);
        for (size_t i = 0; i < bytes.length; i++) {
            for (int value = 0; value < 24; value++) {
                struct ctm_file_error error;
                memcpy(copy, bytes.bytes, bytes.length);
                copy[i] = value < 8 ? copy[i] ^ (uint8_t)(1 << value) : (uint8_t)sample_next(&r);
                if (value >= 16) {
                    copy[sample_below(&r, bytes.length)] = (uint8_t)sample_next(&r);
                }
                reseal(copy, bytes.length);
                int result = decode_bytes(copy, bytes.length, &error);
                read += result == CTM_OK;
                refused += result != CTM_OK;
            }
        }
        free(copy);
        ctm_buffer_free(&bytes);
    }
    /* Some bytes may be anything: text, sizes, lines. Others may not. */
    assert_true(read > 1000);
    assert_true(refused > 1000);
}

static void noise_is_refused(void **state)
{
    struct sample_random r = {.state = 78};
    uint8_t noise[400];
    (void)state;

    for (int i = 0; i < 20000; i++) {
        size_t length = sample_below(&r, sizeof noise);
        struct ctm_file_error error;
        for (size_t at = 0; at < length; at++) {
            noise[at] = (uint8_t)sample_next(&r);
        }
        if (i % 2 && length >= CTM_FILE_HEADER_LENGTH) {
            memcpy(noise, CTM_MAGIC "\x01\x00\x00\x00", CTM_MAGIC_LENGTH + 4);
            reseal(noise, length);
        }
        assert_int_equal(decode_bytes(noise, length, &error), CTM_EFORMAT);
    }
}

static void what_is_no_snapshot_is_named(void **state)
{
    struct ctm_buffer bytes = good_file(1, 10, 0);
    (void)state;

    assert_refused(NULL, 0, CTM_EFORMAT, "the file is empty");
    assert_refused((const uint8_t *)"\x80\x04\x95pickle", 9, CTM_EFORMAT, "not a snapshot file");
    assert_refused(bytes.bytes, 7, CTM_EFORMAT, "not a snapshot file");
    assert_refused(bytes.bytes, 8, CTM_EFORMAT, "cut off inside its header, after byte 8");
    assert_refused(bytes.bytes, 23, CTM_EFORMAT, "cut off inside its header");
    assert_refused(bytes.bytes, 24, CTM_EFORMAT, "cut off after byte 24");
    bytes.bytes[20] ^= 1;
    assert_refused(bytes.bytes, bytes.length, CTM_EFORMAT, "header is damaged");
    bytes.bytes[20] ^= 1;
    bytes.bytes[8] = 2;
    bytes.bytes[10] = 5;
    assert_refused(bytes.bytes, bytes.length, CTM_EFORMAT, "format version 2.5");
    reseal(bytes.bytes, bytes.length);
    assert_refused(bytes.bytes, bytes.length, CTM_EFORMAT, "format version 2.5");
    ctm_buffer_free(&bytes);
}

/* A good file, apart, to be changed; what comes of it must be refused. */
struct patient {
    struct ctm_buffer bytes;
    struct craft_file file;
};

/* Two entries in each table, and both kinds of metadata. */
static struct patient patient_new(void)
{
    struct patient p = {0};
    struct ctm_info info = {.nframe = 2, .kind = CTM_KIND_PEAK};
    struct ctm_metadata metadata = {0};
    struct ctm_builder *b;
    struct ctm_snapshot *s;
    uint32_t parent = CTM_NO_NODE;

    assert_int_equal(ctm_builder_new(&b), CTM_OK);
    for (uint32_t i = 0; i < 2; i++) {
        struct ctm_frame frame = {.line = i + 1};
        struct ctm_stack stack = {.total_nframe = i + 1};
        struct ctm_row row = {.size = 64, .count = 1};
        uint32_t id;
        assert_int_equal(ctm_builder_string(b, i ? "b.py" : "a.py", 4, &frame.file), CTM_OK);
        assert_int_equal(ctm_builder_frame(b, frame, &id), CTM_OK);
        assert_int_equal(ctm_builder_node(b, parent, id, &stack.node), CTM_OK);
        assert_int_equal(ctm_builder_stack(b, stack, &row.stack), CTM_OK);
        assert_int_equal(ctm_builder_row(b, row), CTM_OK);
        parent = stack.node;
    }
    assert_int_equal(ctm_builder_finish(b, &info, &s), CTM_OK);
    ctm_plain_put_dict(&metadata.about, 0);
    ctm_plain_put_dict(&metadata.attributes, 0);
    p.bytes = sample_encode(s, &metadata, CTM_FILE_STORED);
    p.file = craft_open(&p.bytes);
    ctm_metadata_free(&metadata);
    ctm_snapshot_unref(s);
    return p;
}

static void patient_refused(struct patient *p, int code, const char *text)
{
    struct ctm_buffer changed = craft_close(&p->file);

    assert_refused(changed.bytes, changed.length, code, text);
    ctm_buffer_free(&changed);
    craft_free(&p->file);
    ctm_buffer_free(&p->bytes);
}

static void sections_are_checked(void **state)
{
    struct patient p = patient_new();
    struct craft_section swap;
    (void)state;

    craft_insert(&p.file, 3, "NEW!", CTM_SECTION_REQUIRED);
    patient_refused(&p, CTM_EFORMAT, "section NEW! at byte");
    p = patient_new();
    craft_insert(&p.file, 3, "\n\x01\xffX", CTM_SECTION_REQUIRED);
    patient_refused(&p, CTM_EFORMAT, "section ???X at byte");
    p = patient_new();
    craft_insert(&p.file, 3, "~ \x7f!", CTM_SECTION_REQUIRED);
    patient_refused(&p, CTM_EFORMAT, "section ~ ?! at byte");
    p = patient_new();
    craft_insert(&p.file, 2, "INFO", CTM_SECTION_REQUIRED);
    patient_refused(&p, CTM_EFORMAT, "it is there twice");
    p = patient_new();
    swap = p.file.sections[2];
    p.file.sections[2] = p.file.sections[3];
    p.file.sections[3] = swap;
    patient_refused(&p, CTM_EFORMAT, "it stands behind section ATTR");
    p = patient_new();
    craft_find(&p.file, CTM_SECTION_NODES)->flags = 3;
    patient_refused(&p, CTM_EFORMAT, "unknown flags, 0x3");
    p = patient_new();
    craft_find(&p.file, CTM_SECTION_NODES)->method = 2;
    patient_refused(&p, CTM_EFORMAT, "unknown method 2");
    p = patient_new();
    craft_find(&p.file, CTM_SECTION_NODES)->raw_length++;
    patient_refused(&p, CTM_EFORMAT, "its two lengths differ");
    for (size_t i = 0; i < 9; i++) {
        p = patient_new();
        bool may_miss = strcmp(p.file.sections[i].type, "KIND") == 0 ||
                        strcmp(p.file.sections[i].type, "ABUT") == 0 ||
                        strcmp(p.file.sections[i].type, "ATTR") == 0;
        memcpy(p.file.sections[i].type, "none", 4);
        p.file.sections[i].flags = 0;
        if (!may_miss) {
            patient_refused(&p, CTM_EFORMAT, "is missing");
        } else {
            craft_free(&p.file);
            ctm_buffer_free(&p.bytes);
        }
    }
}

/* The END section of a file, whose checksum is made right after the change. */
static void refuse_changed_end(size_t offset, uint64_t value, const char *text)
{
    struct ctm_buffer bytes = good_file(50, 40, 0);
    size_t checked = CTM_SECTION_HEADER_LENGTH + CTM_END_LENGTH;
    uint8_t *end = bytes.bytes + bytes.length - checked - CTM_SECTION_CHECKSUM_LENGTH;

    ctm_store_u64(end + offset, value);
    ctm_store_u64(end + checked, ctm_checksum(end, checked));
    assert_refused(bytes.bytes, bytes.length, CTM_EFORMAT, text);
    ctm_buffer_free(&bytes);
}

static void the_end_is_checked(void **state)
{
    struct ctm_buffer bytes = good_file(50, 40, 0);
    (void)state;

    refuse_changed_end(CTM_SECTION_HEADER_LENGTH, 3, "it counts 3 sections");
    refuse_changed_end(CTM_SECTION_HEADER_LENGTH + 8, 1, "it says that the file has 1 bytes");
    ctm_buffer_append(&bytes, "x", 1);
    assert_refused(bytes.bytes, bytes.length, CTM_EFORMAT, "1 bytes follow the end");
    bytes.length--;
    bytes.length -= CTM_SECTION_HEADER_LENGTH + CTM_END_LENGTH + CTM_SECTION_CHECKSUM_LENGTH;
    assert_refused(bytes.bytes, bytes.length, CTM_EFORMAT, "cut off");
    ctm_buffer_free(&bytes);

    struct patient p = patient_new();
    craft_store(craft_insert(&p.file, 9, "END ", CTM_SECTION_REQUIRED), "12345678", 8);
    patient_refused(&p, CTM_EFORMAT, "it does not have its 16 bytes");
}

/* The stored or raw length of the section at `at` becomes `value`, under a right checksum. */
static void refuse_length(size_t at, size_t field, uint64_t value, int code, const char *text)
{
    struct ctm_buffer bytes = good_file(50, 40, 0);

    ctm_store_u64(bytes.bytes + at + field, value);
    reseal(bytes.bytes, bytes.length);
    assert_refused(bytes.bytes, bytes.length, code, text);
    ctm_buffer_free(&bytes);
}

static void enormous_lengths_are_refused(void **state)
{
    static const uint64_t lengths[] = {
        UINT64_C(1) << 32, UINT64_C(1) << 62, INT64_MAX,
        UINT64_C(1) << 63, UINT64_MAX - 31,   UINT64_MAX,
    };
    struct ctm_buffer bytes = good_file(50, 40, 0);
    size_t at = CTM_FILE_HEADER_LENGTH;
    (void)state;

    while (at < bytes.length) {
        bool is_packed = ctm_load_u16(bytes.bytes + at + 6) == CTM_METHOD_ZSTD;
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            refuse_length(at, 8, lengths[i], CTM_EFORMAT, "are left: the file is cut off");
            refuse_length(at, 16, lengths[i], is_packed ? CTM_ELIMIT : CTM_EFORMAT,
                          is_packed ? "the limits for this file leave" : "lengths differ");
        }
        at += CTM_SECTION_HEADER_LENGTH + ctm_load_u64(bytes.bytes + at + 8) +
              CTM_SECTION_CHECKSUM_LENGTH;
    }
    ctm_buffer_free(&bytes);
}

/* A section becomes these bytes, uncompressed and compressed. */
static void refuse_payload(enum ctm_section section, const void *bytes, size_t length,
                           const char *text)
{
    struct patient p = patient_new();
    craft_store(craft_find(&p.file, section), bytes, length);
    patient_refused(&p, CTM_EFORMAT, text);

    p = patient_new();
    craft_compress(craft_find(&p.file, section), bytes, length);
    patient_refused(&p, CTM_EFORMAT, text);
}

/* A table of up to four columns, row by row, and bytes behind it. */
static void refuse_table(enum ctm_section section, size_t rows, unsigned columns,
                         const uint64_t *values, const char *behind, const char *text)
{
    struct ctm_table_writer w = {0};

    ctm_table_begin(&w, rows);
    for (unsigned column = 0; column < columns; column++) {
        uint8_t *at = ctm_table_open_column(&w);
        assert_non_null(at);
        for (size_t row = 0; row < rows; row++) {
            at = ctm_varint_put(at, values[row * columns + column]);
        }
        ctm_table_close_column(&w, at);
    }
    ctm_buffer_append(&w.data, behind, strlen(behind));
    struct ctm_cursor bytes = ctm_table_finish(&w);
    refuse_payload(section, bytes.at, ctm_cursor_left(&bytes), text);
    ctm_table_free(&w);
}

static void tables_are_checked(void **state)
{
    static const enum ctm_section tables[] = {
        CTM_SECTION_INFO,  CTM_SECTION_STRINGS, CTM_SECTION_FRAMES,
        CTM_SECTION_NODES, CTM_SECTION_STACKS,  CTM_SECTION_ROWS,
    };
    (void)state;

    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        refuse_payload(tables[i], "", 0, "rows is not a number");
        refuse_payload(tables[i], "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x08\1\1\1\1\1\1\1\1",
                       19, "a column is too short");
        refuse_payload(tables[i], "\x01\x08\1\1\1\1\1\1\1\1", 10, "longer than the bytes left");
        refuse_payload(tables[i], "\x01\x00", 2, "fewer columns");
    }
    /* A row too many for the bytes, and bytes too many for the rows. */
    refuse_payload(CTM_SECTION_NODES, "\x02\x02\x02\x02\x00\x80\x00\x00", 8,
                   "node 1: a value is not a number");
    refuse_payload(CTM_SECTION_NODES, "\x01\x02\x02\x01\x00\x00\x00", 7,
                   "a column has bytes left over");
}

static void kind_is_checked(void **state)
{
    static const uint64_t none[2] = {CTM_KIND_PEAK, CTM_KIND_PEAK};
    static const uint64_t live[1] = {CTM_KIND_LIVE};
    static const uint64_t unknown[1] = {CTM_KIND_COUNT};
    (void)state;

    refuse_table(CTM_SECTION_KIND, 0, 1, none, "", "it does not have one row");
    refuse_table(CTM_SECTION_KIND, 2, 1, none, "", "it does not have one row");
    refuse_table(CTM_SECTION_KIND, 1, 1, live, "", "a kind that is not known");
    refuse_table(CTM_SECTION_KIND, 1, 1, unknown, "", "a kind that is not known");
    refuse_table(CTM_SECTION_KIND, 1, 1, none, "x", "left over behind the last column");
    refuse_payload(CTM_SECTION_KIND, "\1\1\1\x80", 4, "a value is not a number");
}

static void info_is_checked(void **state)
{
    static const uint64_t two[16] = {0};
    static const uint64_t wide[8] = {[6] = UINT64_C(1) << 32};
    static const uint64_t wide_pid[8] = {[7] = UINT64_MAX};
    (void)state;

    refuse_table(CTM_SECTION_INFO, 2, 8, two, "", "it does not have one row");
    refuse_table(CTM_SECTION_INFO, 0, 8, two, "", "it does not have one row");
    refuse_table(CTM_SECTION_INFO, 1, 8, wide, "", "over 32 bits");
    refuse_table(CTM_SECTION_INFO, 1, 8, wide_pid, "", "over 32 bits");
    refuse_table(CTM_SECTION_INFO, 1, 8, two, "x", "left over behind the last column");
    refuse_table(CTM_SECTION_INFO, 1, 7, two, "", "fewer columns");
    refuse_payload(CTM_SECTION_INFO, "\1\x08\1\1\1\1\1\1\1\1\0\0\0\0\0\0\0\x80", 18,
                   "a value is not a number");
}

static void strings_are_checked(void **state)
{
    static const uint64_t lengths[] = {1, 1};
    static const uint64_t empty[] = {0};
    static const uint64_t huge[] = {UINT64_C(1) << 63};
    static const uint64_t most[] = {1, UINT64_MAX};
    (void)state;

    refuse_table(CTM_SECTION_STRINGS, 2, 1, lengths, "a", "string 1: it is longer than");
    refuse_table(CTM_SECTION_STRINGS, 2, 1, lengths, "abc", "left over behind the last column");
    refuse_table(CTM_SECTION_STRINGS, 2, 1, lengths, "aa",
                 "string 1: it is the same as an earlier");
    refuse_table(CTM_SECTION_STRINGS, 1, 1, empty, "", "string 0: it is the same as an earlier");
    refuse_table(CTM_SECTION_STRINGS, 2, 1, lengths, "a\xff", "string 1: it is not valid UTF-8");
    refuse_table(CTM_SECTION_STRINGS, 1, 1, huge, "a", "string 0: it is longer than");
    refuse_table(CTM_SECTION_STRINGS, 2, 1, most, "ab", "string 1: it is longer than");
    refuse_payload(CTM_SECTION_STRINGS, "\1\1\2\x81\x00", 5,
                   "string 0: its length is not a number");
}

static void frames_are_checked(void **state)
{
    static const uint64_t far_file[] = {2000, 0, 0};
    static const uint64_t far_name[] = {0, 2000, 0};
    static const uint64_t minus[] = {1, 0, 0};
    static const uint64_t far_line[] = {0, 0, UINT64_C(1) << 33};
    static const uint64_t twice[] = {0, 0, 2, 2, 0, 0, 1, 0, 0};
    (void)state;

    refuse_table(CTM_SECTION_FRAMES, 1, 3, far_file, "", "frame 0: its file or function name is");
    refuse_table(CTM_SECTION_FRAMES, 1, 3, far_name, "", "past the last string");
    refuse_table(CTM_SECTION_FRAMES, 1, 3, minus, "", "past the last string");
    refuse_table(CTM_SECTION_FRAMES, 1, 3, far_line, "", "its line is over 32 bits");
    refuse_table(CTM_SECTION_FRAMES, 3, 3, twice, "", "frame 2: it is the same as an earlier one");
    refuse_table(CTM_SECTION_FRAMES, 1, 3, twice, "x", "left over behind the last column");
    refuse_payload(CTM_SECTION_FRAMES, "\1\3\1\1\1\0\0\xff", 8, "frame 0: a value is not a number");
}

static void nodes_are_checked(void **state)
{
    static const uint64_t self[] = {0, 0, 2, 0};
    static const uint64_t forward[] = {1, 0};
    static const uint64_t wraps[] = {0, 0, UINT64_MAX, 0};
    static const uint64_t far_frame[] = {0, 2000};
    static const uint64_t twice[] = {0, 0, 1, 0, 2, 0};
    (void)state;

    refuse_table(CTM_SECTION_NODES, 2, 2, self, "", "node 1: its parent is before the first");
    refuse_table(CTM_SECTION_NODES, 1, 2, forward, "", "node 0: its parent is before the first");
    refuse_table(CTM_SECTION_NODES, 2, 2, wraps, "", "node 1: its parent is before the first");
    refuse_table(CTM_SECTION_NODES, 1, 2, far_frame, "", "node 0: its frame is past the last");
    refuse_table(CTM_SECTION_NODES, 3, 2, twice, "", "node 2: it is the same as an earlier one");
}

static void stacks_are_checked(void **state)
{
    static const uint64_t far_node[] = {20000, 0};
    static const uint64_t minus[] = {1, 0};
    static const uint64_t wide[] = {0, UINT64_C(1) << 32};
    static const uint64_t twice[] = {0, 5, 0, 5};
    (void)state;

    refuse_table(CTM_SECTION_STACKS, 1, 2, far_node, "", "stack 0: its node is past the last");
    refuse_table(CTM_SECTION_STACKS, 1, 2, minus, "", "stack 0: its node is past the last");
    refuse_table(CTM_SECTION_STACKS, 1, 2, wide, "", "stack 0: its total number of frames");
    refuse_table(CTM_SECTION_STACKS, 2, 2, twice, "", "stack 1: it is the same as an earlier one");
    refuse_payload(CTM_SECTION_STACKS, "\1\2\1\1\0\x80", 6, "stack 0: a value is not a number");
}

static void rows_are_checked(void **state)
{
    static const uint64_t domain[] = {UINT64_C(1) << 32, 0, 0, 1};
    static const uint64_t far_stack[] = {0, 20000, 0, 1};
    static const uint64_t no_count[] = {0, 0, 0, 0};
    static const uint64_t product[] = {0, 0, UINT64_C(1) << 33, UINT64_C(1) << 32};
    static const uint64_t blocks[] = {0, 0, 0, INT64_MAX, 0, 2, 0, 1};
    static const uint64_t bytes[] = {0, 0, UINT64_MAX - 1, 1, 0, 2, 0, 1};
    (void)state;

    refuse_table(CTM_SECTION_ROWS, 1, 4, domain, "", "row 0: its domain is over 32 bits");
    refuse_table(CTM_SECTION_ROWS, 1, 4, far_stack, "", "row 0: its stack is past the last");
    refuse_table(CTM_SECTION_ROWS, 1, 4, no_count, "", "row 0: its count is 0");
    refuse_table(CTM_SECTION_ROWS, 1, 4, product, "", "row 0: the rows' sizes or counts add up");
    refuse_table(CTM_SECTION_ROWS, 2, 4, blocks, "", "row 1: the rows' sizes or counts add up");
    refuse_table(CTM_SECTION_ROWS, 2, 4, bytes, "", "row 1: the rows' sizes or counts add up");
    refuse_payload(CTM_SECTION_ROWS, "\1\4\1\1\1\1\0\0\0\xff", 10,
                   "row 0: a value is not a number");
}

static void plain_data_is_checked(void **state)
{
    (void)state;
    refuse_payload(CTM_SECTION_ABOUT, "", 0, "byte 0 of its data: a value is missing");
    refuse_payload(CTM_SECTION_ATTRIBUTES, "l\x01N", 3, "the value is not a dict");
    refuse_payload(CTM_SECTION_ATTRIBUTES, "d\x01s\x01ql\xff\x7f", 8,
                   "byte 5 of its data: a count is past the end");
}

/* A section's stored bytes become these, whatever its lengths say. */
static void refuse_frame(const void *stored, size_t length, uint64_t raw_length, int code,
                         const char *text)
{
    struct patient p = patient_new();
    struct craft_section *section = craft_find(&p.file, CTM_SECTION_ROWS);

    section->method = CTM_METHOD_ZSTD;
    section->raw_length = raw_length;
    section->stored.length = 0;
    ctm_buffer_append(&section->stored, stored, length);
    patient_refused(&p, code, text);
}

static void compressed_data_is_checked(void **state)
{
    struct craft_section frame = {0};
    char zeros[5000] = {0};
    (void)state;

    craft_compress(&frame, zeros, sizeof zeros);
    struct ctm_buffer *stored = &frame.stored;
    refuse_frame("", 0, 0, CTM_EFORMAT, "not a frame of the length it should have");
    refuse_frame("not a frame", 11, 11, CTM_EFORMAT, "not a frame of the length it should have");
    refuse_frame(stored->bytes, stored->length, sizeof zeros - 1, CTM_EFORMAT, "not a frame of");
    refuse_frame(stored->bytes, stored->length, sizeof zeros + 1, CTM_EFORMAT, "not a frame of");
    refuse_frame(stored->bytes, stored->length - 1, sizeof zeros, CTM_EFORMAT,
                 "not exactly one frame");
    /* A skippable frame is empty; so are its rows. */
    refuse_frame("\x50\x2a\x4d\x18\x04\0\0\0abcd", 12, 0, CTM_EFORMAT, "rows is not a number");

    struct ctm_buffer two = {0};
    ctm_buffer_append(&two, stored->bytes, stored->length);
    ctm_buffer_append(&two, stored->bytes, stored->length);
    refuse_frame(two.bytes, two.length, sizeof zeros, CTM_EFORMAT, "not exactly one frame");
    two.length = stored->length + 1;
    refuse_frame(two.bytes, two.length, sizeof zeros, CTM_EFORMAT, "not exactly one frame");
    /* A reserved bit in the frame's header; a block of the reserved type. */
    memcpy(two.bytes, stored->bytes, stored->length);
    two.length = stored->length;
    two.bytes[4] |= 0x08;
    refuse_frame(two.bytes, two.length, sizeof zeros, CTM_EFORMAT, "its compressed data is");
    /* A content size that the blocks do not come up to. */
    refuse_frame("\x28\xb5\x2f\xfd\x20\x10\x01\x00\x00", 9, 16, CTM_EFORMAT,
                 "its compressed data is broken");
    ctm_buffer_free(&two);
    ctm_buffer_free(stored);
}

/* Zeros in a few bytes: legal up to the limits, and not beyond. */
static void bombs_are_bounded(void **state)
{
    static const uint8_t zeros[1 << 19] = {0};
    (void)state;

    struct patient p = patient_new();
    craft_compress(craft_find(&p.file, CTM_SECTION_ROWS), zeros, tight.raw_free);
    patient_refused(&p, CTM_EFORMAT, "fewer columns");
    for (size_t length = tight.raw_free * 2; length <= sizeof zeros; length *= 2) {
        p = patient_new();
        craft_compress(craft_find(&p.file, CTM_SECTION_ROWS), zeros, length);
        patient_refused(&p, CTM_ELIMIT, "the limits for this file leave");
    }
}

/* A table of two columns that hold the same value in each row, but 0 in the first row's first. */
static void craft_even_table(struct craft_section *section, size_t rows, uint8_t first,
                             uint8_t second)
{
    const uint8_t values[2] = {first, second};
    struct ctm_table_writer w = {0};

    ctm_table_begin(&w, rows);
    for (unsigned column = 0; column < 2; column++) {
        uint8_t *at = ctm_table_open_column(&w);
        assert_non_null(at);
        memset(at, values[column], rows);
        at[0] = column == 0 ? 0 : at[0];
        ctm_table_close_column(&w, at + rows);
    }
    struct ctm_cursor bytes = ctm_table_finish(&w);
    craft_compress(section, bytes.at, ctm_cursor_left(&bytes));
    ctm_table_free(&w);
}

/*
 * The most memory for the least bytes: nodes and stacks of two bytes each. Some of these counts are
 * just over what the reader's tables held before they grew.
 */
static void memory_is_as_stated(void **state)
{
    struct ctm_limits limits = {.file_length = 1 << 20, .raw_length = 4 << 20, .raw_free = 4 << 20};
    (void)state;

    for (size_t count = 80000; count < 600000; count += 30011) {
        struct patient p = patient_new();
        struct ctm_file_error error;
        struct ctm_snapshot *s;
        /* Each parent is the node before, each stack's node the one behind that of the last. */
        craft_even_table(craft_find(&p.file, CTM_SECTION_NODES), count, 1, 0);
        craft_even_table(craft_find(&p.file, CTM_SECTION_STACKS), count, 2, 0);
        struct ctm_buffer bytes = craft_close(&p.file);
        alloc_measure();
        assert_int_equal(ctm_file_decode(bytes.bytes, bytes.length, limits, &s, NULL, &error),
                         CTM_OK);
        assert_int_equal(s->tables->node_count, count);
        assert_int_equal(s->tables->stack_count, count);
        assert_true(alloc_most() < (size_t)MOST_EXPANSION * 4 * count + BEGINNINGS);
        ctm_snapshot_unref(s);
        ctm_buffer_free(&bytes);
        craft_free(&p.file);
        ctm_buffer_free(&p.bytes);
    }
}

static void limits_are_kept(void **state)
{
    struct ctm_buffer bytes = good_file(50, 40, CTM_FILE_STORED);
    struct ctm_limits limits = ctm_limits_default;
    struct ctm_file_error error;
    struct ctm_snapshot *s;
    uint64_t raw = 0;
    (void)state;

    for (size_t at = CTM_FILE_HEADER_LENGTH; at < bytes.length;
         at += CTM_SECTION_HEADER_LENGTH + CTM_SECTION_CHECKSUM_LENGTH +
               ctm_load_u64(bytes.bytes + at + 8)) {
        raw += ctm_load_u64(bytes.bytes + at + 16);
    }
    limits.file_length = bytes.length - 1;
    assert_int_equal(ctm_file_decode(bytes.bytes, bytes.length, limits, &s, NULL, &error),
                     CTM_ELIMIT);
    assert_non_null(strstr(error.text, "more than the limit of"));
    limits.file_length++;
    limits.raw_length = raw - 1;
    assert_int_equal(ctm_file_decode(bytes.bytes, bytes.length, limits, &s, NULL, &error),
                     CTM_ELIMIT);
    limits.raw_length = raw;
    assert_int_equal(ctm_file_decode(bytes.bytes, bytes.length, limits, &s, NULL, &error), CTM_OK);
    ctm_snapshot_unref(s);
    limits.expansion = UINT64_MAX;
    limits.raw_free = UINT64_MAX;
    assert_int_equal(ctm_file_decode(bytes.bytes, bytes.length, limits, &s, NULL, &error), CTM_OK);
    ctm_snapshot_unref(s);
    ctm_buffer_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_flipped_byte_is_refused),
        cmocka_unit_test(resealed_flips_do_no_harm),
        cmocka_unit_test(noise_is_refused),
        cmocka_unit_test(what_is_no_snapshot_is_named),
        cmocka_unit_test(sections_are_checked),
        cmocka_unit_test(the_end_is_checked),
        cmocka_unit_test(enormous_lengths_are_refused),
        cmocka_unit_test(tables_are_checked),
        cmocka_unit_test(info_is_checked),
        cmocka_unit_test(kind_is_checked),
        cmocka_unit_test(strings_are_checked),
        cmocka_unit_test(frames_are_checked),
        cmocka_unit_test(nodes_are_checked),
        cmocka_unit_test(stacks_are_checked),
        cmocka_unit_test(rows_are_checked),
        cmocka_unit_test(plain_data_is_checked),
        cmocka_unit_test(compressed_data_is_checked),
        cmocka_unit_test(bombs_are_bounded),
        cmocka_unit_test(memory_is_as_stated),
        cmocka_unit_test(limits_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
