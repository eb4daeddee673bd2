#include "snapshot/sort.h"

#include <stdbool.h>
#include <string.h>

enum {
    FEW = 48,  /* up to here insertion is faster than counting */
    BITS = 11, /* of a digit: its counters fit the first cache */
    DIGITS = 1 << BITS,
};

static void insertion_sort(struct ctm_item *items, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct ctm_item item = items[i];
        size_t at = i;
        while (at > 0 && items[at - 1].key > item.key) {
            items[at] = items[at - 1];
            at--;
        }
        items[at] = item;
    }
}

static size_t digit_of(uint64_t key, unsigned shift)
{
    return (key >> shift) & (DIGITS - 1);
}

/* One pass: from `from` to `to`, by the digit of the key at `shift`. */
static void distribute(const struct ctm_item *from, struct ctm_item *to, size_t n, unsigned shift)
{
    size_t next[DIGITS] = {0};
    for (size_t i = 0; i < n; i++) {
        next[digit_of(from[i].key, shift)]++;
    }
    size_t start = 0;
    for (size_t digit = 0; digit < DIGITS; digit++) {
        size_t count = next[digit];
        next[digit] = start;
        start += count;
    }
    for (size_t i = 0; i < n; i++) {
        to[next[digit_of(from[i].key, shift)]++] = from[i];
    }
}

void ctm_sort(struct ctm_item *items, struct ctm_item *spare, size_t n)
{
    if (n <= FEW) {
        insertion_sort(items, n);
        return;
    }
    uint64_t differ = 0; /* bits in which not all keys agree */
    bool sorted = true;
    for (size_t i = 1; i < n; i++) {
        differ |= items[i].key ^ items[i - 1].key;
        sorted &= items[i - 1].key <= items[i].key;
    }
    if (sorted) {
        return;
    }
    struct ctm_item *from = items;
    struct ctm_item *to = spare;
    for (unsigned shift = 0; shift < 64; shift += BITS) {
        if (digit_of(differ, shift) != 0) {
            distribute(from, to, n, shift);
            struct ctm_item *swap = from;
            from = to;
            to = swap;
        }
    }
    if (from != items) {
        memcpy(items, from, n * sizeof *items);
    }
}
