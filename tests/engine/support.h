/* What all tests of the engine share: cmocka, numbers that can be drawn again, refused memory. */
#ifndef CTM_TESTS_ENGINE_SUPPORT_H
#define CTM_TESTS_ENGINE_SUPPORT_H

/* cmocka before 2.0 wants these included first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/pages.h"

/* A sequence of numbers that a seed gives again (splitmix64, by Steele, Lea and Flood). */
struct test_random {
    uint64_t state;
};

/* `stream` tells the sequences of a program apart; CTM_TEST_SEED in the environment gives others.
 */
struct test_random test_random_stream(uint64_t stream);
uint64_t test_random_next(struct test_random *random);
/* In [0, limit). */
uint64_t test_random_below(struct test_random *random, uint64_t limit);
bool test_random_percent(struct test_random *random, unsigned percent);

/* `usual`, or the percentage of it that CTM_TEST_SCALE in the environment says; at least 1. */
size_t test_rounds(size_t usual);

/* Frames of the whole stack that `node` was captured from: walks to the root. */
struct ctm_stacks;
uint32_t test_stack_depth(const struct ctm_stacks *stacks, uint32_t node);

/* Let a tracer give back all that it can. */
struct ctm_tracer;
void test_give_back(struct ctm_tracer *tracer);

/* Refuses requests for pages; all zero refuses none and counts. */
struct test_refusal {
    size_t first; /* number of the first request to refuse, from 1; 0: none */
    size_t count; /* how many from there on */
    size_t asked; /* requests so far */
};

void test_refuse(struct ctm_pages *pages, struct test_refusal *refusal);
/* From the next request on, refuse `count`. */
void test_refuse_next(struct test_refusal *refusal, size_t count);

#endif
