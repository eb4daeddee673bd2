/* For tests: plain data that passed its check, taken on trust, as its readers take it. */
#ifndef TESTS_FORMAT_PLAIN_WALK_H
#define TESTS_FORMAT_PLAIN_WALK_H

#include <stdbool.h>
#include <string.h>

#include "format/plain.h"

/* Step over one whole value. */
static inline void plain_skip(struct ctm_cursor *c)
{
    uint64_t due = 1;
    struct ctm_plain_item item;

    while (due != 0 && ctm_plain_next(c, &item) == NULL) {
        due += (item.kind == CTM_PLAIN_DICT ? item.count * 2 : item.count) - 1;
    }
}

/* The value of a key in a dict: *value is set to its bytes. False if there is none; an empty `dict`
 * (length 0) has no keys. */
static inline bool plain_find(const uint8_t *dict, size_t length, const char *key,
                              struct ctm_cursor *value)
{
    struct ctm_cursor c = ctm_cursor_over(dict, length);
    struct ctm_plain_item item;
    size_t key_length = strlen(key);

    if (length == 0 || ctm_plain_next(&c, &item) != NULL) {
        return false;
    }
    for (uint64_t pairs = item.count; pairs != 0; pairs--) {
        if (ctm_plain_next(&c, &item) != NULL || item.bytes == NULL) {
            return false;
        }
        struct ctm_cursor start = c;
        plain_skip(&c);
        if (item.length == key_length && memcmp(item.bytes, key, key_length) == 0) {
            *value = (struct ctm_cursor){start.at, c.at};
            return true;
        }
    }
    return false;
}

#endif
