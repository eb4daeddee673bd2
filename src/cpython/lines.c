#include "cpython/lines.h"

#include <stdbool.h>

enum {
    CODE_UNIT = 2,      /* bytes */
    FORM_ONE_LINE = 10, /* 10, 11, 12: the line delta is the form less 10 */
    FORM_NO_COLUMNS = 13,
    FORM_LONG = 14,
    FORM_NONE = 15,   /* no location */
    ENTRY_MARK = 128, /* in an entry's first byte alone */
};

struct reader {
    const uint8_t *at;
    const uint8_t *end;
};

/* Six bits a byte, least first; bit 6 says that another byte follows. */
static uint32_t read_varint(struct reader *reader)
{
    uint32_t value = 0;
    for (unsigned shift = 0; reader->at < reader->end; shift += 6) {
        uint8_t byte = *reader->at++;
        if (shift < 32) {
            value |= (uint32_t)(byte & 63) << shift;
        }
        if ((byte & 64) == 0) {
            break;
        }
    }
    return value;
}

/* The lowest bit is the sign. */
static int32_t read_signed_varint(struct reader *reader)
{
    uint32_t value = read_varint(reader);
    return (value & 1) != 0 ? -(int32_t)(value >> 1) : (int32_t)(value >> 1);
}

/* What of the line an entry changes; the reader stands behind its first byte. */
static int32_t read_line_delta(struct reader reader, unsigned form)
{
    switch (form) {
    case FORM_LONG:
    case FORM_NO_COLUMNS:
        return read_signed_varint(&reader);
    case FORM_ONE_LINE:
    case FORM_ONE_LINE + 1:
    case FORM_ONE_LINE + 2:
        return (int32_t)form - FORM_ONE_LINE;
    default: /* short forms, or none */
        return 0;
    }
}

/* The interpreter looks for the mark alone: what a broken table has before it belongs to the last
 * entry, and an entry may end in the midst of what it should have. */
static struct reader next_entry(struct reader reader)
{
    while (reader.at < reader.end && (*reader.at & ENTRY_MARK) == 0) {
        reader.at++;
    }
    return reader;
}

uint32_t ctm_line_find_hook(const uint8_t *table, size_t length, int32_t first_line,
                            uint32_t offset, struct ctm_line_cursor *cursor)
{
    if (offset < cursor->offset) {
        *cursor = (struct ctm_line_cursor){.line = first_line};
    }
    struct reader reader = {table + cursor->entry, table + length};
    while (reader.at < reader.end) {
        uint32_t entry = (uint32_t)(reader.at - table);
        uint8_t first = *reader.at++;
        unsigned form = (first >> 3) & 15;
        uint32_t bytes = ((first & 7u) + 1) * CODE_UNIT;
        /* Wrap rather than overflow: a broken table may say anything. */
        int32_t line = (int32_t)((uint32_t)cursor->line + (uint32_t)read_line_delta(reader, form));
        if (offset < cursor->offset + bytes) {
            cursor->entry = entry;
            bool none = (first & ~7u) == (ENTRY_MARK | FORM_NONE << 3);
            return none || line < 0 ? 0 : (uint32_t)line;
        }
        reader = next_entry(reader);
        cursor->entry = (uint32_t)(reader.at - table);
        cursor->offset += bytes;
        cursor->line = line;
    }
    return 0;
}
