#include "support.h"

#include <stdlib.h>

#include "engine/reclaim.h"

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL || *text == '\0' ? otherwise : strtoull(text, NULL, 0);
}

struct test_random test_random_stream(uint64_t stream)
{
    struct test_random random = {.state = from_environment("CTM_TEST_SEED", 1) + (stream << 32)};
    return random;
}

uint64_t test_random_next(struct test_random *random)
{
    random->state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = random->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

uint64_t test_random_below(struct test_random *random, uint64_t limit)
{
    return test_random_next(random) % limit;
}

bool test_random_percent(struct test_random *random, unsigned percent)
{
    return test_random_below(random, 100) < percent;
}

size_t test_rounds(size_t usual)
{
    size_t rounds = usual * (size_t)from_environment("CTM_TEST_SCALE", 100) / 100;
    return rounds == 0 ? 1 : rounds;
}

static bool refuse(void *context, size_t size)
{
    struct test_refusal *refusal = context;
    (void)size;
    refusal->asked++;
    return refusal->first != 0 && refusal->asked >= refusal->first &&
           refusal->asked - refusal->first < refusal->count;
}

void test_refuse(struct ctm_pages *pages, struct test_refusal *refusal)
{
    pages->refuse = refuse;
    pages->refuse_context = refusal;
}

void test_refuse_next(struct test_refusal *refusal, size_t count)
{
    refusal->first = refusal->asked + 1;
    refusal->count = count;
}

void test_give_back(struct ctm_tracer *tracer)
{
    /* What was asked for in the cycle that may be under way is kept by that one. */
    for (int cycle = 0; cycle < 2; cycle++) {
        do {
            ctm_reclaim_step_hook(tracer, CTM_UNKNOWN_NODE);
        } while (tracer->reclaim.pass != CTM_RECLAIM_IDLE);
    }
}

uint32_t test_stack_depth(const struct ctm_stacks *stacks, uint32_t node)
{
    uint32_t depth = 0;
    uint32_t at = node;
    while (!ctm_stacks_is_root(at)) {
        depth++;
        at = stacks->nodes[at].parent;
    }
    return depth + (at & ~CTM_ROOT_BIT);
}
