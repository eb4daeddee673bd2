#include <stdlib.h>
#include <string.h>

#include "format/table.h"
#include "format/wire.h"
#include "sample.h"
#include "unit.h"

static void assert_varint(uint64_t value, size_t length)
{
    struct ctm_buffer b = {0};
    uint64_t got;

    ctm_buffer_varint(&b, value);
    assert_int_equal(b.error, CTM_OK);
    assert_int_equal(b.length, length);
    struct ctm_cursor c = ctm_cursor_over(b.bytes, b.length);
    assert_true(ctm_cursor_varint(&c, &got));
    assert_int_equal(got, value);
    assert_int_equal(ctm_cursor_left(&c), 0);
    for (size_t cut = 0; cut < length; cut++) {
        c = ctm_cursor_over(b.bytes, cut);
        assert_false(ctm_cursor_varint(&c, &got));
        assert_int_equal(ctm_cursor_left(&c), cut);
    }
    ctm_buffer_free(&b);
}

static void varints_come_back(void **state)
{
    (void)state;
    assert_varint(0, 1);
    for (unsigned bits = 1; bits <= 64; bits++) {
        uint64_t least = UINT64_C(1) << (bits - 1);
        size_t length = (bits + 6) / 7;
        assert_varint(least, length);
        assert_varint(least | (least - 1), length);
    }
    struct sample_random r = {.state = 1};
    for (int i = 0; i < 100000; i++) {
        uint64_t value = sample_next(&r) >> sample_below(&r, 64);
        size_t length = value ? (size_t)(70 - __builtin_clzll(value)) / 7 : 1;
        assert_varint(value, length);
    }
}

static void assert_no_varint(const char *bytes, size_t length)
{
    struct ctm_cursor c = ctm_cursor_over((const uint8_t *)bytes, length);
    uint64_t value;

    assert_false(ctm_cursor_varint(&c, &value));
    assert_int_equal(ctm_cursor_left(&c), length);
}

static void varints_have_one_encoding(void **state)
{
    (void)state;
    assert_no_varint("\x80\x00", 2);
    assert_no_varint("\xff\x80\x00", 3);
    assert_no_varint("\x81\x80\x80\x00", 4);
    /* 2^64: one bit more than there may be. */
    assert_no_varint("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02", 10);
    assert_no_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10);
    assert_no_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", 11);
    assert_no_varint("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11);
}

static void steps_come_back(void **state)
{
    static const uint64_t edges[] = {0, 1, 2, UINT32_MAX, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX};
    (void)state;

    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        for (size_t j = 0; j < sizeof edges / sizeof *edges; j++) {
            assert_int_equal(ctm_step_apply(edges[i], ctm_step(edges[i], edges[j])), edges[j]);
        }
    }
    assert_int_equal(ctm_step(7, 7), 0);
    assert_int_equal(ctm_step(7, 6), 1);
    assert_int_equal(ctm_step(7, 8), 2);
    assert_int_equal(ctm_step(7, 5), 3);
}

static bool is_text(const char *bytes)
{
    return ctm_text_is_valid(bytes, strlen(bytes));
}

static void text_is_generalized_utf8(void **state)
{
    (void)state;
    assert_true(is_text(""));
    assert_true(is_text("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x8d"));
    assert_true(ctm_text_is_valid("a\0b", 3));
    /* Surrogates: one, the wrong way round, and a pair that is not joined. */
    assert_true(is_text("\xed\xa0\x80"));
    assert_true(is_text("\xed\xbf\xbf\xed\xa0\x80"));
    assert_true(is_text("\xed\xa0\xbd\xed\xb0\x8d"));
    assert_true(is_text("\xf4\x8f\xbf\xbf"));

    assert_false(is_text("\x80"));
    assert_false(is_text("\xff"));
    assert_false(is_text("\xc0\x80"));
    assert_false(is_text("\xc1\xbf"));
    assert_false(is_text("\xe0\x9f\xbf"));
    assert_false(is_text("\xf0\x8f\xbf\xbf"));
    assert_false(is_text("\xf4\x90\x80\x80"));
    assert_false(is_text("\xf8\x88\x80\x80\x80"));
    assert_false(is_text("\xc3("));
    assert_false(is_text("\xe2\x82"));
    assert_false(is_text("seven b\xc3"));
    assert_false(is_text("exactly8\xe2"));
    assert_false(is_text("seven b\xc3\xa9 and then \x80 more"));
}

static void checksum_is_xxh64(void **state)
{
    (void)state;
    assert_int_equal(ctm_checksum("", 0), UINT64_C(0xef46db3751d8e999));
    assert_int_equal(ctm_checksum("abc", 3), UINT64_C(0x44bc2cf5ad770999));
}

static void fixed_integers_are_little_endian(void **state)
{
    struct ctm_buffer b = {0};
    (void)state;

    ctm_buffer_u16(&b, 0x0102);
    ctm_buffer_u64(&b, UINT64_C(0x0304050607080910));
    assert_int_equal(b.length, 10);
    assert_memory_equal(b.bytes, "\x02\x01\x10\x09\x08\x07\x06\x05\x04\x03", 10);
    assert_int_equal(ctm_load_u16(b.bytes), 0x0102);
    assert_int_equal(ctm_load_u64(b.bytes + 2), UINT64_C(0x0304050607080910));
    ctm_buffer_free(&b);
}

static void buffer_keeps_its_error(void **state)
{
    struct ctm_buffer b = {0};
    (void)state;

    ctm_buffer_append(&b, "abc", 3);
    assert_false(ctm_buffer_reserve(&b, SIZE_MAX));
    assert_int_equal(b.error, CTM_ENOMEM);
    ctm_buffer_append(&b, "def", 3);
    ctm_buffer_varint(&b, 1);
    ctm_buffer_u8(&b, 1);
    assert_int_equal(b.length, 3);
    ctm_buffer_free(&b);
}

static void cursor_does_not_pass_its_end(void **state)
{
    static const uint8_t bytes[4] = {1, 2, 3, 4};
    struct ctm_cursor c = ctm_cursor_over(bytes, sizeof bytes);
    (void)state;

    assert_null(ctm_cursor_take(&c, 5));
    assert_null(ctm_cursor_take(&c, UINT64_MAX));
    assert_ptr_equal(ctm_cursor_take(&c, 3), bytes);
    assert_null(ctm_cursor_take(&c, 2));
    assert_ptr_equal(ctm_cursor_take(&c, 1), bytes + 3);
    assert_non_null(ctm_cursor_take(&c, 0));
}

static void tables_come_back(void **state)
{
    struct ctm_table_writer w = {0};
    struct ctm_table table;
    struct sample_random r = {.state = 5};
    (void)state;

    for (size_t rows = 0; rows < 300; rows += 7) {
        uint64_t seed = r.state;
        ctm_table_begin(&w, rows);
        for (unsigned column = 0; column < 3; column++) {
            uint8_t *at = ctm_table_open_column(&w);
            assert_non_null(at);
            for (size_t i = 0; i < rows; i++) {
                uint64_t wide = sample_next(&r); /* before the shift: operands have no order */
                at = ctm_varint_put(at, wide >> sample_below(&r, 64));
            }
            ctm_table_close_column(&w, at);
        }
        ctm_buffer_append(&w.data, "tail", 4);
        struct ctm_cursor bytes = ctm_table_finish(&w);
        assert_null(ctm_table_open(&bytes, 2, &table));
        assert_int_equal(table.rows, rows);
        assert_int_equal(ctm_cursor_left(&bytes), 4);
        assert_memory_equal(bytes.at, "tail", 4);

        struct sample_random again = {.state = seed};
        for (unsigned column = 0; column < 2; column++) {
            assert_true(rows == 0 || !ctm_table_is_used_up(&table, 2));
            for (size_t i = 0; i < rows; i++) {
                uint64_t value;
                uint64_t wide = sample_next(&again);
                assert_true(ctm_cursor_varint(&table.columns[column], &value));
                assert_int_equal(value, wide >> sample_below(&again, 64));
            }
        }
        assert_true(ctm_table_is_used_up(&table, 2));
    }
    ctm_table_free(&w);
}

static void assert_no_table(const char *bytes, size_t length, const char *wrong)
{
    struct ctm_cursor c = ctm_cursor_over((const uint8_t *)bytes, length);
    struct ctm_table table;
    const char *got = ctm_table_open(&c, 2, &table);

    assert_non_null(got);
    assert_non_null(strstr(got, wrong));
}

static void tables_that_lie_are_refused(void **state)
{
    (void)state;
    assert_no_table("", 0, "rows is not a number");
    assert_no_table("\x01", 1, "columns is not a number");
    assert_no_table("\x01\x01\x01\x00", 4, "fewer columns");
    assert_no_table("\x01\x03\x01\x01", 4, "more columns than bytes");
    assert_no_table("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01", 12, "more columns");
    assert_no_table("\x01\x02\x01\xff", 4, "length of a column is not");
    assert_no_table("\x02\x02\x02\x01\x00\x00\x00", 7, "too short for the number of rows");
    assert_no_table("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x01\x01\x00\x00", 15,
                    "too short");
    assert_no_table("\x01\x02\x01\x02\x00\x00", 6, "longer than the bytes left");
    /* Two columns of 2^63 bytes: their sum would be 0. */
    assert_no_table("\x01\x02"
                    "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"
                    "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"
                    "\x00\x00",
                    24, "longer than the bytes left");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(varints_come_back),
        cmocka_unit_test(varints_have_one_encoding),
        cmocka_unit_test(steps_come_back),
        cmocka_unit_test(text_is_generalized_utf8),
        cmocka_unit_test(checksum_is_xxh64),
        cmocka_unit_test(fixed_integers_are_little_endian),
        cmocka_unit_test(buffer_keeps_its_error),
        cmocka_unit_test(cursor_does_not_pass_its_end),
        cmocka_unit_test(tables_come_back),
        cmocka_unit_test(tables_that_lie_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
