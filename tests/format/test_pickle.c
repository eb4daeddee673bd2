/* Dumps of the standard library: what is read, and what memory that takes. */
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "format/pickle.h"
#include "format/pickle_parse.h"
#include "plain_walk.h"
#include "unit.h"

/*
 * A snapshot with the traces (0, 5, (("a.py", 1), ("b.py", 2)), 2), twice, and
 * (7, 300, (("a.py", 1),), None), traceback_limit 2 and note ["x", -1].
 */
static const char dump[] = "\x80\x04"
                           "\x8c\x0btracemalloc\x94\x8c\x08Snapshot\x93)\x81}("
                           "\x8c\x06traces"
                           "h\0\x8c\x07_Traces\x93)\x81}\x8c\x07_traces]("
                           "(K\0K\5\x8c\4a.pyK\1\x86\x94\x8c\4b.pyK\2\x86\x86\x94K\2t"
                           "(K\0K\5h\2K\2t"
                           "(K\7M\x2c\1h\1\x85Nt"
                           "esb"
                           "\x8c\x0ftraceback_limitK\2"
                           "\x8c\4note](\x8c\1xJ\xff\xff\xff\xff"
                           "e"
                           "ub.";

static int read_bytes(const void *bytes, size_t length, struct ctm_snapshot **s,
                      struct ctm_metadata *metadata, struct ctm_file_error *error)
{
    *error = (struct ctm_file_error){0};
    return ctm_pickle_read(bytes, length, ctm_limits_default, s, metadata, error);
}

static void assert_text(const struct ctm_tables *t, uint32_t string, const char *text)
{
    assert_int_equal(t->strings[string].length, strlen(text));
    assert_memory_equal(t->strings[string].bytes, text, strlen(text));
}

static void assert_frame(const struct ctm_tables *t, uint32_t node, const char *file, uint32_t line)
{
    struct ctm_frame frame = t->frames[t->nodes[node].frame];
    assert_text(t, frame.file, file);
    assert_text(t, frame.name, "");
    assert_int_equal(frame.line, line);
}

static void reads_a_dump(void **state)
{
    struct ctm_snapshot *s;
    struct ctm_metadata metadata;
    struct ctm_file_error error;
    (void)state;

    assert_true(ctm_pickle_is_one((const uint8_t *)dump, sizeof dump - 1));
    assert_int_equal(read_bytes(dump, sizeof dump - 1, &s, &metadata, &error), CTM_OK);
    const struct ctm_tables *t = s->tables;
    assert_int_equal(s->trace_count, 3);
    assert_int_equal(s->row_count, 2);
    assert_int_equal(s->info.nframe, 2);
    assert_int_equal(s->rows[0].count, 2);
    assert_int_equal(s->rows[0].domain, 0);
    assert_int_equal(s->rows[0].size, 5);
    assert_int_equal(s->rows[1].domain, 7);
    assert_int_equal(s->rows[1].size, 300);

    struct ctm_stack first = t->stacks[s->rows[0].stack];
    assert_int_equal(first.total_nframe, 2);
    assert_frame(t, first.node, "a.py", 1);
    assert_frame(t, t->nodes[first.node].parent, "b.py", 2);
    struct ctm_stack second = t->stacks[s->rows[1].stack];
    assert_int_equal(second.total_nframe, CTM_TOTAL_UNKNOWN);
    assert_frame(t, second.node, "a.py", 1);
    assert_int_equal(t->nodes[second.node].parent, CTM_NO_NODE);

    struct ctm_cursor value = {0};
    struct ctm_plain_item item;
    assert_int_equal(metadata.about.length, 0);
    assert_true(plain_find(metadata.attributes.bytes, metadata.attributes.length, "note", &value));
    assert_null(ctm_plain_next(&value, &item));
    assert_int_equal(item.kind, CTM_PLAIN_LIST);
    assert_int_equal(item.count, 2);
    ctm_metadata_free(&metadata);
    ctm_snapshot_unref(s);
}

static void is_refused_at_every_length(void **state)
{
    (void)state;

    for (size_t length = 0; length < sizeof dump - 1; length++) {
        struct ctm_snapshot *s;
        struct ctm_metadata metadata;
        struct ctm_file_error error;
        /* Of exactly this size, so that a reader that goes past it is seen. */
        void *copy = malloc(length + 1);
        assert_non_null(copy);
        memcpy(copy, dump, length);
        assert_int_equal(read_bytes(copy, length, &s, &metadata, &error), CTM_EFORMAT);
        assert_true(error.text[0] != '\0');
        free(copy);
    }
}

/* Instructions that take more values than there are: never what stands below. */
static void values_that_are_not_there_are_not_taken(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
    } cases[] = {
        {"\x80\x04(Ne.", 6},  {"\x80\x04(e.", 5},   {"\x80\x04(NNu.", 7},
        {"\x80\x04Na.", 5},   {"\x80\x04NNs.", 6},  {"\x80\x04](Ns.", 7},
        {"\x80\x04\x94.", 4}, {"\x80\x04\x85.", 4}, {"\x80\x04N\x86.", 5},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ctm_snapshot *s;
        struct ctm_metadata metadata;
        struct ctm_file_error error;
        assert_int_equal(read_bytes(cases[i].bytes, cases[i].length, &s, &metadata, &error),
                         CTM_EFORMAT);
        if (strstr(error.text, "the stack has too few values") == NULL) {
            fail_msg("case %zu: %s", i, error.text);
        }
    }
}

/*
 * Protocol 2, whose classes are named by lines; a trace (5, (("a.py", 1),)) of Python 3.5 and one
 * (7, 6, (("a.py", 1),)) of 3.8; attributes of several kinds.
 */
static const char old_dump[] = "\x80\x02"
                               "ctracemalloc\nSnapshot\n)\x81}("
                               "\x8c\x06traces"
                               "ctracemalloc\n_Traces\n)\x81}\x8c\x07_traces]"
                               "(K\5\x8c\4a.pyK\1\x86\x85\x86"
                               "K\7K\6\x8c\4a.pyK\1\x86\x85\x87"
                               "esb"
                               "\x8c\x0ftraceback_limitN"
                               "\x8c\5tupleK\1K\2\x86"
                               "\x8c\4dict}\x8c\1kK\3s"
                               "\x8c\6numberK\7"
                               "ub.";

static struct ctm_plain_item find_attribute(const struct ctm_metadata *metadata, const char *name)
{
    struct ctm_cursor value = {0};
    struct ctm_plain_item item;
    const struct ctm_buffer *dict = &metadata->attributes;
    assert_true(plain_find(dict->bytes, dict->length, name, &value));
    assert_null(ctm_plain_next(&value, &item));
    return item;
}

static void reads_what_older_versions_wrote(void **state)
{
    struct ctm_snapshot *s;
    struct ctm_metadata metadata;
    struct ctm_file_error error;
    (void)state;

    assert_int_equal(read_bytes(old_dump, sizeof old_dump - 1, &s, &metadata, &error), CTM_OK);
    assert_int_equal(s->row_count, 2);
    for (size_t i = 0; i < 2; i++) {
        struct ctm_stack stack = s->tables->stacks[s->rows[i].stack];
        assert_int_equal(s->rows[i].domain, i == 0 ? 0 : 7);
        assert_int_equal(s->rows[i].size, i == 0 ? 5 : 6);
        assert_int_equal(stack.total_nframe, CTM_TOTAL_UNKNOWN);
        assert_frame(s->tables, stack.node, "a.py", 1);
    }
    struct ctm_plain_item tuple = find_attribute(&metadata, "tuple");
    assert_int_equal(tuple.kind, CTM_PLAIN_TUPLE);
    assert_int_equal(tuple.count, 2);
    struct ctm_plain_item dict = find_attribute(&metadata, "dict");
    assert_int_equal(dict.kind, CTM_PLAIN_DICT);
    assert_int_equal(dict.count, 1);
    struct ctm_plain_item number = find_attribute(&metadata, "number");
    assert_int_equal(number.kind, CTM_PLAIN_INT);
    assert_int_equal(number.length, 1);
    assert_int_equal(number.bytes[0], 7);
    /* No limit that the snapshot's info has room for: it stays what it was. */
    assert_int_equal(find_attribute(&metadata, "traceback_limit").kind, CTM_PLAIN_NONE);
    ctm_metadata_free(&metadata);
    ctm_snapshot_unref(s);
}

static void refuses_what_is_out_of_range(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *text;
    } cases[] = {
        {"\x80\1.", 3, "protocol"},
        {"\x80\6.", 3, "protocol"},
        {"\x80\4h\0.", 5, "a value that was not remembered"},
        {"\x80\4N\x94h\1.", 7, "a value that was not remembered"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ctm_snapshot *s;
        struct ctm_metadata metadata;
        struct ctm_file_error error;
        assert_int_equal(read_bytes(cases[i].bytes, cases[i].length, &s, &metadata, &error),
                         CTM_EFORMAT);
        if (strstr(error.text, cases[i].text) == NULL) {
            fail_msg("case %zu: %s", i, error.text);
        }
    }
}

/* One trace, appended alone, whose size has five bytes. */
static const char one_trace[] = "\x80\x04"
                                "\x8c\x0btracemalloc\x94\x8c\x08Snapshot\x93)\x81}("
                                "\x8c\x06traces"
                                "h\0\x8c\x07_Traces\x93)\x81}\x8c\x07_traces]"
                                "(K\0\x8a\5\5\4\3\2\1\x8c\4a.pyK\1\x86\x85K\1t"
                                "asb"
                                "\x8c\x0ftraceback_limitK\2"
                                "ub.";

static void numbers_keep_every_byte(void **state)
{
    struct ctm_snapshot *s;
    struct ctm_metadata metadata;
    struct ctm_file_error error;
    (void)state;

    assert_int_equal(read_bytes(one_trace, sizeof one_trace - 1, &s, &metadata, &error), CTM_OK);
    assert_int_equal(s->row_count, 1);
    assert_int_equal(s->rows[0].size, 0x0102030405);
    ctm_metadata_free(&metadata);
    ctm_snapshot_unref(s);
}

/* The dump with a line, or a domain, that does not fit or is less than nothing. */
static void numbers_a_trace_cannot_have_are_refused(void **state)
{
    static const char *const numbers[] = {
        "J\xff\xff\xff\xff",          /* -1 */
        "\x8a\5\xff\xff\xff\xff\x01", /* 2^33 - 1 */
    };
    static const char *const places[] = {"K\1\x86\x85K\1t", "K\1t"};
    (void)state;

    for (size_t i = 0; i < 4; i++) {
        char bytes[sizeof one_trace + 8];
        struct ctm_snapshot *s;
        struct ctm_metadata metadata;
        struct ctm_file_error error;
        const char *number = numbers[i % 2];
        const char *place =
            memmem(one_trace, sizeof one_trace, places[i / 2], strlen(places[i / 2]));
        assert_non_null(place);
        size_t before = (size_t)(place - one_trace);
        size_t after = sizeof one_trace - 1 - before - 2;
        memcpy(bytes, one_trace, before);
        memcpy(bytes + before, number, strlen(number));
        memcpy(bytes + before + strlen(number), place + 2, after);
        assert_int_equal(read_bytes(bytes, before + strlen(number) + after, &s, &metadata, &error),
                         CTM_EFORMAT);
        assert_non_null(strstr(error.text, "32 bits"));
    }
}

/* A chain of links that hold nothing would be long to walk, as often as the list is named. */
static void adding_nothing_to_a_list_takes_no_memory(void **state)
{
    static const char plain[] = "\x80\4].";
    static const char extended[] = "\x80\4](e(e(e.";
    struct ctm_pickle one;
    struct ctm_pickle other;
    struct ctm_file_error error;
    (void)state;

    assert_int_equal(ctm_pickle_parse((const uint8_t *)plain, sizeof plain - 1, &one, &error),
                     CTM_OK);
    assert_int_equal(
        ctm_pickle_parse((const uint8_t *)extended, sizeof extended - 1, &other, &error), CTM_OK);
    assert_int_equal(other.node_count, one.node_count);
    ctm_pickle_free(&one);
    ctm_pickle_free(&other);
}

/* The dump with something else in the place of its trace. */
static void what_is_no_trace_is_called_by_its_kind(void **state)
{
    static const struct {
        const char *value;
        size_t length;
        const char *kind;
    } cases[] = {
        {"N", 1, "None"},
        {"\x88", 1, "a bool"},
        {"K\1", 2, "an int"},
        {"\x8a\x09\1\1\1\1\1\1\1\1\1", 11, "a large int"},
        {"G\0\0\0\0\0\0\0\0", 9, "a float"},
        {"\x8c\1x", 3, "a str"},
        {"C\1x", 3, "bytes"},
        {"]", 1, "a list"},
        {"}", 1, "a dict"},
        {"ctracemalloc\n_Traces\n", 21, "a class"},
        {"ctracemalloc\n_Traces\n)\x81", 23, "an object"},
    };
    const char *trace = memmem(one_trace, sizeof one_trace, "(K\0", 3);
    const char *end = memmem(one_trace, sizeof one_trace, "asb", 3);
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char bytes[sizeof one_trace + 32];
        struct ctm_snapshot *s;
        struct ctm_metadata metadata;
        struct ctm_file_error error;
        size_t before = (size_t)(trace - one_trace);
        size_t after = sizeof one_trace - 1 - (size_t)(end - one_trace);
        memcpy(bytes, one_trace, before);
        memcpy(bytes + before, cases[i].value, cases[i].length);
        memcpy(bytes + before + cases[i].length, end, after);
        assert_int_equal(read_bytes(bytes, before + cases[i].length + after, &s, &metadata, &error),
                         CTM_EFORMAT);
        if (strstr(error.text, cases[i].kind) == NULL) {
            fail_msg("case %zu: %s", i, error.text);
        }
    }
}

static void as_long_as_the_limit_is_not_too_long(void **state)
{
    struct ctm_snapshot *s;
    struct ctm_metadata metadata;
    struct ctm_file_error error = {0};
    struct ctm_limits limits = ctm_limits_default;
    const uint8_t *bytes = (const uint8_t *)dump;
    (void)state;

    limits.file_length = sizeof dump - 1;
    assert_int_equal(ctm_pickle_read(bytes, sizeof dump - 1, limits, &s, &metadata, &error),
                     CTM_OK);
    ctm_metadata_free(&metadata);
    ctm_snapshot_unref(s);
    limits.file_length--;
    assert_int_equal(ctm_pickle_read(bytes, sizeof dump - 1, limits, &s, &metadata, &error),
                     CTM_ELIMIT);
}

/* A dump whose attribute, in the dict of attributes, is so many lists, each in the one before. */
static int read_nested(size_t depth, struct ctm_file_error *error)
{
    char bytes[sizeof dump + 2 * 2 * CTM_PLAIN_DEPTH];
    struct ctm_snapshot *s;
    struct ctm_metadata metadata;
    const char *attribute = strstr(dump + sizeof dump - 32, "note");
    assert_non_null(attribute);
    size_t length = (size_t)(attribute - dump) + strlen("note");
    memcpy(bytes, dump, length);
    memset(bytes + length, ']', depth);
    memset(bytes + length + depth, 'a', depth - 1);
    length += 2 * depth - 1;
    memcpy(bytes + length, "ub.", 3);
    int status = read_bytes(bytes, length + 3, &s, &metadata, error);
    if (status == CTM_OK) {
        ctm_metadata_free(&metadata);
        ctm_snapshot_unref(s);
    }
    return status;
}

static void attributes_may_be_nested_so_deep(void **state)
{
    struct ctm_file_error error;
    (void)state;

    assert_int_equal(read_nested(CTM_PLAIN_DEPTH - 1, &error), CTM_OK);
    assert_int_equal(read_nested(CTM_PLAIN_DEPTH, &error), CTM_EFORMAT);
    assert_non_null(strstr(error.text, "is nested too deep"));
}

static void messages_are_plain(void **state)
{
    static const char named[] = "\x80\x04\x8c\3\x7fo \x8c\2\x1f~\x93.";
    struct ctm_snapshot *s;
    struct ctm_metadata metadata;
    struct ctm_file_error error;
    (void)state;

    assert_int_equal(read_bytes(named, sizeof named - 1, &s, &metadata, &error), CTM_EFORMAT);
    assert_non_null(strstr(error.text, "?o?.?~"));
    assert_int_equal(read_bytes("text", 4, &s, &metadata, &error), CTM_EFORMAT);
    assert_int_equal(error.offset, 0);
}

static void survives_without_memory(void **state)
{
    size_t failures = 0;
    (void)state;

    for (size_t nth = 1;; nth++) {
        struct ctm_snapshot *s;
        struct ctm_metadata metadata;
        struct ctm_file_error error;
        alloc_measure();
        alloc_fail_at(nth);
        int result = read_bytes(dump, sizeof dump - 1, &s, &metadata, &error);
        bool has_failed = alloc_has_failed();
        alloc_fail_at(0);
        if (result == CTM_OK) {
            /* A table that cannot be made smaller stays as it is. */
            assert_int_equal(s->trace_count, 3);
            ctm_metadata_free(&metadata);
            ctm_snapshot_unref(s);
        } else {
            assert_int_equal(result, CTM_ENOMEM);
            assert_int_equal(error.code, CTM_ENOMEM);
            assert_non_null(strstr(error.text, "memory"));
            failures++;
        }
        assert_int_equal(alloc_held(), 0);
        if (!has_failed) {
            assert_int_equal(result, CTM_OK);
            break;
        }
    }
    assert_true(failures > 8);
}

/* What makes the most of each byte: containers, marks, values that are remembered. */
static void memory_is_proportional(void **state)
{
    static const char *const repeated[] = {")",  "]",      "(",    "N", "\x94",
                                           "N]", "]N\x94", ")h\0", "(e"};
    static const uint8_t start[] = {0x80, 4, ']', 0x94};
    enum { LENGTH = 1 << 20 };
    char *bytes = malloc(LENGTH);
    (void)state;

    assert_non_null(bytes);
    for (size_t i = 0; i < sizeof repeated / sizeof *repeated; i++) {
        struct ctm_snapshot *s;
        struct ctm_metadata metadata;
        struct ctm_file_error error;
        size_t unit = strlen(repeated[i]);
        memcpy(bytes, start, sizeof start);
        for (size_t at = sizeof start; at < LENGTH; at++) {
            bytes[at] = repeated[i][(at - sizeof start) % unit];
        }
        alloc_measure();
        assert_int_equal(read_bytes(bytes, LENGTH, &s, &metadata, &error), CTM_EFORMAT);
        assert_true(alloc_most() < 100 * (size_t)LENGTH);
        assert_int_equal(alloc_held(), 0);
    }
    free(bytes);
}

static void limits_are_kept(void **state)
{
    struct ctm_limits limits = ctm_limits_default;
    struct ctm_snapshot *s;
    struct ctm_metadata metadata;
    struct ctm_file_error error;
    (void)state;

    limits.file_length = sizeof dump - 2;
    assert_int_equal(
        ctm_pickle_read((const uint8_t *)dump, sizeof dump - 1, limits, &s, &metadata, &error),
        CTM_ELIMIT);
    assert_non_null(strstr(error.text, "more than the limit"));
    limits = ctm_limits_default;
    limits.raw_length = 5;
    assert_int_equal(
        ctm_pickle_read((const uint8_t *)dump, sizeof dump - 1, limits, &s, &metadata, &error),
        CTM_ELIMIT);
    assert_non_null(strstr(error.text, "attributes"));
    /* However large a limit is, it is none of less. */
    limits = ctm_limits_default;
    limits.raw_free = UINT64_MAX - sizeof dump + 2;
    limits.expansion = 1;
    assert_int_equal(
        ctm_pickle_read((const uint8_t *)dump, sizeof dump - 1, limits, &s, &metadata, &error),
        CTM_OK);
    ctm_metadata_free(&metadata);
    ctm_snapshot_unref(s);
}

static void a_limit_of_bytes_is_exact(void **state)
{
    struct ctm_limits limits = {.raw_length = 1000, .raw_free = 100, .expansion = 10};
    (void)state;

    assert_int_equal(ctm_limits_raw(&limits, 0), 100);
    assert_int_equal(ctm_limits_raw(&limits, 89), 990);
    assert_int_equal(ctm_limits_raw(&limits, 90), 1000);
    assert_int_equal(ctm_limits_raw(&limits, 91), 1000);
    limits.raw_length = UINT64_MAX;
    limits.expansion = UINT64_C(1) << 60;
    assert_int_equal(ctm_limits_raw(&limits, 15), (UINT64_C(15) << 60) + 100);
    assert_int_equal(ctm_limits_raw(&limits, 16), UINT64_MAX);
    limits.expansion = 1;
    assert_int_equal(ctm_limits_raw(&limits, UINT64_MAX - 99), UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_dump),
        cmocka_unit_test(is_refused_at_every_length),
        cmocka_unit_test(values_that_are_not_there_are_not_taken),
        cmocka_unit_test(reads_what_older_versions_wrote),
        cmocka_unit_test(refuses_what_is_out_of_range),
        cmocka_unit_test(numbers_a_trace_cannot_have_are_refused),
        cmocka_unit_test(what_is_no_trace_is_called_by_its_kind),
        cmocka_unit_test(adding_nothing_to_a_list_takes_no_memory),
        cmocka_unit_test(numbers_keep_every_byte),
        cmocka_unit_test(as_long_as_the_limit_is_not_too_long),
        cmocka_unit_test(attributes_may_be_nested_so_deep),
        cmocka_unit_test(messages_are_plain),
        cmocka_unit_test(survives_without_memory),
        cmocka_unit_test(memory_is_proportional),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(a_limit_of_bytes_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
