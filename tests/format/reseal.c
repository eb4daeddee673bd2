#include "reseal.h"

#include <string.h>

#include "format/layout.h"
#include "format/wire.h"

/* Envelope around the stored bytes of a section. */
enum { ENVELOPE = CTM_SECTION_HEADER_LENGTH + CTM_SECTION_CHECKSUM_LENGTH };

void reseal(uint8_t *bytes, size_t length)
{
    size_t at = CTM_FILE_HEADER_LENGTH;
    uint64_t count = 0;

    if (length < CTM_FILE_HEADER_LENGTH) {
        return;
    }
    ctm_store_u64(bytes + CTM_FILE_HEADER_CHECKED, ctm_checksum(bytes, CTM_FILE_HEADER_CHECKED));
    while (length - at >= ENVELOPE) {
        uint64_t stored = ctm_load_u64(bytes + at + 8);
        if (stored > length - at - ENVELOPE) {
            return;
        }
        size_t checked = CTM_SECTION_HEADER_LENGTH + (size_t)stored;
        bool is_end = memcmp(bytes + at, ctm_section_types[CTM_SECTION_END], 4) == 0;
        count++;
        if (is_end && stored == CTM_END_LENGTH) {
            ctm_store_u64(bytes + at + CTM_SECTION_HEADER_LENGTH, count);
            ctm_store_u64(bytes + at + CTM_SECTION_HEADER_LENGTH + 8, at + ENVELOPE + stored);
        }
        ctm_store_u64(bytes + at + checked, ctm_checksum(bytes + at, checked));
        at += ENVELOPE + (size_t)stored;
    }
}
