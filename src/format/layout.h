/* The numbers of the file format that its writer and its reader share. FORMAT.md says the rest. */
#ifndef CTM_FORMAT_LAYOUT_H
#define CTM_FORMAT_LAYOUT_H

#include <stdbool.h>

#include "snapshot/snapshot.h"

/* A byte over 127, then CR LF, ^Z and LF: a transfer as text, or seven bits, does not leave it
 * whole. */
#define CTM_MAGIC                                                                                  \
    "\x89"                                                                                         \
    "CTM\r\n\x1a\n"
#define CTM_MAGIC_LENGTH 8

#define CTM_FORMAT_MAJOR 1
#define CTM_FORMAT_MINOR 0

/* Header of the file: magic, u16 major, u16 minor, u32 zero, u64 checksum of all before it. */
#define CTM_FILE_HEADER_LENGTH 24
#define CTM_FILE_HEADER_CHECKED 16

/*
 * A section: 4 bytes type, u16 flags, u16 method, u64 stored length, u64 raw length; the stored
 * bytes; u64 checksum of all before it in this section.
 */
#define CTM_SECTION_HEADER_LENGTH 24
#define CTM_SECTION_CHECKSUM_LENGTH 8
#define CTM_SECTION_TYPE_LENGTH 4

#define CTM_SECTION_REQUIRED 1u /* flag: who does not know the type cannot read the file */

enum ctm_method {
    CTM_METHOD_STORED = 0,
    CTM_METHOD_ZSTD = 1,
};

/* The sections in the order in which they stand. */
enum ctm_section {
    CTM_SECTION_INFO,
    CTM_SECTION_KIND,
    CTM_SECTION_ABOUT,
    CTM_SECTION_ATTRIBUTES,
    CTM_SECTION_STRINGS,
    CTM_SECTION_FRAMES,
    CTM_SECTION_NODES,
    CTM_SECTION_STACKS,
    CTM_SECTION_ROWS,
    CTM_SECTION_END,
    CTM_SECTION_COUNT,
};

/* Whether a file may do without the section. */
static inline bool ctm_section_may_miss(enum ctm_section section)
{
    return section == CTM_SECTION_KIND || section == CTM_SECTION_ABOUT ||
           section == CTM_SECTION_ATTRIBUTES;
}

/* The type as it stands in the file, by enum ctm_section. */
extern const char ctm_section_types[CTM_SECTION_COUNT][CTM_SECTION_TYPE_LENGTH + 1];

/* The END section's bytes: u64 number of sections, itself included, u64 length of the file. */
#define CTM_END_LENGTH 16

/* Columns of each table. */
enum {
    CTM_INFO_COLUMNS = 8,
    CTM_KIND_COLUMNS = 1,
    CTM_STRING_COLUMNS = 1,
    CTM_FRAME_COLUMNS = 3,
    CTM_NODE_COLUMNS = 2,
    CTM_STACK_COLUMNS = 2,
    CTM_ROW_COLUMNS = 4,
};

/* What a file's rows add up to: less than 2^63, so that no reader's sums overflow. */
struct ctm_row_totals {
    int64_t bytes;
    int64_t blocks;
};

/* False where a total would reach 2^63. */
static inline bool ctm_row_totals_add(struct ctm_row_totals *totals, const struct ctm_row *row)
{
    int64_t bytes;

    return !__builtin_mul_overflow(row->size, row->count, &bytes) &&
           !__builtin_add_overflow(totals->bytes, bytes, &totals->bytes) &&
           !__builtin_add_overflow(totals->blocks, row->count, &totals->blocks);
}

#endif
