/* Repeatable random numbers for the tests. */
#ifndef CTM_TESTS_SNAPSHOT_RANDOM_H
#define CTM_TESTS_SNAPSHOT_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t state;
};

struct rng rng_from(uint64_t seed);
uint64_t rng_next(struct rng *rng);
uint32_t rng_below(struct rng *rng, uint32_t limit); /* limit is not 0 */
bool rng_chance(struct rng *rng, uint32_t percent);

/*
 * Rounds of a random test and the seed of its first: `rounds` and 0, or what the environment says
 * in CTM_TEST_ROUNDS and CTM_TEST_SEED.
 */
uint64_t test_rounds(uint64_t rounds);
uint64_t test_first_seed(void);

#endif
