#include <stdlib.h>
#include <string.h>

#include "craft.h"
#include "format/file.h"
#include "format/plain.h"
#include "sample.h"
#include "unit.h"

static void assert_same_buffer(const struct ctm_buffer *a, const struct ctm_buffer *b)
{
    assert_int_equal(a->length, b->length);
    if (a->length != 0) {
        assert_memory_equal(a->bytes, b->bytes, a->length);
    }
}

static struct ctm_snapshot *decode(const struct ctm_buffer *bytes, struct ctm_metadata *metadata)
{
    struct ctm_file_error error;
    struct ctm_snapshot *s;
    int result =
        ctm_file_decode(bytes->bytes, bytes->length, ctm_limits_default, &s, metadata, &error);

    if (result != CTM_OK) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(error.code, CTM_OK);
    assert_string_equal(error.text, "");
    return s;
}

static void round_trip(uint64_t seed, size_t scale, unsigned flags)
{
    struct ctm_snapshot *s = sample_snapshot(seed, scale);
    struct ctm_metadata metadata = sample_metadata(seed);
    struct ctm_buffer bytes = sample_encode(s, &metadata, flags);
    struct ctm_metadata got;
    struct ctm_snapshot *back = decode(&bytes, &got);

    sample_assert_same(s, back);
    assert_same_buffer(&metadata.about, &got.about);
    assert_same_buffer(&metadata.attributes, &got.attributes);

    /* What is read has no entry that no row needs: its bytes are the same, tables and all. */
    struct ctm_buffer again = sample_encode(back, &got, flags);
    assert_same_buffer(&bytes, &again);
    ctm_buffer_free(&again);
    ctm_metadata_free(&got);
    ctm_snapshot_unref(back);

    back = decode(&bytes, NULL);
    sample_assert_same(s, back);
    ctm_snapshot_unref(back);
    ctm_buffer_free(&bytes);
    ctm_metadata_free(&metadata);
    ctm_snapshot_unref(s);
}

static void random_snapshots_come_back(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 600; seed++) {
        round_trip(seed, 1 + seed / 4, seed % 2 ? CTM_FILE_STORED : 0);
    }
    round_trip(1000, 60000, 0);
    round_trip(1001, 60000, CTM_FILE_STORED);
}

static struct ctm_snapshot *empty_snapshot(void)
{
    struct ctm_builder *b;
    struct ctm_snapshot *s;
    struct ctm_info info = {0};

    assert_int_equal(ctm_builder_new(&b), CTM_OK);
    assert_int_equal(ctm_builder_finish(b, &info, &s), CTM_OK);
    return s;
}

static void nothing_comes_back(void **state)
{
    struct ctm_snapshot *s = empty_snapshot();
    struct ctm_buffer bytes = sample_encode(s, NULL, 0);
    struct ctm_metadata metadata;
    struct ctm_snapshot *back = decode(&bytes, &metadata);
    (void)state;

    sample_assert_same(s, back);
    assert_int_equal(back->row_count, 0);
    assert_int_equal(metadata.about.length, 0);
    assert_int_equal(metadata.attributes.length, 0);
    assert_true(ctm_file_is_one(bytes.bytes, bytes.length));
    ctm_metadata_free(&metadata);
    ctm_snapshot_unref(back);
    ctm_buffer_free(&bytes);
    ctm_snapshot_unref(s);
}

static void bytes_are_appended(void **state)
{
    struct ctm_snapshot *s = sample_snapshot(3, 50);
    struct ctm_buffer alone = sample_encode(s, NULL, 0);
    struct ctm_buffer out = {0};
    struct ctm_file_error error;
    (void)state;

    ctm_buffer_append(&out, "before", 6);
    assert_int_equal(ctm_file_encode(s, NULL, 0, &out, &error), CTM_OK);
    assert_int_equal(out.length, 6 + alone.length);
    assert_memory_equal(out.bytes, "before", 6);
    assert_memory_equal(out.bytes + 6, alone.bytes, alone.length);
    ctm_buffer_free(&out);
    ctm_buffer_free(&alone);
    ctm_snapshot_unref(s);
}

static bool contains(const struct ctm_buffer *bytes, const char *text)
{
    return memmem(bytes->bytes, bytes->length, text, strlen(text)) != NULL;
}

/* Rows over two stacks that share their root; each frame has a file of its own. */
static struct ctm_snapshot *two_stacks(void)
{
    static const char *const files[] = {"root.py", "kept.py", "secret.py"};
    struct ctm_builder *b;
    struct ctm_snapshot *s;
    struct ctm_info info = {.nframe = 2};
    uint32_t nodes[3];
    uint32_t id;

    assert_int_equal(ctm_builder_new(&b), CTM_OK);
    for (uint32_t i = 0; i < 3; i++) {
        struct ctm_frame frame = {.line = i + 1};
        assert_int_equal(ctm_builder_string(b, files[i], strlen(files[i]), &frame.file), CTM_OK);
        assert_int_equal(ctm_builder_frame(b, frame, &id), CTM_OK);
        assert_int_equal(ctm_builder_node(b, i ? nodes[0] : CTM_NO_NODE, id, &nodes[i]), CTM_OK);
    }
    for (uint32_t i = 1; i < 3; i++) {
        struct ctm_stack stack = {.node = nodes[i], .total_nframe = 2};
        struct ctm_row row = {.size = (uint64_t)10 * i, .count = i};
        assert_int_equal(ctm_builder_stack(b, stack, &row.stack), CTM_OK);
        assert_int_equal(ctm_builder_row(b, row), CTM_OK);
    }
    assert_int_equal(ctm_builder_finish(b, &info, &s), CTM_OK);
    return s;
}

static void only_what_rows_use_is_written(void **state)
{
    struct ctm_snapshot *s = two_stacks();
    struct ctm_snapshot *part;
    (void)state;

    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(ctm_snapshot_with_rows(s, &s->rows[i], 1, &part), CTM_OK);
        struct ctm_buffer bytes = sample_encode(part, NULL, CTM_FILE_STORED);
        assert_true(contains(&bytes, "root.py"));
        assert_int_equal(contains(&bytes, "kept.py"), i == 0);
        assert_int_equal(contains(&bytes, "secret.py"), i == 1);
        struct ctm_snapshot *back = decode(&bytes, NULL);
        sample_assert_same(part, back);
        assert_int_equal(back->tables->string_count, 3);
        assert_int_equal(back->tables->stack_count, 1);
        ctm_snapshot_unref(back);
        ctm_buffer_free(&bytes);
        ctm_snapshot_unref(part);
    }
    ctm_snapshot_unref(s);
}

/* One row; its totals may be what no file can hold. */
static struct ctm_snapshot *row_snapshot(uint64_t size, uint64_t count, const char *file)
{
    struct ctm_builder *b;
    struct ctm_snapshot *s;
    struct ctm_info info = {0};
    struct ctm_frame frame = {.line = 1};
    struct ctm_stack stack = {.total_nframe = 1};
    struct ctm_row row = {.size = size, .count = count};
    uint32_t id;

    assert_int_equal(ctm_builder_new(&b), CTM_OK);
    assert_int_equal(ctm_builder_string(b, file, strlen(file), &frame.file), CTM_OK);
    assert_int_equal(ctm_builder_frame(b, frame, &id), CTM_OK);
    assert_int_equal(ctm_builder_node(b, CTM_NO_NODE, id, &stack.node), CTM_OK);
    assert_int_equal(ctm_builder_stack(b, stack, &row.stack), CTM_OK);
    assert_int_equal(ctm_builder_row(b, row), CTM_OK);
    assert_int_equal(ctm_builder_finish(b, &info, &s), CTM_OK);
    return s;
}

static void assert_not_encoded(struct ctm_snapshot *s, const struct ctm_metadata *metadata,
                               const char *text)
{
    struct ctm_file_error error;
    struct ctm_buffer out = {0};

    ctm_buffer_append(&out, "before", 6);
    assert_int_equal(ctm_file_encode(s, metadata, 0, &out, &error), CTM_EINVAL);
    assert_int_equal(error.code, CTM_EINVAL);
    assert_non_null(strstr(error.text, text));
    assert_int_equal(out.length, 6);
    assert_int_equal(out.error, CTM_OK);
    ctm_buffer_free(&out);
    ctm_snapshot_unref(s);
}

static void what_no_reader_takes_is_not_written(void **state)
{
    const uint64_t half = UINT64_C(1) << 62;
    struct ctm_metadata metadata = {0};
    (void)state;

    round_trip(1, 1, 0);
    struct ctm_snapshot *s = row_snapshot(INT64_MAX, 1, "a.py");
    struct ctm_buffer bytes = sample_encode(s, NULL, 0);
    struct ctm_snapshot *back = decode(&bytes, NULL);
    sample_assert_same(s, back);
    ctm_snapshot_unref(back);
    ctm_buffer_free(&bytes);
    ctm_snapshot_unref(s);

    assert_not_encoded(row_snapshot(half, 2, "a.py"), NULL, "2^63");
    assert_not_encoded(row_snapshot(UINT64_MAX, 1, "a.py"), NULL, "2^63");
    assert_not_encoded(row_snapshot(0, UINT64_MAX, "a.py"), NULL, "2^63");
    assert_not_encoded(row_snapshot(1, 1, "a\xff.py"), NULL, "not valid UTF-8");

    ctm_plain_put_list(&metadata.about, 0);
    assert_not_encoded(row_snapshot(1, 1, "a.py"), &metadata, "description");
    ctm_metadata_free(&metadata);
    ctm_plain_put_dict(&metadata.attributes, 1);
    ctm_plain_put_text(&metadata.attributes, "a", 1);
    assert_not_encoded(row_snapshot(1, 1, "a.py"), &metadata, "attributes");
    ctm_metadata_free(&metadata);
}

/* What a later minor version may do: more columns, more sections, a higher number. */
static void later_minor_versions_are_read(void **state)
{
    struct ctm_snapshot *s = sample_snapshot(17, 40);
    struct ctm_metadata metadata = sample_metadata(17);
    struct ctm_buffer bytes = sample_encode(s, &metadata, CTM_FILE_STORED);
    struct craft_file file = craft_open(&bytes);
    struct ctm_metadata got;
    (void)state;

    file.minor = 7;
    craft_store(craft_insert(&file, 0, "NEW1", 0), "anything", 8);
    struct craft_section *unknown = craft_insert(&file, 4, "NEW2", 0x8000);
    unknown->method = 99;
    unknown->raw_length = UINT64_MAX;
    craft_insert(&file, file.section_count, "NEW2", 0);

    /* INFO with a ninth column: all others have one byte for the head and their values. */
    struct craft_section *info = craft_find(&file, CTM_SECTION_INFO);
    struct ctm_buffer wider = {0};
    assert_int_equal(info->stored.bytes[1], CTM_INFO_COLUMNS);
    ctm_buffer_append(&wider, "\x01\x09", 2);
    ctm_buffer_append(&wider, info->stored.bytes + 2, CTM_INFO_COLUMNS);
    ctm_buffer_append(&wider, "\x02", 1);
    ctm_buffer_append(&wider, info->stored.bytes + 2 + CTM_INFO_COLUMNS,
                      info->stored.length - 2 - CTM_INFO_COLUMNS);
    ctm_buffer_append(&wider, "\x85\x05", 2);
    craft_store(info, wider.bytes, wider.length);

    struct ctm_buffer changed = craft_close(&file);
    struct ctm_snapshot *back = decode(&changed, &got);
    sample_assert_same(s, back);
    assert_same_buffer(&metadata.about, &got.about);
    assert_same_buffer(&metadata.attributes, &got.attributes);
    ctm_snapshot_unref(back);
    ctm_metadata_free(&got);
    ctm_buffer_free(&changed);
    ctm_buffer_free(&wider);
    craft_free(&file);
    ctm_buffer_free(&bytes);
    ctm_metadata_free(&metadata);
    ctm_snapshot_unref(s);
}

/* A section that would expand too far for the limits is stored as it is. */
static void every_file_meets_the_expansion_limit(void **state)
{
    struct ctm_snapshot *s = two_stacks();
    struct ctm_metadata metadata = {0};
    struct ctm_metadata got;
    size_t length = 100u << 20;
    char *zeros = calloc(1, length);
    (void)state;

    assert_non_null(zeros);
    ctm_plain_put_dict(&metadata.attributes, 1);
    ctm_plain_put_text(&metadata.attributes, "zeros", 5);
    ctm_plain_put_bytes(&metadata.attributes, zeros, length);
    struct ctm_buffer bytes = sample_encode(s, &metadata, 0);
    assert_true(bytes.length > length);
    struct ctm_snapshot *back = decode(&bytes, &got);
    assert_same_buffer(&metadata.attributes, &got.attributes);
    free(zeros);
    ctm_snapshot_unref(back);
    ctm_metadata_free(&got);
    ctm_buffer_free(&bytes);
    ctm_metadata_free(&metadata);
    ctm_snapshot_unref(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_snapshots_come_back),
        cmocka_unit_test(nothing_comes_back),
        cmocka_unit_test(bytes_are_appended),
        cmocka_unit_test(only_what_rows_use_is_written),
        cmocka_unit_test(what_no_reader_takes_is_not_written),
        cmocka_unit_test(later_minor_versions_are_read),
        cmocka_unit_test(every_file_meets_the_expansion_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
