/* clang-format off */
/*
 * Plain data as bytes: None, bool, int of any size, float, text, bytes, list, tuple, dict.
 *
 * A value is one tag byte and what the tag says:
 *
 *     N F T    nothing: None, False, True
 *     i        varint length; two's complement, lowest byte first, no byte too many: 0 has none
 *     f        8 bytes: IEEE 754 binary64, little-endian
 *     s        varint length; generalized UTF-8
 *     b        varint length; the bytes
 *     l t      varint count; as many values
 *     d        varint count; as many pairs of key and value
 *
 * Writing and reading go value by value, without recursion and without knowing any Python: the
 * caller follows the nesting by the counts that it wrote or was given.
 */
/* clang-format on */
#ifndef CTM_FORMAT_PLAIN_H
#define CTM_FORMAT_PLAIN_H

#include "format/wire.h"

/* Most lists, tuples and dicts inside each other. */
#define CTM_PLAIN_DEPTH 100

enum ctm_plain_kind {
    CTM_PLAIN_NONE = 'N',
    CTM_PLAIN_FALSE = 'F',
    CTM_PLAIN_TRUE = 'T',
    CTM_PLAIN_INT = 'i',
    CTM_PLAIN_FLOAT = 'f',
    CTM_PLAIN_TEXT = 's',
    CTM_PLAIN_BYTES = 'b',
    CTM_PLAIN_LIST = 'l',
    CTM_PLAIN_TUPLE = 't',
    CTM_PLAIN_DICT = 'd',
};

/*
 * Writing. Errors stay in the buffer. Of a list or tuple, `count` values must follow; of a dict
 * `count` pairs, each key hashable (no list, no dict, no tuple that holds one) and only once.
 */
void ctm_plain_put_none(struct ctm_buffer *b);
void ctm_plain_put_bool(struct ctm_buffer *b, bool value);
void ctm_plain_put_int64(struct ctm_buffer *b, int64_t value);
/* Two's complement, lowest byte first; needless bytes at the high end are left out. */
void ctm_plain_put_int(struct ctm_buffer *b, const uint8_t *bytes, size_t length);
void ctm_plain_put_float(struct ctm_buffer *b, double value);
void ctm_plain_put_text(struct ctm_buffer *b, const char *bytes, size_t length);
void ctm_plain_put_bytes(struct ctm_buffer *b, const void *bytes, size_t length);
void ctm_plain_put_list(struct ctm_buffer *b, uint64_t count);
void ctm_plain_put_tuple(struct ctm_buffer *b, uint64_t count);
void ctm_plain_put_dict(struct ctm_buffer *b, uint64_t count);

/* One step of reading. What it points to is borrowed from the bytes that are read. */
struct ctm_plain_item {
    enum ctm_plain_kind kind;
    uint64_t count;       /* LIST, TUPLE: values that follow; DICT: pairs that follow */
    const uint8_t *bytes; /* INT, TEXT, BYTES; never NULL there */
    size_t length;
    double number; /* FLOAT */
};

/*
 * Read the next item. Returns NULL, or what is wrong: a text that lives forever; the cursor then
 * stands at the item. A count was checked against the bytes that are left: it may be reserved for.
 */
CTM_MUST_CHECK const char *ctm_plain_next(struct ctm_cursor *c, struct ctm_plain_item *item);

/*
 * Check that the bytes are exactly one value, nested no deeper than CTM_PLAIN_DEPTH, with hashable
 * keys. Returns NULL, or what is wrong, and in *offset where. Equal keys are not looked for.
 */
CTM_MUST_CHECK const char *ctm_plain_check(const uint8_t *bytes, size_t length, size_t *offset);

/* The same, and the value must be a dict whose own keys are all text. */
CTM_MUST_CHECK const char *ctm_plain_check_dict(const uint8_t *bytes, size_t length,
                                                size_t *offset);

#endif
