/* Trees of calls: by hand, and against paths that are added up one trace at a time. */
#include <stdio.h>
#include <string.h>

#include "model.h"
#include "snapshot/tree.h"
#include "support.h"

struct wanted {
    const char *frame; /* NULL: the root */
    uint32_t parent;
    uint32_t end;
    uint64_t size;
    uint64_t count;
    uint64_t own_size;
};

static void check_frame(const struct ctm_tables *t, struct ctm_frame frame, const char *wanted)
{
    char text[256];
    const char *name = t->strings[frame.name].length == 0 ? "" : "@";
    int length = snprintf(text, sizeof text, "%.*s:%u%s%.*s", (int)t->strings[frame.file].length,
                          t->strings[frame.file].bytes, frame.line, name,
                          (int)t->strings[frame.name].length, t->strings[frame.name].bytes);
    assert_true(length > 0 && (size_t)length < sizeof text);
    assert_string_equal(text, wanted);
}

static void check_tree(const struct ctm_snapshot *s, enum ctm_key key, bool inverted,
                       const struct wanted *wanted, uint32_t count)
{
    struct ctm_tree tree;
    assert_ok(ctm_tree_make(s, key, inverted, &tree));
    assert_int_equal(tree.node_count, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(tree.parents[i], i == 0 ? CTM_TREE_NONE : wanted[i].parent);
        assert_int_equal(tree.ends[i], wanted[i].end);
        assert_int_equal(tree.sizes[i], wanted[i].size);
        assert_int_equal(tree.counts[i], wanted[i].count);
        assert_int_equal(tree.own_sizes[i], wanted[i].own_size);
        if (i == 0) {
            assert_int_equal(tree.labels[i], CTM_TREE_NONE);
        } else {
            check_frame(s->tables, tree.frames[tree.labels[i]], wanted[i].frame);
        }
    }
    ctm_tree_free(&tree);
    assert_null(tree.sizes);
}

static const struct spec TRACES[] = {
    {0, 10, 2, 2, "a:2@f m:1@main"},
    {1, 5, 1, 2, "a:3@f m:1@main"},
    {0, 40, 1, 1, "m:1@main"},
    {0, 7, 1, 2, "b:9@g m:2@main"},
    {0, 1, 3, 0, ""},
};
enum { TRACE_COUNT = sizeof TRACES / sizeof *TRACES };

static void test_by_frame(void **state)
{
    (void)state;
    static const struct wanted wanted[] = {
        {NULL, 0, 6, 75, 8, 3},   {"m:1@main", 0, 4, 65, 4, 40}, {"a:2@f", 1, 3, 20, 2, 20},
        {"a:3@f", 1, 4, 5, 1, 5}, {"m:2@main", 0, 6, 7, 1, 0},   {"b:9@g", 4, 6, 7, 1, 7},
    };
    struct ctm_snapshot *s = make_snapshot(TRACES, TRACE_COUNT);
    check_tree(s, CTM_KEY_FRAME, false, wanted, 6);
    ctm_snapshot_unref(s);
}

static void test_by_function(void **state)
{
    (void)state;
    static const struct wanted wanted[] = {
        {NULL, 0, 4, 75, 8, 3},
        {"m:0@main", 0, 4, 72, 5, 40},
        {"a:0@f", 1, 3, 25, 3, 25},
        {"b:0@g", 1, 4, 7, 1, 7},
    };
    struct ctm_snapshot *s = make_snapshot(TRACES, TRACE_COUNT);
    check_tree(s, CTM_KEY_FUNCTION, false, wanted, 4);
    ctm_snapshot_unref(s);
}

static void test_inverted(void **state)
{
    (void)state;
    static const struct wanted wanted[] = {
        {NULL, 0, 6, 75, 8, 3},        {"m:0@main", 0, 2, 40, 1, 40}, {"a:0@f", 0, 4, 25, 3, 0},
        {"m:0@main", 2, 4, 25, 3, 25}, {"b:0@g", 0, 6, 7, 1, 0},      {"m:0@main", 4, 6, 7, 1, 7},
    };
    struct ctm_snapshot *s = make_snapshot(TRACES, TRACE_COUNT);
    check_tree(s, CTM_KEY_FUNCTION, true, wanted, 6);
    ctm_snapshot_unref(s);
}

static void test_recursion_nests(void **state)
{
    (void)state;
    static const struct spec specs[] = {{0, 4, 1, 3, "f:1@f f:1@f m:1"}, {0, 2, 1, 2, "f:2@f m:1"}};
    static const struct wanted wanted[] = {
        {NULL, 0, 4, 6, 2, 0},
        {"m:0", 0, 4, 6, 2, 0},
        {"f:0@f", 1, 4, 6, 2, 2},
        {"f:0@f", 2, 4, 4, 1, 4},
    };
    struct ctm_snapshot *s = make_snapshot(specs, 2);
    check_tree(s, CTM_KEY_FUNCTION, false, wanted, 4);
    ctm_snapshot_unref(s);
}

/* Children of one size and count come in the order of their frames; blocks of no bytes are there.
 */
static void test_ties(void **state)
{
    (void)state;
    static const struct spec specs[] = {
        {0, 4, 1, 1, "b:1"},   {0, 4, 1, 1, "a:10"}, {0, 4, 1, 1, "a:9@g"},
        {0, 4, 1, 1, "a:9@f"}, {0, 2, 2, 1, "z:1"},  {0, 0, 1, 1, "0:1"},
    };
    static const struct wanted wanted[] = {
        {NULL, 0, 7, 20, 7, 0},   {"z:1", 0, 2, 4, 2, 4},  {"a:9@f", 0, 3, 4, 1, 4},
        {"a:9@g", 0, 4, 4, 1, 4}, {"a:10", 0, 5, 4, 1, 4}, {"b:1", 0, 6, 4, 1, 4},
        {"0:1", 0, 7, 0, 1, 0},
    };
    struct ctm_snapshot *s = make_snapshot(specs, 6);
    check_tree(s, CTM_KEY_FRAME, false, wanted, 7);
    check_tree(s, CTM_KEY_FRAME, true, wanted, 7);
    ctm_snapshot_unref(s);
}

/* A snapshot that was filtered has the tables of the whole: what has no blocks is in no tree. */
static void test_no_empty_nodes(void **state)
{
    (void)state;
    static const struct wanted wanted[] = {
        {NULL, 0, 3, 7, 1, 0}, {"m:2@main", 0, 3, 7, 1, 0}, {"b:9@g", 1, 3, 7, 1, 7}};
    static const struct wanted nothing[] = {{NULL, 0, 1, 0, 0, 0}};
    struct ctm_snapshot *s = make_snapshot(TRACES, TRACE_COUNT);
    struct ctm_snapshot *few;
    assert_ok(ctm_snapshot_with_rows(s, &s->rows[3], 1, &few));
    check_tree(few, CTM_KEY_FRAME, false, wanted, 3);
    struct ctm_tree tree;
    assert_ok(ctm_tree_make(few, CTM_KEY_FRAME, false, &tree));
    assert_int_equal(tree.frame_count, 2);
    ctm_tree_free(&tree);
    ctm_snapshot_unref(few);
    assert_ok(ctm_snapshot_with_rows(s, NULL, 0, &few));
    check_tree(few, CTM_KEY_MODULE, false, nothing, 1);
    check_tree(few, CTM_KEY_FRAME, true, nothing, 1);
    ctm_snapshot_unref(few);
    ctm_snapshot_unref(s);
}

static void test_refusals(void **state)
{
    (void)state;
    const uint64_t half = UINT64_C(1) << 63;
    const struct spec specs[] = {{0, half, 1, 1, "a:1"}, {0, half, 1, 1, "b:1"}};
    struct ctm_tree tree = {.node_count = 7};
    struct ctm_snapshot *s = make_snapshot(specs, 2);
    assert_int_equal(ctm_tree_make(s, CTM_KEY_TRACEBACK, false, &tree), CTM_EINVAL);
    assert_int_equal(ctm_tree_make(s, CTM_KEY_COUNT, false, &tree), CTM_EINVAL);
    assert_int_equal(ctm_tree_make(s, CTM_KEY_FRAME, false, &tree), CTM_ELIMIT);
    assert_int_equal(ctm_tree_make(s, CTM_KEY_FRAME, true, &tree), CTM_ELIMIT);
    assert_int_equal(tree.node_count, 7);
    ctm_snapshot_unref(s);
}

/* ---- random ---- */

static struct model traces;

/* The path from the root to a node, as the model writes tracebacks. */
static void path_of(const struct ctm_snapshot *s, enum ctm_key key, const struct ctm_tree *tree,
                    uint32_t node, struct model_traceback *out)
{
    memset(out, 0, sizeof *out);
    for (uint32_t at = node; at != 0; at = tree->parents[at]) {
        out->length++;
    }
    size_t left = out->length;
    for (uint32_t at = node; at != 0; at = tree->parents[at]) {
        struct model_traceback one;
        model_key(s->tables, key, false, tree->frames[tree->labels[at]], 0, &one);
        out->frames[--left] = one.frames[0];
    }
}

/* A trace's first `length` frames from the root, as the key sees them. */
static void trace_path(const struct model_trace *trace, enum ctm_key key, bool inverted,
                       size_t length, struct model_traceback *out)
{
    memset(out, 0, sizeof *out);
    out->length = length;
    for (size_t i = 0; i < length; i++) {
        size_t at = inverted ? trace->traceback.length - 1 - i : i;
        out->frames[i] = model_frame_by(key, trace->traceback.frames[at], trace->names[at]);
    }
}

static void check_node(const struct ctm_snapshot *s, enum ctm_key key, bool inverted,
                       const struct ctm_tree *tree, uint32_t node)
{
    struct model_traceback path;
    uint64_t size = 0;
    uint64_t count = 0;
    uint64_t own_size = 0;
    uint64_t own_count = 0;
    path_of(s, key, tree, node, &path);
    for (size_t i = 0; i < traces.length; i++) {
        const struct model_trace *trace = &traces.traces[i];
        struct model_traceback start;
        if (trace->traceback.length < path.length) {
            continue;
        }
        trace_path(trace, key, inverted, path.length, &start);
        if (model_compare(&start, &path) == 0) {
            bool ends = trace->traceback.length == path.length;
            size += trace->size * trace->count;
            count += trace->count;
            own_size += ends ? trace->size * trace->count : 0;
            own_count += ends ? trace->count : 0;
        }
    }
    assert_int_equal(tree->sizes[node], size);
    assert_int_equal(tree->counts[node], count);
    assert_int_equal(tree->own_sizes[node], own_size);
    assert_int_equal(tree->own_counts[node], own_count);
}

/* Children follow their parent, the largest first; each frame occurs once among them. */
static void check_shape(const struct ctm_tree *tree)
{
    assert_int_equal(tree->ends[0], tree->node_count);
    for (uint32_t node = 0; node < tree->node_count; node++) {
        uint32_t last = 0;
        uint32_t at = node + 1;
        while (at < tree->ends[node]) {
            assert_int_equal(tree->parents[at], node);
            assert_true(tree->counts[at] != 0);
            if (last != 0) {
                assert_true(tree->sizes[last] >= tree->sizes[at]);
                bool tie = tree->sizes[last] == tree->sizes[at];
                assert_true(!tie || tree->counts[last] >= tree->counts[at]);
                tie = tie && tree->counts[last] == tree->counts[at];
                assert_true(!tie || tree->labels[last] < tree->labels[at]);
            }
            last = at;
            at = tree->ends[at];
        }
        assert_int_equal(at, tree->ends[node]);
    }
}

/* Every trace ends at the node of its path, so no node is missing: what own blocks add up to. */
static void check_complete(const struct ctm_tree *tree)
{
    uint64_t count = 0;
    uint64_t wanted = 0;
    for (uint32_t i = 0; i < tree->node_count; i++) {
        count += tree->own_counts[i];
    }
    for (size_t i = 0; i < traces.length; i++) {
        wanted += traces.traces[i].count;
    }
    assert_int_equal(count, wanted);
}

static void test_random(void **state)
{
    (void)state;
    static const enum ctm_key keys[] = {CTM_KEY_FRAME, CTM_KEY_LINENO, CTM_KEY_FUNCTION,
                                        CTM_KEY_FILENAME, CTM_KEY_MODULE};
    for (uint64_t seed = test_first_seed(), i = 0; i < test_rounds(300); i++) {
        struct rng rng = rng_from(seed + i);
        model_random(&traces, &rng, rng_chance(&rng, 50));
        struct ctm_snapshot *s = model_snapshot(&traces, rng_chance(&rng, 50));
        for (size_t k = 0; k < 2 * sizeof keys / sizeof *keys; k++) {
            enum ctm_key key = keys[k / 2];
            struct ctm_tree tree;
            assert_ok(ctm_tree_make(s, key, k % 2 != 0, &tree));
            check_shape(&tree);
            check_complete(&tree);
            for (uint32_t node = 0; node < tree.node_count; node++) {
                check_node(s, key, k % 2 != 0, &tree, node);
            }
            ctm_tree_free(&tree);
        }
        ctm_snapshot_unref(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_frame), cmocka_unit_test(test_by_function),
        cmocka_unit_test(test_inverted), cmocka_unit_test(test_recursion_nests),
        cmocka_unit_test(test_ties),     cmocka_unit_test(test_no_empty_nodes),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
