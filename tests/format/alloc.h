/*
 * malloc under control: a program that links alloc.c with `--wrap` for malloc, calloc, realloc and
 * free can let one allocation fail and see how much was held. For one thread.
 */
#ifndef TESTS_FORMAT_ALLOC_H
#define TESTS_FORMAT_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* Let the nth allocation from now on, counted from 1, fail, once. 0: none. */
void alloc_fail_at(size_t nth);

/* Whether that allocation has come. */
bool alloc_has_failed(void);

/* Begin to measure: what is held now counts as nothing. */
void alloc_measure(void);

/* The most bytes that were held at a time, and those that are held now, since alloc_measure. */
size_t alloc_most(void);
size_t alloc_held(void);

#endif
