#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "snapshot/sort.h"
#include "support.h"

enum {
    MOST = 5000,
};

static void check_sort(struct rng *rng, size_t n, uint64_t mask)
{
    static struct ctm_item items[MOST];
    static struct ctm_item spare[MOST];
    static uint64_t keys[MOST];
    for (size_t i = 0; i < n; i++) {
        keys[i] = rng_next(rng) & mask;
        items[i] = (struct ctm_item){.key = keys[i], .index = i};
    }
    ctm_sort(items, spare, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(items[i].key, keys[items[i].index]);
        if (i != 0) {
            assert_true(items[i - 1].key <= items[i].key);
            /* Stable; and as each place is greater than the last of an equal key, none is twice. */
            assert_true(items[i - 1].key < items[i].key || items[i - 1].index < items[i].index);
        }
    }
}

static void test_random(void **state)
{
    (void)state;
    static const uint64_t masks[] = {
        0,          1, 0xff, 0xfff800, UINT64_C(0x8000000000000001), UINT64_C(0xff00000000000000),
        UINT64_MAX,
    };
    static const size_t lengths[] = {0, 1, 2, 47, 48, 49, 50, 200, 2048, MOST};
    struct rng rng = rng_from(test_first_seed());
    for (size_t m = 0; m < sizeof masks / sizeof *masks; m++) {
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            check_sort(&rng, lengths[l], masks[m]);
        }
    }
    for (uint64_t i = 0; i < test_rounds(300); i++) {
        uint64_t mask = rng_next(&rng) & rng_next(&rng);
        check_sort(&rng, rng_below(&rng, 300), mask);
    }
}

static void test_sorted_and_reversed(void **state)
{
    (void)state;
    struct ctm_item items[100];
    struct ctm_item spare[100];
    for (size_t i = 0; i < 100; i++) {
        items[i] = (struct ctm_item){.key = i / 2, .index = i};
    }
    ctm_sort(items, spare, 100);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(items[i].index, i);
        items[i].key = 100 - i;
    }
    ctm_sort(items, spare, 100);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(items[i].index, 99 - i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_sorted_and_reversed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
