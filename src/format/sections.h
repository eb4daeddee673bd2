/*
 * The sections of a file that is in memory: found, bounds and checksums checked, decompressed one
 * at a time. What is inside them is the caller's.
 */
#ifndef CTM_FORMAT_SECTIONS_H
#define CTM_FORMAT_SECTIONS_H

#include "format/file.h"
#include "format/layout.h"

struct ctm_section_place {
    bool is_present;
    uint16_t method;
    uint64_t offset;       /* in the file, of the section's header */
    const uint8_t *stored; /* borrowed from the file's bytes */
    uint64_t stored_length;
    uint64_t raw_length;
};

struct ctm_sections {
    struct ctm_section_place places[CTM_SECTION_COUNT];
    struct ctm_file_error *error; /* where the functions below say what is wrong */
};

/*
 * Find all sections and check what can be checked without decompressing: the file is whole, nothing
 * is twice, out of order, missing or unknown and required, and the limits are kept. Reserves
 * nothing. CTM_EFORMAT or CTM_ELIMIT.
 */
CTM_MUST_CHECK int ctm_sections_find(struct ctm_sections *sections, const uint8_t *bytes,
                                     size_t length, const struct ctm_limits *limits);

/*
 * The raw bytes of a section. *owned is what the caller has to free (with free): NULL where *raw
 * borrows from the file. CTM_EFORMAT or CTM_ENOMEM.
 */
CTM_MUST_CHECK int ctm_section_unpack(const struct ctm_sections *sections, enum ctm_section section,
                                      uint8_t **owned, struct ctm_cursor *raw);

/* Fill in the error of `sections`: the text is put behind the section's name and place. */
__attribute__((format(printf, 4, 5))) int ctm_section_fail(const struct ctm_sections *sections,
                                                           enum ctm_section section, int code,
                                                           const char *format, ...);

#endif
