/*
 * What stands in the sections, without the envelope that a fuzzer would have to keep in order: the
 * input is, for each section up to the END, a u16 with the length of its bytes, then the bytes. The
 * top bit of the length says that they are a zstd frame.
 */
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "format/layout.h"
#include "fuzz.h"
#include "reseal.h"

static void put_section(struct ctm_buffer *file, enum ctm_section section, uint16_t method,
                        const uint8_t *bytes, size_t length)
{
    uint64_t raw_length =
        method == CTM_METHOD_ZSTD ? ZSTD_getFrameContentSize(bytes, length) : length;

    ctm_buffer_append(file, ctm_section_types[section], CTM_SECTION_TYPE_LENGTH);
    ctm_buffer_u16(file, CTM_SECTION_REQUIRED);
    ctm_buffer_u16(file, method);
    ctm_buffer_u64(file, length);
    ctm_buffer_u64(file, raw_length);
    ctm_buffer_append(file, bytes, length);
    ctm_buffer_u64(file, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static const uint8_t end[CTM_END_LENGTH] = {0};
    struct ctm_buffer file = {0};

    ctm_buffer_append(&file, CTM_MAGIC, CTM_MAGIC_LENGTH);
    ctm_buffer_u16(&file, CTM_FORMAT_MAJOR);
    ctm_buffer_u16(&file, CTM_FORMAT_MINOR);
    ctm_buffer_append(&file, end, CTM_FILE_HEADER_LENGTH - CTM_MAGIC_LENGTH - 4);
    for (enum ctm_section section = CTM_SECTION_INFO; section < CTM_SECTION_END; section++) {
        size_t wanted = length >= 2 ? ctm_load_u16(bytes) : 0;
        size_t step = length >= 2 ? 2 : length;
        uint16_t method = wanted & 0x8000 ? CTM_METHOD_ZSTD : CTM_METHOD_STORED;
        bytes += step;
        length -= step;
        wanted &= 0x7fff;
        wanted = wanted < length ? wanted : length;
        bool may_miss = ctm_section_may_miss(section);
        if (wanted != 0 || !may_miss) {
            put_section(&file, section, method, bytes, wanted);
        }
        bytes += wanted;
        length -= wanted;
    }
    put_section(&file, CTM_SECTION_END, CTM_METHOD_STORED, end, sizeof end);
    if (file.error) {
        abort();
    }
    reseal(file.bytes, file.length);
    fuzz_check_file(file.bytes, file.length);
    ctm_buffer_free(&file);
    return 0;
}
