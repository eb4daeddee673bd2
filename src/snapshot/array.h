/*
 * Arrays from malloc whose sizes come from data: no product of length and element size wraps.
 * Internal to this floor. The result of each function is freed with free.
 */
#ifndef CTM_SNAPSHOT_ARRAY_H
#define CTM_SNAPSHOT_ARRAY_H

#include <stdint.h>
#include <stdlib.h>

/* NULL means no memory, also where `length` is 0. The content is undefined. */
static inline void *ctm_array_new(size_t length, size_t element)
{
    if (length > SIZE_MAX / element) {
        return NULL;
    }
    return malloc(length == 0 ? element : length * element);
}

/* As ctm_array_new, with every byte 0. */
static inline void *ctm_array_zeroed(size_t length, size_t element)
{
    return calloc(length == 0 ? 1 : length, element);
}

/*
 * Make `*capacity` larger, by half at least: amortized constant time an element. On NULL the old
 * array and its capacity are as they were.
 */
static inline void *ctm_array_grow(void *array, size_t *capacity, size_t element)
{
    size_t larger = *capacity < 16 ? 16 : *capacity + *capacity / 2;
    if (larger < *capacity || larger > SIZE_MAX / element) {
        return NULL;
    }
    void *grown = realloc(array, larger * element);
    if (grown != NULL) {
        *capacity = larger;
    }
    return grown;
}

/* Give back what is over `length`. Never fails: where realloc does, the array stays as it is. */
static inline void *ctm_array_trim(void *array, size_t length, size_t element)
{
    if (array == NULL) {
        return NULL;
    }
    void *trimmed = realloc(array, length == 0 ? element : length * element);
    return trimmed != NULL ? trimmed : array;
}

#endif
