#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/plain.h"
#include "plain_walk.h"
#include "sample.h"
#include "unit.h"

static const char *check(const struct ctm_buffer *b)
{
    size_t offset;

    assert_int_equal(b->error, CTM_OK);
    return ctm_plain_check(b->bytes, b->length, &offset);
}

static struct ctm_plain_item read_one(const struct ctm_buffer *b)
{
    struct ctm_cursor c = ctm_cursor_over(b->bytes, b->length);
    struct ctm_plain_item item;

    assert_null(check(b));
    assert_null(ctm_plain_next(&c, &item));
    assert_int_equal(ctm_cursor_left(&c), 0);
    return item;
}

static void assert_int64(int64_t value, size_t length)
{
    struct ctm_buffer b = {0};
    uint64_t got = value < 0 ? UINT64_MAX : 0;

    ctm_plain_put_int64(&b, value);
    struct ctm_plain_item item = read_one(&b);
    assert_int_equal(item.kind, CTM_PLAIN_INT);
    assert_int_equal(item.length, length);
    for (size_t i = item.length; i-- > 0;) {
        got = got << 8 | item.bytes[i];
    }
    assert_int_equal(got, (uint64_t)value);
    ctm_buffer_free(&b);
}

static void ints_are_as_short_as_can_be(void **state)
{
    (void)state;
    assert_int64(0, 0);
    assert_int64(1, 1);
    assert_int64(-1, 1);
    assert_int64(127, 1);
    assert_int64(128, 2);
    assert_int64(-128, 1);
    assert_int64(-129, 2);
    assert_int64(255, 2);
    assert_int64(32767, 2);
    assert_int64(32768, 3);
    assert_int64(INT64_MAX, 8);
    assert_int64(INT64_MIN, 8);

    struct ctm_buffer b = {0};
    uint8_t large[300] = {0};
    large[200] = 0x80;
    ctm_plain_put_int(&b, large, sizeof large);
    struct ctm_plain_item item = read_one(&b);
    assert_int_equal(item.length, 202);
    assert_memory_equal(item.bytes, large, 202);
    ctm_buffer_free(&b);
}

static void floats_keep_every_bit(void **state)
{
    const double values[] = {0.0, -0.0, 1.5, -1e308, 5e-324, INFINITY, -INFINITY, NAN};
    (void)state;

    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct ctm_buffer b = {0};
        ctm_plain_put_float(&b, values[i]);
        struct ctm_plain_item item = read_one(&b);
        assert_int_equal(item.kind, CTM_PLAIN_FLOAT);
        assert_memory_equal(&item.number, &values[i], sizeof values[i]);
        ctm_buffer_free(&b);
    }
}

static void scalars_come_back(void **state)
{
    struct ctm_buffer b = {0};
    struct ctm_plain_item item;
    (void)state;

    ctm_plain_put_tuple(&b, 7);
    ctm_plain_put_none(&b);
    ctm_plain_put_bool(&b, true);
    ctm_plain_put_bool(&b, false);
    ctm_plain_put_text(&b, "a\0\xed\xa0\x80", 5);
    ctm_plain_put_text(&b, NULL, 0);
    ctm_plain_put_bytes(&b, "\xff\x00", 2);
    ctm_plain_put_bytes(&b, NULL, 0);
    assert_null(check(&b));

    struct ctm_cursor c = ctm_cursor_over(b.bytes, b.length);
    assert_null(ctm_plain_next(&c, &item));
    assert_int_equal(item.kind, CTM_PLAIN_TUPLE);
    assert_int_equal(item.count, 7);
    assert_null(ctm_plain_next(&c, &item));
    assert_int_equal(item.kind, CTM_PLAIN_NONE);
    assert_null(ctm_plain_next(&c, &item));
    assert_int_equal(item.kind, CTM_PLAIN_TRUE);
    assert_null(ctm_plain_next(&c, &item));
    assert_int_equal(item.kind, CTM_PLAIN_FALSE);
    assert_null(ctm_plain_next(&c, &item));
    assert_int_equal(item.kind, CTM_PLAIN_TEXT);
    assert_int_equal(item.length, 5);
    assert_memory_equal(item.bytes, "a\0\xed\xa0\x80", 5);
    assert_null(ctm_plain_next(&c, &item));
    assert_int_equal(item.kind, CTM_PLAIN_TEXT);
    assert_int_equal(item.length, 0);
    assert_null(ctm_plain_next(&c, &item));
    assert_int_equal(item.kind, CTM_PLAIN_BYTES);
    assert_memory_equal(item.bytes, "\xff\x00", 2);
    assert_null(ctm_plain_next(&c, &item));
    assert_int_equal(item.length, 0);
    assert_int_equal(ctm_cursor_left(&c), 0);
    assert_non_null(ctm_plain_next(&c, &item));
    ctm_buffer_free(&b);
}

/* `depth` containers inside each other. */
static struct ctm_buffer nested(unsigned depth)
{
    struct ctm_buffer b = {0};

    for (unsigned i = 0; i < depth; i++) {
        switch (i % 3) {
        case 0:
            ctm_plain_put_list(&b, 1);
            break;
        case 1:
            ctm_plain_put_dict(&b, 1);
            ctm_plain_put_none(&b);
            break;
        default:
            ctm_plain_put_tuple(&b, 1);
            break;
        }
    }
    ctm_plain_put_none(&b);
    return b;
}

static void nesting_has_a_limit(void **state)
{
    (void)state;
    for (unsigned depth = CTM_PLAIN_DEPTH - 3; depth <= CTM_PLAIN_DEPTH; depth++) {
        struct ctm_buffer b = nested(depth);
        assert_null(check(&b));
        ctm_buffer_free(&b);
    }
    for (unsigned depth = CTM_PLAIN_DEPTH + 1; depth < 100000; depth += 1 + depth / 2) {
        struct ctm_buffer b = nested(depth);
        assert_string_equal(check(&b), "values are nested too deep");
        ctm_buffer_free(&b);
    }
}

static void assert_wrong(const char *bytes, size_t length, const char *wrong, size_t at)
{
    size_t offset;
    const char *got = ctm_plain_check((const uint8_t *)bytes, length, &offset);

    assert_non_null(got);
    assert_string_equal(got, wrong);
    assert_int_equal(offset, at);
}

static void bad_values_are_named(void **state)
{
    (void)state;
    assert_wrong("", 0, "a value is missing", 0);
    assert_wrong("x", 1, "a tag is unknown", 0);
    assert_wrong("\0", 1, "a tag is unknown", 0);
    assert_wrong("NN", 2, "bytes are left over", 1);
    assert_wrong("i\x02\x01", 3, "a length is past the end", 0);
    assert_wrong("i\x01\x00", 3, "an int is longer than it has to be", 0);
    assert_wrong("i\x02\x7f\x00", 4, "an int is longer than it has to be", 0);
    assert_wrong("i\x02\x80\xff", 4, "an int is longer than it has to be", 0);
    assert_wrong("i\x80\x00", 3, "a length is not a number", 0);
    assert_wrong("f1234567", 8, "a float is cut off", 0);
    assert_wrong("s\x01\x80", 3, "a text is not valid UTF-8", 0);
    assert_wrong("b\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01z", 12, "a length is past the end", 0);
    assert_wrong("l\x02N", 3, "a count is past the end", 0);
    assert_wrong("t\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01N", 12, "a count is past the end", 0);
    /* Pairs of which twice as many would be 0 again. */
    assert_wrong("d\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01NN", 13, "a count is past the end", 0);
    assert_wrong("d\x01N", 3, "a count is past the end", 0);
    assert_wrong("l\x02Nl\x01", 5, "a count is past the end", 3);
    assert_wrong("l\x02l\x01N", 5, "a value is missing", 5);
}

static void keys_must_be_hashable(void **state)
{
    size_t offset;
    (void)state;

    assert_wrong("d\x01l\x00N", 5, "a key of a dict is not hashable", 2);
    assert_wrong("d\x01"
                 "d\x00N",
                 5, "a key of a dict is not hashable", 2);
    assert_wrong("d\x01t\x02Nl\x00N", 8, "a key of a dict is not hashable", 5);
    assert_wrong("d\x01t\x01t\x01l\x00N", 9, "a key of a dict is not hashable", 6);
    assert_wrong("d\x02NNl\x00N", 7, "a key of a dict is not hashable", 4);
    assert_null(ctm_plain_check((const uint8_t *)"d\x01t\x01t\x00l\x00", 8, &offset));
    assert_null(ctm_plain_check((const uint8_t *)"d\x02NNTl\x01N", 8, &offset));
}

static void names_must_be_text(void **state)
{
    size_t offset = 77;
    (void)state;

    assert_string_equal(ctm_plain_check_dict((const uint8_t *)"l\x00", 2, &offset),
                        "the value is not a dict");
    assert_int_equal(offset, 0);
    assert_string_equal(ctm_plain_check_dict((const uint8_t *)"", 0, &offset),
                        "a value is missing");
    assert_string_equal(ctm_plain_check_dict((const uint8_t *)"d\x01NN", 4, &offset),
                        "a name is not a text");
    assert_int_equal(offset, 2);
    /* The keys of dicts further in are free. */
    assert_null(ctm_plain_check_dict((const uint8_t *)"d\x01s\x01"
                                                      "ad\x01NN",
                                     9, &offset));
    assert_null(ctm_plain_check_dict((const uint8_t *)"d\x00", 2, &offset));
}

static void keys_are_found(void **state)
{
    struct ctm_buffer b = {0};
    struct ctm_cursor value = {0};
    (void)state;

    assert_false(plain_find(NULL, 0, "a", &value));
    ctm_plain_put_dict(&b, 3);
    ctm_plain_put_text(&b, "deep", 4);
    ctm_plain_put_dict(&b, 1);
    ctm_plain_put_text(&b, "last", 4);
    ctm_plain_put_list(&b, 0);
    ctm_plain_put_text(&b, "last", 4);
    ctm_plain_put_int64(&b, 7);
    ctm_plain_put_text(&b, "", 0);
    ctm_plain_put_none(&b);
    assert_null(check(&b));
    assert_true(plain_find(b.bytes, b.length, "last", &value));
    assert_int_equal(ctm_cursor_left(&value), 3);
    assert_memory_equal(value.at, "i\x01\x07", 3);
    assert_true(plain_find(b.bytes, b.length, "deep", &value));
    assert_int_equal(ctm_cursor_left(&value), 10);
    assert_true(plain_find(b.bytes, b.length, "", &value));
    assert_memory_equal(value.at, "N", 1);
    assert_false(plain_find(b.bytes, b.length, "las", &value));
    assert_false(plain_find(b.bytes, b.length, "lastt", &value));
    ctm_buffer_free(&b);
}

/* Whatever passes the check is stepped over exactly; whatever is cut does not pass. */
static void check_and_skip_agree(void **state)
{
    struct sample_random r = {.state = 9};
    size_t passed = 0;
    (void)state;

    for (uint64_t seed = 0; seed < 2000; seed++) {
        struct ctm_metadata metadata = sample_metadata(seed);
        struct ctm_buffer *b = &metadata.about;
        size_t offset;
        if (b->length != 0) {
            assert_null(ctm_plain_check_dict(b->bytes, b->length, &offset));
            assert_int_equal(offset, b->length);
            for (size_t cut = 0; cut < b->length && cut < 200; cut++) {
                assert_non_null(ctm_plain_check(b->bytes, cut, &offset));
                assert_true(offset <= cut);
            }
            for (int i = 0; i < 100; i++) {
                b->bytes[sample_below(&r, b->length)] = (uint8_t)sample_next(&r);
                if (ctm_plain_check(b->bytes, b->length, &offset) == NULL) {
                    struct ctm_cursor c = ctm_cursor_over(b->bytes, b->length);
                    plain_skip(&c);
                    assert_int_equal(ctm_cursor_left(&c), 0);
                    passed++;
                } else {
                    assert_true(offset <= b->length);
                }
            }
        }
        ctm_metadata_free(&metadata);
    }
    assert_true(passed > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ints_are_as_short_as_can_be), cmocka_unit_test(floats_keep_every_bit),
        cmocka_unit_test(scalars_come_back),           cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(bad_values_are_named),        cmocka_unit_test(keys_must_be_hashable),
        cmocka_unit_test(names_must_be_text),          cmocka_unit_test(keys_are_found),
        cmocka_unit_test(check_and_skip_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
