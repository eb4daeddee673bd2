#include "format/wire.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

void ctm_buffer_free(struct ctm_buffer *b)
{
    free(b->bytes);
    *b = (struct ctm_buffer){0};
}

bool ctm_buffer_reserve(struct ctm_buffer *b, size_t more)
{
    if (b->error) {
        return false;
    }
    if (b->capacity - b->length >= more) {
        return true;
    }

    size_t capacity = b->capacity ? b->capacity : 256;
    while (capacity - b->length < more) {
        if (capacity > SIZE_MAX / 4) {
            b->error = CTM_ENOMEM;
            return false;
        }
        capacity *= 2;
    }
    uint8_t *bytes = realloc(b->bytes, capacity);
    if (bytes == NULL) {
        b->error = CTM_ENOMEM;
        return false;
    }
    b->bytes = bytes;
    b->capacity = capacity;
    return true;
}

void ctm_buffer_append(struct ctm_buffer *b, const void *bytes, size_t length)
{
    if (!ctm_buffer_reserve(b, length) || length == 0) {
        return;
    }
    memcpy(b->bytes + b->length, bytes, length);
    b->length += length;
}

void ctm_buffer_u8(struct ctm_buffer *b, uint8_t value)
{
    ctm_buffer_append(b, &value, 1);
}

void ctm_buffer_u16(struct ctm_buffer *b, uint16_t value)
{
    const uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};

    ctm_buffer_append(b, bytes, sizeof bytes);
}

void ctm_buffer_u64(struct ctm_buffer *b, uint64_t value)
{
    uint8_t bytes[8];

    ctm_store_u64(bytes, value);
    ctm_buffer_append(b, bytes, sizeof bytes);
}

uint8_t *ctm_varint_put_long(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

void ctm_buffer_varint(struct ctm_buffer *b, uint64_t value)
{
    if (ctm_buffer_reserve(b, CTM_VARINT_MAX)) {
        b->length = (size_t)(ctm_varint_put(b->bytes + b->length, value) - b->bytes);
    }
}

const uint8_t *ctm_cursor_take(struct ctm_cursor *c, uint64_t length)
{
    if (length > ctm_cursor_left(c)) {
        return NULL;
    }
    const uint8_t *bytes = c->at;
    c->at += length;
    return bytes;
}

bool ctm_cursor_varint_long(struct ctm_cursor *c, uint64_t *value)
{
    uint64_t result = 0;
    unsigned shift = 0;

    for (const uint8_t *at = c->at; at != c->end; at++, shift += 7) {
        uint8_t byte = *at;
        if (shift == 63 && byte > 1) {
            return false;
        }
        result |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            if (byte == 0 && shift != 0) {
                return false;
            }
            *value = result;
            c->at = at + 1;
            return true;
        }
    }
    return false;
}

uint16_t ctm_load_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

uint64_t ctm_load_u64(const uint8_t *bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < 8; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

void ctm_store_u64(uint8_t *bytes, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

/* The length of the one character at the front, or 0 if what stands there is none. */
static size_t character_length(const uint8_t *at, size_t left)
{
    uint32_t lead = at[0];
    if (lead < 0x80) {
        return 1;
    }

    size_t length;
    uint32_t least;
    uint32_t code;
    if ((lead & 0xe0) == 0xc0) {
        length = 2;
        least = 0x80;
        code = lead & 0x1f;
    } else if ((lead & 0xf0) == 0xe0) {
        length = 3;
        least = 0x800;
        code = lead & 0x0f;
    } else if ((lead & 0xf8) == 0xf0) {
        length = 4;
        least = 0x10000;
        code = lead & 0x07;
    } else {
        return 0;
    }
    if (left < length) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (at[i] & 0x3f);
    }
    return code >= least && code <= 0x10ffff ? length : 0;
}

bool ctm_text_is_valid(const char *bytes, size_t length)
{
    const uint8_t *at = (const uint8_t *)bytes;
    size_t left = length;

    while (left) {
        uint64_t word;
        if (left >= sizeof word) {
            memcpy(&word, at, sizeof word);
            if (!(word & UINT64_C(0x8080808080808080))) {
                at += sizeof word;
                left -= sizeof word;
                continue;
            }
        }
        size_t step = character_length(at, left);
        if (!step) {
            return false;
        }
        at += step;
        left -= step;
    }
    return true;
}

uint64_t ctm_checksum(const void *bytes, size_t length)
{
    return XXH64(bytes, length, 0);
}
