#include "format/plain.h"

#include <string.h>

void ctm_plain_put_none(struct ctm_buffer *b)
{
    ctm_buffer_u8(b, CTM_PLAIN_NONE);
}

void ctm_plain_put_bool(struct ctm_buffer *b, bool value)
{
    ctm_buffer_u8(b, value ? CTM_PLAIN_TRUE : CTM_PLAIN_FALSE);
}

static void put_sized(struct ctm_buffer *b, enum ctm_plain_kind kind, const void *bytes,
                      size_t length)
{
    ctm_buffer_u8(b, (uint8_t)kind);
    ctm_buffer_varint(b, length);
    ctm_buffer_append(b, bytes, length);
}

static void put_count(struct ctm_buffer *b, enum ctm_plain_kind kind, uint64_t count)
{
    ctm_buffer_u8(b, (uint8_t)kind);
    ctm_buffer_varint(b, count);
}

/* Whether the highest byte says nothing that the sign of the one below does not say already. */
static bool top_byte_is_needless(const uint8_t *bytes, size_t length)
{
    bool below_is_negative = length > 1 && bytes[length - 2] & 0x80;

    return bytes[length - 1] == (below_is_negative ? 0xff : 0);
}

void ctm_plain_put_int(struct ctm_buffer *b, const uint8_t *bytes, size_t length)
{
    while (length && top_byte_is_needless(bytes, length)) {
        length--;
    }
    put_sized(b, CTM_PLAIN_INT, bytes, length);
}

void ctm_plain_put_int64(struct ctm_buffer *b, int64_t value)
{
    uint8_t bytes[8];

    for (unsigned i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)((uint64_t)value >> (8 * i));
    }
    ctm_plain_put_int(b, bytes, sizeof bytes);
}

void ctm_plain_put_float(struct ctm_buffer *b, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    ctm_buffer_u8(b, CTM_PLAIN_FLOAT);
    ctm_buffer_u64(b, bits);
}

void ctm_plain_put_text(struct ctm_buffer *b, const char *bytes, size_t length)
{
    put_sized(b, CTM_PLAIN_TEXT, bytes, length);
}

void ctm_plain_put_bytes(struct ctm_buffer *b, const void *bytes, size_t length)
{
    put_sized(b, CTM_PLAIN_BYTES, bytes, length);
}

void ctm_plain_put_list(struct ctm_buffer *b, uint64_t count)
{
    put_count(b, CTM_PLAIN_LIST, count);
}

void ctm_plain_put_tuple(struct ctm_buffer *b, uint64_t count)
{
    put_count(b, CTM_PLAIN_TUPLE, count);
}

void ctm_plain_put_dict(struct ctm_buffer *b, uint64_t count)
{
    put_count(b, CTM_PLAIN_DICT, count);
}

static const char *read_sized(struct ctm_cursor *c, struct ctm_plain_item *item)
{
    uint64_t length;

    if (!ctm_cursor_varint(c, &length)) {
        return "a length is not a number";
    }
    item->bytes = ctm_cursor_take(c, length);
    if (item->bytes == NULL) {
        return "a length is past the end";
    }
    item->length = (size_t)length;
    return NULL;
}

static const char *read_count(struct ctm_cursor *c, struct ctm_plain_item *item)
{
    size_t values_each = item->kind == CTM_PLAIN_DICT ? 2 : 1;

    if (!ctm_cursor_varint(c, &item->count)) {
        return "a count is not a number";
    }
    if (item->count > ctm_cursor_left(c) / values_each) {
        return "a count is past the end";
    }
    return NULL;
}

static const char *read_item(struct ctm_cursor *c, struct ctm_plain_item *item)
{
    const uint8_t *bytes = ctm_cursor_take(c, 1);
    const char *wrong = NULL;

    if (bytes == NULL) {
        return "a value is missing";
    }
    *item = (struct ctm_plain_item){.kind = (enum ctm_plain_kind)bytes[0]};
    switch (item->kind) {
    case CTM_PLAIN_NONE:
    case CTM_PLAIN_FALSE:
    case CTM_PLAIN_TRUE:
        return NULL;
    case CTM_PLAIN_INT:
        wrong = read_sized(c, item);
        if (wrong == NULL && item->length && top_byte_is_needless(item->bytes, item->length)) {
            wrong = "an int is longer than it has to be";
        }
        return wrong;
    case CTM_PLAIN_FLOAT:
        bytes = ctm_cursor_take(c, 8);
        if (bytes == NULL) {
            return "a float is cut off";
        }
        uint64_t bits = ctm_load_u64(bytes);
        memcpy(&item->number, &bits, sizeof bits);
        return NULL;
    case CTM_PLAIN_TEXT:
        wrong = read_sized(c, item);
        if (wrong == NULL && !ctm_text_is_valid((const char *)item->bytes, item->length)) {
            wrong = "a text is not valid UTF-8";
        }
        return wrong;
    case CTM_PLAIN_BYTES:
        return read_sized(c, item);
    case CTM_PLAIN_LIST:
    case CTM_PLAIN_TUPLE:
    case CTM_PLAIN_DICT:
        return read_count(c, item);
    }
    return "a tag is unknown";
}

const char *ctm_plain_next(struct ctm_cursor *c, struct ctm_plain_item *item)
{
    struct ctm_cursor ahead = *c;
    const char *wrong = read_item(&ahead, item);

    if (wrong == NULL) {
        *c = ahead;
    }
    return wrong;
}

static uint64_t values_inside(const struct ctm_plain_item *item)
{
    return item->kind == CTM_PLAIN_DICT ? item->count * 2 : item->count;
}

/* One list, tuple or dict that is open while a value is checked. */
struct level {
    uint64_t due;   /* values still to come */
    bool is_dict;   /* then a key comes next where `due` is even */
    bool is_in_key; /* all that is inside must be hashable */
};

static const char *check(struct ctm_cursor *c, bool text_keys)
{
    struct level levels[CTM_PLAIN_DEPTH + 1];
    size_t depth = 0;

    levels[0] = (struct level){.due = 1};
    for (;;) {
        struct level *level = &levels[depth];
        if (!level->due) {
            if (depth-- == 0) {
                return NULL;
            }
            continue;
        }
        bool is_key = level->is_dict && level->due % 2 == 0;
        bool must_hash = is_key || level->is_in_key;
        struct ctm_cursor before = *c;
        struct ctm_plain_item item = {0};
        const char *wrong = ctm_plain_next(c, &item);
        bool is_unhashable = item.kind == CTM_PLAIN_LIST || item.kind == CTM_PLAIN_DICT;
        bool is_open = is_unhashable || item.kind == CTM_PLAIN_TUPLE;

        if (wrong == NULL && must_hash && is_unhashable) {
            wrong = "a key of a dict is not hashable";
        }
        if (wrong == NULL && text_keys && is_key && depth == 1 && item.kind != CTM_PLAIN_TEXT) {
            wrong = "a name is not a text";
        }
        if (wrong == NULL && is_open && depth == CTM_PLAIN_DEPTH) {
            wrong = "values are nested too deep";
        }
        if (wrong != NULL) {
            *c = before;
            return wrong;
        }
        level->due--;
        if (is_open) {
            levels[++depth] = (struct level){
                .due = values_inside(&item),
                .is_dict = item.kind == CTM_PLAIN_DICT,
                .is_in_key = must_hash,
            };
        }
    }
}

static const char *check_all(const uint8_t *bytes, size_t length, bool text_keys, size_t *offset)
{
    struct ctm_cursor c = ctm_cursor_over(bytes, length);
    const char *wrong;

    *offset = 0;
    if (text_keys && length && bytes[0] != CTM_PLAIN_DICT) {
        return "the value is not a dict";
    }
    wrong = check(&c, text_keys);
    if (wrong == NULL && ctm_cursor_left(&c)) {
        wrong = "bytes are left over";
    }
    *offset = length - ctm_cursor_left(&c);
    return wrong;
}

const char *ctm_plain_check(const uint8_t *bytes, size_t length, size_t *offset)
{
    return check_all(bytes, length, false, offset);
}

const char *ctm_plain_check_dict(const uint8_t *bytes, size_t length, size_t *offset)
{
    return check_all(bytes, length, true, offset);
}
