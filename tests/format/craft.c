#include "craft.h"

#include <string.h>
#include <zstd.h>

#include "reseal.h"
#include "unit.h"

/* Envelope around the stored bytes of a section. */
enum { ENVELOPE = CTM_SECTION_HEADER_LENGTH + CTM_SECTION_CHECKSUM_LENGTH };

struct craft_file craft_open(const struct ctm_buffer *bytes)
{
    struct craft_file file = {
        .major = ctm_load_u16(bytes->bytes + CTM_MAGIC_LENGTH),
        .minor = ctm_load_u16(bytes->bytes + CTM_MAGIC_LENGTH + 2),
    };
    size_t at = CTM_FILE_HEADER_LENGTH;

    while (memcmp(bytes->bytes + at, ctm_section_types[CTM_SECTION_END], 4) != 0) {
        const uint8_t *header = bytes->bytes + at;
        struct craft_section *section = &file.sections[file.section_count++];
        assert_true(file.section_count <= CRAFT_MOST_SECTIONS);
        memcpy(section->type, header, CTM_SECTION_TYPE_LENGTH);
        section->flags = ctm_load_u16(header + 4);
        section->method = ctm_load_u16(header + 6);
        section->raw_length = ctm_load_u64(header + 16);
        size_t stored = ctm_load_u64(header + 8);
        ctm_buffer_append(&section->stored, header + CTM_SECTION_HEADER_LENGTH, stored);
        at += ENVELOPE + stored;
    }
    return file;
}

static void put_section(struct ctm_buffer *out, const struct craft_section *section)
{
    ctm_buffer_append(out, section->type, CTM_SECTION_TYPE_LENGTH);
    ctm_buffer_u16(out, section->flags);
    ctm_buffer_u16(out, section->method);
    ctm_buffer_u64(out, section->stored.length);
    ctm_buffer_u64(out, section->raw_length);
    ctm_buffer_append(out, section->stored.bytes, section->stored.length);
    ctm_buffer_u64(out, 0);
}

struct ctm_buffer craft_close(const struct craft_file *file)
{
    struct ctm_buffer out = {0};
    struct craft_section end = {.flags = CTM_SECTION_REQUIRED, .raw_length = CTM_END_LENGTH};

    ctm_buffer_append(&out, CTM_MAGIC, CTM_MAGIC_LENGTH);
    ctm_buffer_u16(&out, file->major);
    ctm_buffer_u16(&out, file->minor);
    ctm_buffer_append(&out, "\0\0\0\0\0\0\0\0\0\0\0", 12);
    for (size_t i = 0; i < file->section_count; i++) {
        put_section(&out, &file->sections[i]);
    }
    memcpy(end.type, ctm_section_types[CTM_SECTION_END], CTM_SECTION_TYPE_LENGTH);
    ctm_buffer_u64(&end.stored, file->section_count + 1);
    ctm_buffer_u64(&end.stored, out.length + ENVELOPE + CTM_END_LENGTH);
    put_section(&out, &end);
    ctm_buffer_free(&end.stored);
    assert_int_equal(out.error, CTM_OK);
    reseal(out.bytes, out.length);
    return out;
}

void craft_free(struct craft_file *file)
{
    for (size_t i = 0; i < file->section_count; i++) {
        ctm_buffer_free(&file->sections[i].stored);
    }
}

struct craft_section *craft_find(struct craft_file *file, enum ctm_section section)
{
    size_t i = 0;

    while (memcmp(file->sections[i].type, ctm_section_types[section], 4) != 0) {
        assert_true(++i < file->section_count);
    }
    return &file->sections[i];
}

void craft_store(struct craft_section *section, const void *bytes, size_t length)
{
    section->method = CTM_METHOD_STORED;
    section->raw_length = length;
    section->stored.length = 0;
    ctm_buffer_append(&section->stored, bytes, length);
}

void craft_compress(struct craft_section *section, const void *bytes, size_t length)
{
    section->method = CTM_METHOD_ZSTD;
    section->raw_length = length;
    section->stored.length = 0;
    assert_true(ctm_buffer_reserve(&section->stored, ZSTD_compressBound(length)));
    size_t got = ZSTD_compress(section->stored.bytes, section->stored.capacity, bytes, length, 1);
    assert_false(ZSTD_isError(got));
    section->stored.length = got;
}

struct craft_section *craft_insert(struct craft_file *file, size_t place, const char *type,
                                   uint16_t flags)
{
    struct craft_section *section = &file->sections[place];

    assert_true(file->section_count < CRAFT_MOST_SECTIONS);
    memmove(section + 1, section, (file->section_count - place) * sizeof *section);
    file->section_count++;
    *section = (struct craft_section){.flags = flags};
    memcpy(section->type, type, CTM_SECTION_TYPE_LENGTH);
    return section;
}
