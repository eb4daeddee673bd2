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
    assert_memory_equal(&stacks->frames[id], &frame, sizeof frame);
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
        assert_int_equal(ctm_stacks_depth(&f.stacks, node), (uint64_t)left_out[i] + 1);
        node = child_of(&f.stacks, node, frame);
        assert_int_equal(ctm_stacks_depth(&f.stacks, node), (uint64_t)left_out[i] + 2);
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
        assert_int_equal(ctm_stacks_depth(&f.stacks, node), DEEP);
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
    assert_int_equal((a ^ b) >> 32, 0);
    assert_int_equal((a ^ b) & 511, 0);
}

/* Keys that an index cannot tell apart: the same tag and the same first slot. */
static void equal_hashes_are_not_equal_entries(void **state)
{
    (void)state;
    static const uint32_t lines[] = {2278444, 13283939};
    static const uint32_t frames[] = {14460981, 14720683};
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
        assert_int_equal(ctm_stacks_depth(&f.stacks, COUNT - 1), COUNT);
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
    f.stacks.node_length = CTM_ROOT_BIT; /* as if it were full */
    assert_int_equal(ctm_stacks_child(&f.stacks, node, frame, &node), CTM_ELIMIT);
    assert_int_equal(child_of(&f.stacks, ctm_stacks_root(0), frame), node);

    void *items = NULL;
    uint32_t capacity = UINT32_MAX / 2 + 1;
    assert_int_equal(ctm_array_reserve(&f.pages, &items, &capacity, capacity, 4), CTM_ELIMIT);
    assert_int_equal(capacity, UINT32_MAX / 2 + 1);
    assert_null(items);
    assert_int_equal(ctm_array_reserve(&f.pages, &items, &capacity, capacity - 1, 4), CTM_OK);

    uint64_t slot = 1;
    struct ctm_index index = {
        .pages = &f.pages, .slots = &slot, .mask = UINT32_MAX, .used = UINT32_MAX / 2 + 1};
    assert_int_equal(ctm_index_reserve(&index, NULL, NULL), CTM_ELIMIT);
    assert_ptr_equal(index.slots, &slot);
    ctm_pages_deinit(&f.pages);
}

static uint64_t hash_of_id(const void *context, uint32_t id)
{
    const uint64_t *hashes = context;
    return hashes[id];
}

/* Ids whose hashes agree in part or whole are all enumerated, and only those whose tag agrees. */
static void an_index_tells_every_candidate(void **state)
{
    (void)state;
    enum { IDS = 3000 };
    static uint64_t hashes[IDS];
    struct ctm_pages pages;
    struct ctm_index index;
    ctm_pages_init(&pages);
    ctm_index_init(&index, &pages);
    uint32_t probe = 0;
    assert_int_equal(ctm_index_next(&index, 7, &probe), UINT32_MAX);
    for (uint32_t id = 0; id < IDS; id++) {
        /* Few tags and few homes, at the very end of any table: chains that wrap around. */
        hashes[id] = (uint64_t)(id % 10) << 32 | (0xffffffff - id % 3);
        assert_int_equal(ctm_index_reserve(&index, hash_of_id, hashes), CTM_OK);
        ctm_index_put(&index, hashes[id], id);
    }
    for (uint32_t tag = 0; tag < 11; tag++) {
        uint32_t seen = 0;
        uint32_t id;
        probe = 0;
        while ((id = ctm_index_next(&index, (uint64_t)tag << 32 | 0xfffffffd, &probe)) !=
               UINT32_MAX) {
            assert_int_equal(id % 10, tag);
            seen++;
        }
        assert_int_equal(seen, tag < 10 ? IDS / 10 : 0);
    }
    assert_int_equal(index.used, IDS);
    ctm_index_clear(&index);
    assert_int_equal(index.used, 0);
    assert_int_equal(pages.mapped, 0);
    probe = 0;
    assert_int_equal(ctm_index_next(&index, hashes[0], &probe), UINT32_MAX);
    ctm_index_clear(&index);
    ctm_pages_deinit(&pages);
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
    };
    return cmocka_run_group_tests_name("stacks", tests, NULL, NULL);
}
