/* Files put together, or changed, by hand: what the writer would never write. */
#ifndef TESTS_FORMAT_CRAFT_H
#define TESTS_FORMAT_CRAFT_H

#include "format/layout.h"
#include "format/wire.h"

/* A section as it stands in a file. */
struct craft_section {
    char type[CTM_SECTION_TYPE_LENGTH + 1];
    uint16_t flags;
    uint16_t method;
    uint64_t raw_length;
    struct ctm_buffer stored;
};

enum { CRAFT_MOST_SECTIONS = 16 };

struct craft_file {
    uint16_t major;
    uint16_t minor;
    size_t section_count;
    struct craft_section sections[CRAFT_MOST_SECTIONS]; /* without the END section */
};

/* Take a good file apart; the caller frees the parts with craft_free. */
struct craft_file craft_open(const struct ctm_buffer *bytes);

/* Put it together again, with checksums and an END section that are right. */
struct ctm_buffer craft_close(const struct craft_file *file);

void craft_free(struct craft_file *file);

/* The section of a type, which must be there. */
struct craft_section *craft_find(struct craft_file *file, enum ctm_section section);

/* Let a section hold these bytes, uncompressed. */
void craft_store(struct craft_section *section, const void *bytes, size_t length);

/* Let a section hold these bytes in one zstd frame. */
void craft_compress(struct craft_section *section, const void *bytes, size_t length);

/* Put a new, empty, uncompressed section at a place among the others. */
struct craft_section *craft_insert(struct craft_file *file, size_t place, const char *type,
                                   uint16_t flags);

#endif
