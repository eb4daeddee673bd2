#include "random.h"

#include <stdlib.h>

struct rng rng_from(uint64_t seed)
{
    return (struct rng){.state = seed};
}

/* splitmix64: every seed gives a good sequence. */
uint64_t rng_next(struct rng *rng)
{
    uint64_t z = rng->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

uint32_t rng_below(struct rng *rng, uint32_t limit)
{
    return (uint32_t)(rng_next(rng) % limit);
}

bool rng_chance(struct rng *rng, uint32_t percent)
{
    return rng_below(rng, 100) < percent;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

uint64_t test_rounds(uint64_t rounds)
{
    return from_environment("CTM_TEST_ROUNDS", rounds);
}

uint64_t test_first_seed(void)
{
    return from_environment("CTM_TEST_SEED", 0);
}
