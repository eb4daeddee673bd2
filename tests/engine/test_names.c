/* Names: each text once, byte for byte, whatever it holds. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "engine/names.h"

struct fixture {
    struct test_refusal refusal;
    struct ctm_pages pages;
    struct ctm_arena arena;
    struct ctm_names names;
};

static void open_fixture(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    ctm_pages_init(&f->pages);
    test_refuse(&f->pages, &f->refusal);
    ctm_arena_init(&f->arena, &f->pages);
    ctm_names_init(&f->names, &f->arena);
}

static uint32_t intern(struct ctm_names *names, const char *bytes, size_t length)
{
    uint32_t id = UINT32_MAX;
    assert_int_equal(ctm_names_intern(names, bytes, length, &id), CTM_OK);
    assert_true(id < names->length);
    assert_int_equal(names->items[id].length, length);
    assert_memory_equal(names->items[id].bytes, bytes, length);
    return id;
}

static void equal_texts_have_one_id(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    char buffer[] = "app.py";
    assert_int_equal(intern(&f.names, "", 0), 0);
    assert_int_equal(intern(&f.names, buffer, 6), 1);
    buffer[0] = 'b'; /* the text was copied */
    assert_int_equal(intern(&f.names, "app.py", 6), 1);
    assert_int_equal(intern(&f.names, buffer, 6), 2);
    assert_int_equal(intern(&f.names, "app.p", 5), 3);
    assert_int_equal(intern(&f.names, "", 0), 0);
    uint32_t id;
    assert_int_equal(ctm_names_intern(&f.names, buffer, (size_t)UINT32_MAX + 1, &id), CTM_ELIMIT);
    assert_int_equal(f.names.length, 4);
    ctm_pages_deinit(&f.pages);
}

static void bytes_of_any_value_are_kept(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    static const char texts[][6] = {"a\0b", "a\0c", "\0\0\0", "\xed\xa0\x80", "\xff\xfe\xfd"};
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(intern(&f.names, texts[i], 3), i);
    }
    assert_int_equal(intern(&f.names, "\0", 1), 5);
    assert_int_equal(intern(&f.names, "\0\0", 2), 6);
    ctm_pages_deinit(&f.pages);
}

static void long_texts_are_kept(void **state)
{
    (void)state;
    enum { LENGTH = 1 << 20 };
    struct fixture f;
    open_fixture(&f);
    char *text = malloc(LENGTH);
    assert_non_null(text);
    memset(text, 'x', LENGTH);
    assert_int_equal(intern(&f.names, text, LENGTH), 0);
    assert_int_equal(intern(&f.names, text, LENGTH - 1), 1);
    text[LENGTH / 2] = 'y';
    assert_int_equal(intern(&f.names, text, LENGTH), 2);
    text[LENGTH / 2] = 'x';
    assert_int_equal(intern(&f.names, text, LENGTH), 0);
    free(text);
    ctm_pages_deinit(&f.pages);
}

/* Two names that the index cannot tell apart. */
static void equal_hashes_are_not_equal_names(void **state)
{
    (void)state;
    static const char first[] = "module_0245304.py";
    static const char second[] = "module_0288368.py";
    const size_t length = sizeof first - 1;
    uint64_t differ = XXH3_64bits(first, length) ^ XXH3_64bits(second, length);
    assert_int_equal((uint32_t)differ, 0);
    struct fixture f;
    open_fixture(&f);
    assert_int_equal(intern(&f.names, first, length), 0);
    assert_int_equal(intern(&f.names, second, length), 1);
    assert_int_equal(intern(&f.names, first, length), 0);
    assert_int_equal(intern(&f.names, second, length), 1);
    ctm_pages_deinit(&f.pages);
}

static size_t text_of(uint32_t number, char text[64])
{
    return (size_t)snprintf(text, 64, "package_%u/module_%u.py", number % 100, number);
}

static void many_names_are_found_again(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    struct fixture f;
    char text[64];
    open_fixture(&f);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal(intern(&f.names, text, text_of(i, text)), i);
    }
    for (uint32_t i = COUNT; i > 0; i--) {
        assert_int_equal(intern(&f.names, text, text_of(i - 1, text)), i - 1);
    }
    assert_int_equal(f.names.length, COUNT);
    ctm_pages_deinit(&f.pages);
}

/* Each request for pages refused once: one name fails, and is there when it is asked for again. */
static void a_refusal_loses_nothing(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    struct fixture f;
    char text[64];
    size_t refused = 0;
    for (size_t nth = 1; refused + 1 >= nth; nth++) {
        open_fixture(&f);
        f.refusal.first = nth;
        f.refusal.count = 1;
        for (uint32_t i = 0; i < COUNT; i++) {
            uint32_t id = 0;
            size_t length = text_of(i, text);
            int error = ctm_names_intern(&f.names, text, length, &id);
            if (error < 0) {
                assert_int_equal(error, CTM_ENOMEM);
                assert_int_equal(f.names.length, i);
                refused++;
                error = ctm_names_intern(&f.names, text, length, &id);
            }
            assert_int_equal(error, CTM_OK);
            assert_int_equal(id, i);
        }
        for (uint32_t i = 0; i < COUNT; i += 7) {
            assert_int_equal(intern(&f.names, text, text_of(i, text)), i);
        }
        ctm_pages_deinit(&f.pages);
    }
    assert_true(refused >= 6); /* the record, index and items, both of them grown, and the arena */
}

/* An id is used again, the lowest first, and what was given back is not found. */
static void what_was_given_back_makes_room(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(intern(&f.names, (const char *)&i, sizeof i), i);
    }
    const char *text = f.names.items[2].bytes;
    ctm_names_free(&f.names, 4);
    ctm_names_free(&f.names, 2);
    ctm_names_free(&f.names, 1);
    assert_int_equal(f.names.length, 4);
    assert_int_equal(f.names.index.used, 2);
    assert_int_equal(intern(&f.names, "abcd", 4), 1);
    assert_int_equal(intern(&f.names, "efgh", 4), 2);
    assert_int_equal(intern(&f.names, "ijkl", 4), 4);
    assert_int_equal(intern(&f.names, "abcd", 4), 1);
    /* So are the bytes. */
    assert_true(f.names.items[1].bytes == text || f.names.items[2].bytes == text);
    ctm_pages_deinit(&f.pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_texts_have_one_id),
        cmocka_unit_test(bytes_of_any_value_are_kept),
        cmocka_unit_test(long_texts_are_kept),
        cmocka_unit_test(many_names_are_found_again),
        cmocka_unit_test(a_refusal_loses_nothing),
        cmocka_unit_test(what_was_given_back_makes_room),
        cmocka_unit_test(equal_hashes_are_not_equal_names),
    };
    return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
