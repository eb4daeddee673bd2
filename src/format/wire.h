/*
 * The smallest pieces of the file format: varints, zigzag, fixed little-endian integers, a growing
 * buffer to write into and a bounded cursor to read from. The byte order of the machine never
 * shows.
 */
#ifndef CTM_FORMAT_WIRE_H
#define CTM_FORMAT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Most bytes of one varint: 64 bits in groups of 7. */
#define CTM_VARINT_MAX 10

/*
 * Bytes that grow at their end. A failed reservation is remembered in `error` and turns every later
 * write into nothing, so that a run of writes is checked once, at its end. All zero is an empty
 * buffer. After an error `bytes` and `length` are what was complete before it.
 */
struct ctm_buffer {
    uint8_t *bytes; /* owned, from malloc; free with ctm_buffer_free */
    size_t length;
    size_t capacity;
    int error; /* CTM_OK, CTM_ENOMEM, or what a writer on top of it found wrong */
};

void ctm_buffer_free(struct ctm_buffer *b);

/* Room for `more` further bytes; false, and the error set, if there is none or was an error. */
bool ctm_buffer_reserve(struct ctm_buffer *b, size_t more);

void ctm_buffer_append(struct ctm_buffer *b, const void *bytes, size_t length);
void ctm_buffer_u8(struct ctm_buffer *b, uint8_t value);
void ctm_buffer_u16(struct ctm_buffer *b, uint16_t value);
void ctm_buffer_u64(struct ctm_buffer *b, uint64_t value);

uint8_t *ctm_varint_put_long(uint8_t *at, uint64_t value);

/*
 * LEB128: 7 bits a byte, lowest first, the top bit set on all but the last byte. Returns the end;
 * CTM_VARINT_MAX bytes from `at` on may be overwritten. Two to four bytes are written without a
 * branch on their number, which nothing could predict.
 */
static inline uint8_t *ctm_varint_put(uint8_t *at, uint64_t value)
{
    if (value < 0x80) {
        *at = (uint8_t)value;
        return at + 1;
    }
    if (CTM_UNLIKELY(value >> 28 != 0)) {
        return ctm_varint_put_long(at, value);
    }
    uint32_t v = (uint32_t)value;
    uint32_t third = v >= 1u << 14;
    uint32_t fourth = v >= 1u << 21;
    at[0] = (uint8_t)(v | 0x80);
    at[1] = (uint8_t)((v >> 7 & 0x7f) | third << 7);
    at[2] = (uint8_t)((v >> 14 & 0x7f) | fourth << 7);
    at[3] = (uint8_t)(v >> 21);
    return at + 2 + third + fourth;
}

void ctm_buffer_varint(struct ctm_buffer *b, uint64_t value);

/*
 * The step from `before` to `now`, modulo 2^64, as zigzag: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
 * Every pair has exactly one step, and ctm_step_apply takes it back.
 */
static inline uint64_t ctm_step(uint64_t before, uint64_t now)
{
    uint64_t delta = now - before;
    return (delta << 1) ^ (uint64_t) - (int64_t)(delta >> 63);
}

static inline uint64_t ctm_step_apply(uint64_t before, uint64_t step)
{
    return before + ((step >> 1) ^ (uint64_t) - (int64_t)(step & 1));
}

/* A part of memory that is read from its front. Borrowed; nothing is read at or past `end`. */
struct ctm_cursor {
    const uint8_t *at;
    const uint8_t *end;
};

/* `bytes` may be NULL where `length` is 0. */
static inline struct ctm_cursor ctm_cursor_over(const uint8_t *bytes, size_t length)
{
    return (struct ctm_cursor){bytes, length ? bytes + length : bytes};
}

static inline size_t ctm_cursor_left(const struct ctm_cursor *c)
{
    return (size_t)(c->end - c->at);
}

/* The next `length` bytes, or NULL, and nothing taken, if fewer are left. */
const uint8_t *ctm_cursor_take(struct ctm_cursor *c, uint64_t length);

bool ctm_cursor_varint_long(struct ctm_cursor *c, uint64_t *value);

/*
 * False, with nothing taken, if the bytes end inside the varint, its value needs more than 64 bits,
 * or it is longer than it has to be: a value has one encoding.
 */
static inline bool ctm_cursor_varint(struct ctm_cursor *c, uint64_t *value)
{
    if (CTM_LIKELY(c->at != c->end) && CTM_LIKELY(*c->at < 0x80)) {
        *value = *c->at++;
        return true;
    }
    return ctm_cursor_varint_long(c, value);
}

/* Fixed integers, little-endian; the caller has checked that the bytes are there. */
uint16_t ctm_load_u16(const uint8_t *bytes);
uint64_t ctm_load_u64(const uint8_t *bytes);
void ctm_store_u64(uint8_t *bytes, uint64_t value);

/*
 * Whether the bytes are generalized UTF-8: UTF-8 in which surrogates, paired or not, may stand as
 * three bytes each. Overlong forms and values over U+10FFFF are not. NULs are allowed.
 */
bool ctm_text_is_valid(const char *bytes, size_t length);

/*
 * The checksum of the format: XXH64 with seed 0. `bytes` is not NULL, even where there are none.
 */
__attribute__((nonnull)) uint64_t ctm_checksum(const void *bytes, size_t length);

#endif
