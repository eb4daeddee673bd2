#include "format/sections.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

/* The file while its sections are found. */
struct scan {
    const uint8_t *bytes;
    uint64_t length;
    uint64_t at;            /* header of the section in question */
    uint64_t section_count; /* up to and with it */
    uint64_t raw_left;      /* what the limits still allow */
    enum ctm_section next;  /* the first that may still come */
};

int ctm_section_fail(const struct ctm_sections *sections, enum ctm_section section, int code,
                     const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    ctm_file_fail_in(sections->error, code, ctm_section_types[section],
                     sections->places[section].offset, format, arguments);
    va_end(arguments);
    return code;
}

bool ctm_file_is_one(const uint8_t *bytes, size_t length)
{
    return length >= CTM_MAGIC_LENGTH && memcmp(bytes, CTM_MAGIC, CTM_MAGIC_LENGTH) == 0;
}

static int check_header(const struct scan *scan, struct ctm_file_error *error)
{
    const uint8_t *bytes = scan->bytes;

    if (scan->length == 0) {
        return ctm_file_fail(error, CTM_EFORMAT, 0, "the file is empty");
    }
    if (!ctm_file_is_one(bytes, scan->length)) {
        return ctm_file_fail(error, CTM_EFORMAT, 0,
                             "not a snapshot file: it does not begin with the magic bytes of one");
    }
    if (scan->length < CTM_FILE_HEADER_LENGTH) {
        return ctm_file_fail(error, CTM_EFORMAT, scan->length,
                             "the file is cut off inside its header, after byte %" PRIu64,
                             scan->length);
    }

    unsigned major = ctm_load_u16(bytes + CTM_MAGIC_LENGTH);
    unsigned minor = ctm_load_u16(bytes + CTM_MAGIC_LENGTH + 2);
    if (major != CTM_FORMAT_MAJOR) {
        return ctm_file_fail(error, CTM_EFORMAT, CTM_MAGIC_LENGTH,
                             "the file is of format version %u.%u, which is not readable here: "
                             "the versions that are begin with %d",
                             major, minor, CTM_FORMAT_MAJOR);
    }
    if (ctm_load_u64(bytes + CTM_FILE_HEADER_CHECKED) !=
        ctm_checksum(bytes, CTM_FILE_HEADER_CHECKED)) {
        return ctm_file_fail(error, CTM_EFORMAT, 0,
                             "the file's header is damaged: its checksum does not match");
    }
    return CTM_OK;
}

/* The type as text: what is not printable becomes a question mark. */
static void name_type(const uint8_t *type, char name[CTM_SECTION_TYPE_LENGTH + 1])
{
    for (unsigned i = 0; i < CTM_SECTION_TYPE_LENGTH; i++) {
        name[i] = type[i] >= ' ' && type[i] <= '~' ? (char)type[i] : '?';
    }
    name[CTM_SECTION_TYPE_LENGTH] = '\0';
}

/* Read the header at scan->at, and see that the section is whole and undamaged. */
static int check_envelope(const struct scan *scan, struct ctm_section_place *place,
                          struct ctm_file_error *error)
{
    const uint8_t *header = scan->bytes + scan->at;
    uint64_t left = scan->length - scan->at;
    char name[CTM_SECTION_TYPE_LENGTH + 1];

    if (left < CTM_SECTION_HEADER_LENGTH + CTM_SECTION_CHECKSUM_LENGTH) {
        return ctm_file_fail(error, CTM_EFORMAT, scan->at,
                             "the file is cut off after byte %" PRIu64 ", where a section begins "
                             "at byte %" PRIu64,
                             scan->length, scan->at);
    }
    name_type(header, name);
    *place = (struct ctm_section_place){
        .is_present = true,
        .method = ctm_load_u16(header + 6),
        .offset = scan->at,
        .stored = header + CTM_SECTION_HEADER_LENGTH,
        .stored_length = ctm_load_u64(header + 8),
        .raw_length = ctm_load_u64(header + 16),
    };
    left -= CTM_SECTION_HEADER_LENGTH + CTM_SECTION_CHECKSUM_LENGTH;
    if (place->stored_length > left) {
        return ctm_file_fail(error, CTM_EFORMAT, scan->at,
                             "section %s at byte %" PRIu64 ": it has %" PRIu64
                             " bytes, but only %" PRIu64
                             " are left: the file is cut off or damaged",
                             name, scan->at, place->stored_length, left);
    }
    size_t checked = CTM_SECTION_HEADER_LENGTH + (size_t)place->stored_length;
    if (ctm_load_u64(header + checked) != ctm_checksum(header, checked)) {
        return ctm_file_fail(error, CTM_EFORMAT, scan->at,
                             "section %s at byte %" PRIu64
                             " is damaged: its checksum does not match",
                             name, scan->at);
    }
    return CTM_OK;
}

/* The section of a type, or CTM_SECTION_COUNT for an unknown one. */
static enum ctm_section section_of(const uint8_t *type)
{
    enum ctm_section section = CTM_SECTION_INFO;

    while (section < CTM_SECTION_COUNT &&
           memcmp(type, ctm_section_types[section], CTM_SECTION_TYPE_LENGTH) != 0) {
        section++;
    }
    return section;
}

static int check_raw_length(struct ctm_sections *sections, enum ctm_section section,
                            struct scan *scan)
{
    const struct ctm_section_place *place = &sections->places[section];

    if (place->method != CTM_METHOD_STORED && place->method != CTM_METHOD_ZSTD) {
        return ctm_section_fail(sections, section, CTM_EFORMAT,
                                "it is compressed by the unknown method %u", place->method);
    }
    if (place->method == CTM_METHOD_STORED && place->stored_length != place->raw_length) {
        return ctm_section_fail(sections, section, CTM_EFORMAT,
                                "it is not compressed, but its two lengths differ");
    }
    if (place->raw_length > scan->raw_left) {
        return ctm_section_fail(sections, section, CTM_ELIMIT,
                                "it would have %" PRIu64 " bytes when decompressed; the limits for "
                                "this file leave %" PRIu64,
                                place->raw_length, scan->raw_left);
    }
    scan->raw_left -= place->raw_length;
    return CTM_OK;
}

/* Enter a section of a known type whose envelope is in order. */
static int enter_section(struct ctm_sections *sections, enum ctm_section section, unsigned flags,
                         const struct ctm_section_place *place, struct scan *scan)
{
    bool is_second = sections->places[section].is_present;

    sections->places[section] = *place;
    if (is_second) {
        return ctm_section_fail(sections, section, CTM_EFORMAT, "it is there twice");
    }
    if (section < scan->next) {
        return ctm_section_fail(sections, section, CTM_EFORMAT, "it stands behind section %s",
                                ctm_section_types[scan->next - 1]);
    }
    if (flags & ~CTM_SECTION_REQUIRED) {
        return ctm_section_fail(sections, section, CTM_EFORMAT, "it has unknown flags, %#x", flags);
    }
    scan->next = section + 1;
    return check_raw_length(sections, section, scan);
}

static int check_end(const struct ctm_sections *sections, const struct scan *scan)
{
    const struct ctm_section_place *end = &sections->places[CTM_SECTION_END];
    uint64_t end_offset = scan->at;

    if (end->method != CTM_METHOD_STORED || end->stored_length != CTM_END_LENGTH) {
        return ctm_section_fail(sections, CTM_SECTION_END, CTM_EFORMAT,
                                "it does not have its %d bytes", CTM_END_LENGTH);
    }
    if (ctm_load_u64(end->stored) != scan->section_count) {
        return ctm_section_fail(sections, CTM_SECTION_END, CTM_EFORMAT,
                                "it counts %" PRIu64 " sections, but there are %" PRIu64,
                                ctm_load_u64(end->stored), scan->section_count);
    }
    if (ctm_load_u64(end->stored + 8) != end_offset) {
        return ctm_section_fail(sections, CTM_SECTION_END, CTM_EFORMAT,
                                "it says that the file has %" PRIu64
                                " bytes, but it ends at %" PRIu64,
                                ctm_load_u64(end->stored + 8), end_offset);
    }
    if (scan->length != end_offset) {
        return ctm_section_fail(sections, CTM_SECTION_END, CTM_EFORMAT,
                                "%" PRIu64 " bytes follow the end of the file's last section",
                                scan->length - end_offset);
    }
    for (enum ctm_section section = CTM_SECTION_INFO; section < CTM_SECTION_COUNT; section++) {
        if (!ctm_section_may_miss(section) && !sections->places[section].is_present) {
            return ctm_file_fail(sections->error, CTM_EFORMAT, end->offset, "section %s is missing",
                                 ctm_section_types[section]);
        }
    }
    return CTM_OK;
}

static int find_sections(struct ctm_sections *sections, struct scan *scan)
{
    int result;

    while (scan->next != CTM_SECTION_COUNT) {
        const uint8_t *header = scan->bytes + scan->at;
        struct ctm_section_place place = {.is_present = false};

        result = check_envelope(scan, &place, sections->error);
        if (result) {
            return result;
        }
        enum ctm_section section = section_of(header);
        unsigned flags = ctm_load_u16(header + 4);
        scan->section_count++;
        if (section != CTM_SECTION_COUNT) {
            result = enter_section(sections, section, flags, &place, scan);
        } else if (flags & CTM_SECTION_REQUIRED) {
            char name[CTM_SECTION_TYPE_LENGTH + 1];
            name_type(header, name);
            result = ctm_file_fail(sections->error, CTM_EFORMAT, scan->at,
                                   "section %s at byte %" PRIu64 ": it is unknown here, and "
                                   "required: a newer version has written the file",
                                   name, scan->at);
        }
        if (result) {
            return result;
        }
        scan->at += CTM_SECTION_HEADER_LENGTH + place.stored_length + CTM_SECTION_CHECKSUM_LENGTH;
    }
    return CTM_OK;
}

int ctm_sections_find(struct ctm_sections *sections, const uint8_t *bytes, size_t length,
                      const struct ctm_limits *limits)
{
    struct scan scan = {
        .bytes = bytes,
        .length = length,
        .at = CTM_FILE_HEADER_LENGTH,
        .raw_left = ctm_limits_raw(limits, length),
        .next = CTM_SECTION_INFO,
    };
    int result;

    memset(sections->places, 0, sizeof sections->places);
    if (length > limits->file_length) {
        return ctm_file_fail(sections->error, CTM_ELIMIT, 0,
                             "the file has %zu bytes, more than the limit of %" PRIu64, length,
                             limits->file_length);
    }
    result = check_header(&scan, sections->error);
    if (!result) {
        result = find_sections(sections, &scan);
    }
    if (!result) {
        result = check_end(sections, &scan);
    }
    return result;
}

int ctm_section_unpack(const struct ctm_sections *sections, enum ctm_section section,
                       uint8_t **owned, struct ctm_cursor *raw)
{
    const struct ctm_section_place *place = &sections->places[section];
    size_t stored_length = (size_t)place->stored_length;
    size_t raw_length = (size_t)place->raw_length;

    *owned = NULL;
    if (place->method == CTM_METHOD_STORED) {
        *raw = ctm_cursor_over(place->stored, stored_length);
        return CTM_OK;
    }
    if (ZSTD_getFrameContentSize(place->stored, stored_length) != place->raw_length) {
        return ctm_section_fail(sections, section, CTM_EFORMAT,
                                "its compressed data is not a frame of the length it should have");
    }
    if (ZSTD_findFrameCompressedSize(place->stored, stored_length) != stored_length) {
        return ctm_section_fail(sections, section, CTM_EFORMAT,
                                "its compressed data is not exactly one frame");
    }
    ZSTD_DCtx *zstd = ZSTD_createDCtx();
    uint8_t *bytes = malloc(raw_length ? raw_length : 1);
    int result = CTM_OK;
    if (zstd == NULL || bytes == NULL) {
        result = ctm_section_fail(sections, section, CTM_ENOMEM, "no memory for its %zu bytes",
                                  raw_length);
        goto out;
    }
    size_t got = ZSTD_decompressDCtx(zstd, bytes, raw_length, place->stored, stored_length);
    if (got != raw_length) {
        result =
            ctm_section_fail(sections, section, CTM_EFORMAT, "its compressed data is broken: %s",
                             ZSTD_isError(got) ? ZSTD_getErrorName(got) : "it is too short");
        goto out;
    }
    *raw = ctm_cursor_over(bytes, raw_length);
    *owned = bytes;
    bytes = NULL;
out:
    free(bytes);
    ZSTD_freeDCtx(zstd);
    return result;
}
