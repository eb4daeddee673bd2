/* Frames and the calling-context tree, and the arrays and indexes under them. */
#include "support.h"

#include <string.h>

#include "engine/array.h"
#include "engine/hash.h"
#include "engine/stacks.h"

struct fixture {
    struct test_refusal refusal;
    struct ctm_pages pages;
    struct ctm_stacks stacks;
};

static void open_fixture(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    ctm_pages_init(&f->pages);
    test_refuse(&f->pages, &f->refusal);
    ctm_stacks_init(&f->stacks, &f->pages);
}

static uint32_t frame_of(struct ctm_stacks *stacks, uint32_t file, uint32_t name, uint32_t line)
{
    struct ctm_location_frame frame = {.file = file, .name = name, .line = line};
    uint32_t id = UINT32_MAX;
    assert_int_equal(ctm_stacks_frame(stacks, frame, &id), CTM_OK);
    assert_int_equal(stacks->frames[id].file, file);
    assert_int_equal(stacks->frames[id].name, name);
    assert_int_equal(stacks->frames[id].line, line);
    return id;
}

static uint32_t child_of(struct ctm_stacks *stacks, uint32_t parent, uint32_t frame)
{
    uint32_t node = UINT32_MAX;
    assert_int_equal(ctm_stacks_child(stacks, parent, frame, &node), CTM_OK);
    assert_int_equal(stacks->nodes[node].parent, parent);
    assert_int_equal(stacks->nodes[node].frame, frame);
    return node;
}

static void frames_differ_in_each_part(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    assert_int_equal(frame_of(&f.stacks, 1, 2, 3), 0);
    assert_int_equal(frame_of(&f.stacks, 1, 2, 4), 1);
    assert_int_equal(frame_of(&f.stacks, 1, 3, 3), 2);
    assert_int_equal(frame_of(&f.stacks, 2, 2, 3), 3);
    assert_int_equal(frame_of(&f.stacks, 3, 2, 1), 4);
    assert_int_equal(frame_of(&f.stacks, 1, 2, 3), 0);
    assert_int_equal(frame_of(&f.stacks, UINT32_MAX, UINT32_MAX, UINT32_MAX), 5);
    assert_int_equal(frame_of(&f.stacks, UINT32_MAX, UINT32_MAX, UINT32_MAX), 5);
    assert_int_equal(f.stacks.frame_length, 6);
    ctm_pages_deinit(&f.pages);
}

static void a_node_is_a_frame_under_a_parent(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    uint32_t a = frame_of(&f.stacks, 1, 1, 1);
    uint32_t b = frame_of(&f.stacks, 1, 1, 2);
    uint32_t root = ctm_stacks_root(0);
    uint32_t top = child_of(&f.stacks, root, a);
    assert_int_equal(top, 0);
    uint32_t under = child_of(&f.stacks, top, b);
    assert_int_equal(child_of(&f.stacks, root, a), top);
    assert_int_equal(child_of(&f.stacks, top, b), under);
    /* The same frames in another order, a recursion, and a cut stack are other nodes. */
    uint32_t other = child_of(&f.stacks, child_of(&f.stacks, root, b), a);
    uint32_t again = child_of(&f.stacks, top, a);
    uint32_t cut = child_of(&f.stacks, ctm_stacks_root(1), a);
    assert_true(other != under && again != top && cut != top);
    assert_int_equal(f.stacks.node_length, 6);
    for (uint32_t i = 0; i < f.stacks.node_length; i++) {
        assert_int_equal(f.stacks.nodes[i].site, CTM_NO_SITE);
    }
    ctm_pages_deinit(&f.pages);
}

static void the_depth_counts_what_was_left_out(void **state)
{
    (void)state;
    static const uint32_t left_out[] = {0, 1, 65535, 0x7ffffffe};
    struct fixture f;
    open_fixture(&f);
    uint32_t frame = frame_of(&f.stacks, 1, 1, 1);
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++) {
        uint32_t root = ctm_stacks_root(left_out[i]);
        assert_true(ctm_stacks_is_root(root));
        uint32_t node = child_of(&f.stacks, root, frame);
        assert_false(ctm_stacks_is_root(node));
        assert_int_equal(test_stack_depth(&f.stacks, node), (uint64_t)left_out[i] + 1);
        node = child_of(&f.stacks, node, frame);
        assert_int_equal(test_stack_depth(&f.stacks, node), (uint64_t)left_out[i] + 2);
    }
    ctm_pages_deinit(&f.pages);
}

static void deep_and_wide_trees_are_found_again(void **state)
{
    (void)state;
    enum { DEEP = 70000, WIDE = 30000 };
    struct fixture f;
    open_fixture(&f);
    uint32_t frame = frame_of(&f.stacks, 1, 1, 1);
    for (int round = 0; round < 2; round++) {
        uint32_t node = ctm_stacks_root(0);
        for (uint32_t depth = 0; depth < DEEP; depth++) {
            node = child_of(&f.stacks, node, frame);
            assert_int_equal(node, depth);
        }
        assert_int_equal(test_stack_depth(&f.stacks, node), DEEP);
        for (uint32_t line = 1; line <= WIDE; line++) {
            uint32_t wide = frame_of(&f.stacks, 2, 2, line);
            assert_int_equal(wide, line);
            assert_int_equal(child_of(&f.stacks, 5, wide), DEEP + line - 1);
        }
    }
    assert_int_equal(f.stacks.node_length, DEEP + WIDE);
    assert_int_equal(f.stacks.frame_length, WIDE + 1);
    ctm_pages_deinit(&f.pages);
}

static void assert_same_slot(uint64_t a, uint64_t b)
{
    assert_int_equal((uint32_t)a, (uint32_t)b);
}

/* Keys that an index cannot tell apart. */
static void equal_hashes_are_not_equal_entries(void **state)
{
    (void)state;
    static const uint32_t lines[] = {290191, 300618};
    static const uint32_t frames[] = {34572, 312061};
    const uint32_t root = ctm_stacks_root(0);
    struct fixture f;
    open_fixture(&f);
    assert_same_slot(ctm_hash_u64(ctm_hash_pair(1, lines[0]) + 2),
                     ctm_hash_u64(ctm_hash_pair(1, lines[1]) + 2));
    assert_same_slot(ctm_hash_pair(root, frames[0]), ctm_hash_pair(root, frames[1]));
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 2; i++) {
            assert_int_equal(frame_of(&f.stacks, 1, 2, lines[i]), i);
            assert_int_equal(child_of(&f.stacks, root, frames[i]), i);
        }
    }
    ctm_pages_deinit(&f.pages);
}

/* Each request for pages refused once: a frame or node fails, and is there the next time. */
static void a_refusal_loses_nothing(void **state)
{
    (void)state;
    enum { COUNT = 4000 };
    struct fixture f;
    size_t refused = 0;
    for (size_t nth = 1; refused + 1 >= nth; nth++) {
        open_fixture(&f);
        f.refusal.first = nth;
        f.refusal.count = 1;
        for (uint32_t i = 0; i < COUNT; i++) {
            struct ctm_location_frame frame = {.file = 1, .name = 2, .line = i};
            uint32_t id = UINT32_MAX;
            uint32_t node = UINT32_MAX;
            if (ctm_stacks_frame(&f.stacks, frame, &id) < 0) {
                assert_int_equal(f.stacks.frame_length, i);
                refused++;
            }
            assert_int_equal(frame_of(&f.stacks, 1, 2, i), i);
            uint32_t parent = i == 0 ? ctm_stacks_root(0) : i - 1;
            if (ctm_stacks_child(&f.stacks, parent, i, &node) < 0) {
                assert_int_equal(f.stacks.node_length, i);
                refused++;
            }
            assert_int_equal(child_of(&f.stacks, parent, i), i);
        }
        assert_int_equal(test_stack_depth(&f.stacks, COUNT - 1), COUNT);
        ctm_pages_deinit(&f.pages);
    }
    assert_true(refused >= 16); /* two arrays and two indexes, each of them grown, and the record */
}

static void ids_have_a_limit(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    uint32_t frame = frame_of(&f.stacks, 1, 1, 1);
    uint32_t node = child_of(&f.stacks, ctm_stacks_root(0), frame);
    f.stacks.frame_length = CTM_FRAME_MAX + 1; /* as if they were full */
    f.stacks.node_length = CTM_ROOT_BIT;
    struct ctm_location_frame other = {.file = 1, .name = 1, .line = 2};
    uint32_t unchanged = 7;
    assert_int_equal(ctm_stacks_frame(&f.stacks, other, &unchanged), CTM_ELIMIT);
    assert_int_equal(unchanged, 7);
    assert_int_equal(frame_of(&f.stacks, 1, 1, 1), frame);
    assert_int_equal(ctm_stacks_child(&f.stacks, node, frame, &node), CTM_ELIMIT);
    assert_int_equal(child_of(&f.stacks, ctm_stacks_root(0), frame), node);

    void *items = NULL;
    uint32_t capacity = UINT32_MAX / 2 + 1;
    assert_int_equal(ctm_array_reserve(&f.pages, &items, &capacity, capacity, 4), CTM_ELIMIT);
    assert_int_equal(capacity, UINT32_MAX / 2 + 1);
    assert_null(items);
    assert_int_equal(ctm_array_reserve(&f.pages, &items, &capacity, capacity - 1, 4), CTM_OK);

    uint64_t slot = 1;
    struct ctm_index index = {.pages = &f.pages,
                              .slots = &slot,
                              .capacity = UINT32_MAX / 8 * 7,
                              .used = UINT32_MAX / 8 * 7};
    assert_int_equal(ctm_index_reserve(&index), CTM_ELIMIT);
    assert_ptr_equal(index.slots, &slot);
    ctm_pages_deinit(&f.pages);
}

enum { IDS = 3000, TAGS = 10 };

/* Few tags, whose homes are at the very end of any table: chains that wrap around. */
static uint64_t tag_of(uint32_t id)
{
    return UINT64_C(0xabc00000000) | (UINT32_MAX - id % TAGS % 3 * 0x10000 - id % TAGS);
}

static bool is_in_index(const struct ctm_index *index, uint32_t id)
{
    uint32_t probe = 0;
    uint32_t found;
    do {
        found = ctm_index_next(index, tag_of(id), &probe);
    } while (found != UINT32_MAX && found != id);
    return found == id;
}

/* Ids whose hashes agree are all enumerated, and no others. */
static void an_index_tells_every_candidate(void **state)
{
    (void)state;
    struct ctm_pages pages;
    struct ctm_index index;
    ctm_pages_init(&pages);
    ctm_index_init(&index, &pages);
    uint32_t probe = 0;
    assert_int_equal(ctm_index_next(&index, 7, &probe), UINT32_MAX);
    for (uint32_t id = 0; id < IDS; id++) {
        assert_int_equal(ctm_index_reserve(&index), CTM_OK);
        ctm_index_put(&index, tag_of(id), id);
    }
    for (uint32_t tag = 0; tag < TAGS; tag++) {
        uint32_t seen = 0;
        uint32_t id;
        probe = 0;
        while ((id = ctm_index_next(&index, tag_of(tag), &probe)) != UINT32_MAX) {
            assert_int_equal(id % TAGS, tag);
            seen++;
        }
        assert_int_equal(seen, IDS / TAGS);
    }
    probe = 0;
    assert_int_equal(ctm_index_next(&index, UINT32_MAX - 50, &probe), UINT32_MAX);
    assert_int_equal(index.used, IDS);
    ctm_pages_deinit(&pages);
}

static void an_index_forgets_one_entry(void **state)
{
    (void)state;
    struct test_random random = test_random_stream(61);
    static bool there[IDS];
    struct ctm_pages pages;
    struct ctm_index index;
    ctm_pages_init(&pages);
    ctm_index_init(&index, &pages);
    memset(there, 0, sizeof there);
    for (size_t round = test_rounds(20000); round > 0; round--) {
        uint32_t id = (uint32_t)test_random_below(&random, IDS / 10);
        if (there[id]) {
            ctm_index_remove(&index, tag_of(id), id);
        } else {
            assert_int_equal(ctm_index_reserve(&index), CTM_OK);
            ctm_index_put(&index, tag_of(id), id);
        }
        there[id] = !there[id];
        for (uint32_t other = id % TAGS; other < IDS / 10; other += TAGS) {
            assert_true(is_in_index(&index, other) == there[other]);
        }
    }
    ctm_pages_deinit(&pages);
}

static void an_index_becomes_smaller(void **state)
{
    (void)state;
    struct test_refusal refusal = {0};
    struct ctm_pages pages;
    struct ctm_index index;
    ctm_pages_init(&pages);
    test_refuse(&pages, &refusal);
    ctm_index_init(&index, &pages);
    ctm_index_shrink(&index, 0);
    assert_null(index.slots);
    for (uint32_t id = 0; id < IDS; id++) {
        assert_int_equal(ctm_index_reserve(&index), CTM_OK);
        ctm_index_put(&index, tag_of(id), id);
    }
    uint32_t large = index.capacity;
    for (uint32_t id = IDS - 1; id >= 100; id--) {
        ctm_index_remove(&index, tag_of(id), id);
    }
    ctm_index_shrink(&index, IDS);
    assert_int_equal(index.capacity, large);
    test_refuse_next(&refusal, 1);
    ctm_index_shrink(&index, 0);
    assert_int_equal(index.capacity, large);
    ctm_index_shrink(&index, 0);
    assert_true(index.capacity < large / 4);
    assert_int_equal(pages.mapped, index.capacity * sizeof *index.slots);
    for (uint32_t id = 0; id < IDS; id++) {
        assert_true(is_in_index(&index, id) == (id < 100));
    }
    ctm_pages_deinit(&pages);
}

/* An id is used again, the lowest first, and what was given back is not found. */
static void what_was_given_back_makes_room(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    uint32_t frames[4];
    uint32_t nodes[4];
    for (uint32_t i = 0; i < 4; i++) {
        frames[i] = frame_of(&f.stacks, 1, 1, i + 1);
        nodes[i] = child_of(&f.stacks, ctm_stacks_root(0), frames[i]);
    }
    uint32_t child = child_of(&f.stacks, nodes[0], frames[1]);
    assert_false(ctm_context_is_idle(&f.stacks.nodes[nodes[0]]));
    /* From the end down, as the passes do. */
    ctm_stacks_free_node(&f.stacks, child);
    assert_true(ctm_context_is_idle(&f.stacks.nodes[nodes[0]]));
    assert_int_equal(f.stacks.node_length, 4);
    ctm_stacks_free_node(&f.stacks, nodes[2]);
    ctm_stacks_free_node(&f.stacks, nodes[1]);
    ctm_stacks_free_frame(&f.stacks, frames[2]);
    ctm_stacks_free_frame(&f.stacks, frames[1]);
    assert_int_equal(f.stacks.node_index.used, 2);
    assert_int_equal(f.stacks.frame_index.used, 2);
    assert_int_equal(frame_of(&f.stacks, 2, 2, 2), frames[1]);
    assert_int_equal(frame_of(&f.stacks, 2, 2, 3), frames[2]);
    assert_int_equal(frame_of(&f.stacks, 2, 2, 4), 4);
    assert_int_equal(child_of(&f.stacks, nodes[3], frames[1]), nodes[1]);
    assert_int_equal(child_of(&f.stacks, nodes[3], frames[2]), nodes[2]);
    assert_int_equal(child_of(&f.stacks, nodes[3], frames[3]), 4);
    ctm_pages_deinit(&f.pages);
}

/* More users than can be counted: then for good, rather than one too few. */
static void users_that_cannot_be_counted_stay(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    uint32_t node = child_of(&f.stacks, ctm_stacks_root(0), frame_of(&f.stacks, 1, 1, 1));
    f.stacks.nodes[node].users = CTM_USERS_MAX - 1;
    ctm_stacks_use(&f.stacks, node);
    ctm_stacks_use(&f.stacks, node);
    assert_int_equal(f.stacks.nodes[node].users, CTM_USERS_MAX);
    ctm_stacks_leave(&f.stacks, node);
    assert_int_equal(f.stacks.nodes[node].users, CTM_USERS_MAX);
    ctm_pages_deinit(&f.pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_differ_in_each_part),
        cmocka_unit_test(a_node_is_a_frame_under_a_parent),
        cmocka_unit_test(the_depth_counts_what_was_left_out),
        cmocka_unit_test(deep_and_wide_trees_are_found_again),
        cmocka_unit_test(a_refusal_loses_nothing),
        cmocka_unit_test(equal_hashes_are_not_equal_entries),
        cmocka_unit_test(ids_have_a_limit),
        cmocka_unit_test(an_index_tells_every_candidate),
        cmocka_unit_test(an_index_forgets_one_entry),
        cmocka_unit_test(an_index_becomes_smaller),
        cmocka_unit_test(what_was_given_back_makes_room),
        cmocka_unit_test(users_that_cannot_be_counted_stay),
    };
    return cmocka_run_group_tests_name("stacks", tests, NULL, NULL);
}
