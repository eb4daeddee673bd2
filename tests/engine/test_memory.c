/* Pages and the arena: zeroed, on record, never overlapping, and whole again after a refusal. */
#include "support.h"

#include <string.h>

#include "base/arena.h"
#include "base/platform.h"

static bool all_bytes(const void *memory, size_t size, unsigned char value)
{
    const unsigned char *bytes = memory;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != value) {
            return false;
        }
    }
    return true;
}

static size_t record_bytes(const struct ctm_pages *pages)
{
    return pages->capacity * sizeof *pages->mappings;
}

static void pages_are_rounded_zeroed_and_on_record(void **state)
{
    (void)state;
    size_t page = ctm_os_page_size();
    struct ctm_pages pages;
    ctm_pages_init(&pages);
    char *one = ctm_pages_map(&pages, 1);
    char *more = ctm_pages_map(&pages, 2 * page + 1);
    assert_non_null(one);
    assert_non_null(more);
    assert_int_equal((uintptr_t)one % page, 0);
    assert_true(all_bytes(one, page, 0));
    assert_true(all_bytes(more, 3 * page, 0));
    assert_int_equal(pages.mapped, 4 * page);
    assert_int_equal(pages.length, 2);
    assert_ptr_equal(pages.mappings[0].address, one);
    assert_ptr_equal(pages.mappings[1].address, more);
    assert_int_equal(pages.mappings[1].size, 3 * page);
    ctm_pages_unmap(&pages, one, 1);
    assert_int_equal(pages.length, 1);
    assert_int_equal(pages.mapped, 3 * page);
    assert_ptr_equal(pages.mappings[0].address, more);
    ctm_pages_unmap(&pages, NULL, 0);
    assert_int_equal(pages.length, 1);
    ctm_pages_deinit(&pages);
    assert_int_equal(pages.length, 0);
    assert_int_equal(pages.mapped, 0);
    assert_null(pages.mappings);
    assert_non_null(ctm_pages_map(&pages, page));
    ctm_pages_deinit(&pages);
}

static void impossible_sizes_give_nothing(void **state)
{
    (void)state;
    struct ctm_pages pages;
    ctm_pages_init(&pages);
    assert_null(ctm_pages_map(&pages, SIZE_MAX));
    assert_null(ctm_pages_map(&pages, SIZE_MAX / 2));
    assert_null(ctm_pages_map(&pages, 0));
    char *kept = ctm_pages_map(&pages, 100);
    assert_non_null(kept);
    kept[99] = 'x';
    assert_null(ctm_pages_grow(&pages, kept, 100, SIZE_MAX));
    assert_null(ctm_pages_grow(&pages, kept, 100, SIZE_MAX / 2));
    assert_int_equal(kept[99], 'x');
    assert_int_equal(pages.length, 1);
    assert_int_equal(pages.mapped, ctm_os_page_size());
    ctm_pages_deinit(&pages);
}

/* More mappings than the first page of the record holds, given back in another order. */
static void many_mappings_stay_on_record(void **state)
{
    (void)state;
    enum { COUNT = 700 };
    size_t page = ctm_os_page_size();
    struct test_random random = test_random_stream(1);
    struct ctm_pages pages;
    uint32_t *mapped[COUNT];
    ctm_pages_init(&pages);
    for (uint32_t i = 0; i < COUNT; i++) {
        mapped[i] = ctm_pages_map(&pages, page);
        assert_non_null(mapped[i]);
        *mapped[i] = i;
    }
    assert_int_equal(pages.length, COUNT);
    assert_int_equal(pages.mapped, COUNT * page);
    for (uint32_t left = COUNT; left > 0; left--) {
        uint32_t at = (uint32_t)test_random_below(&random, left);
        uint32_t *taken = mapped[at];
        mapped[at] = mapped[left - 1];
        assert_true(*taken < COUNT);
        ctm_pages_unmap(&pages, taken, page);
        assert_int_equal(pages.length, left - 1);
        for (size_t i = 0; i < pages.length; i++) {
            assert_ptr_not_equal(pages.mappings[i].address, taken);
        }
    }
    assert_int_equal(pages.mapped, 0);
    ctm_pages_deinit(&pages);
}

static void growing_keeps_the_content_and_zeroes_the_rest(void **state)
{
    (void)state;
    size_t page = ctm_os_page_size();
    struct ctm_pages pages;
    ctm_pages_init(&pages);
    size_t size = page / 2;
    unsigned char *table = ctm_pages_grow(&pages, NULL, 0, size);
    assert_non_null(table);
    memset(table, 1, size);
    for (unsigned char round = 2; round < 10; round++) {
        /* A neighbour, so that the mapping cannot always stay where it is. */
        assert_non_null(ctm_pages_map(&pages, page));
        table = ctm_pages_grow(&pages, table, size, size * 2);
        assert_non_null(table);
        assert_int_equal(table[0], 1);
        assert_int_equal(table[size - 1], round - 1);
        assert_true(all_bytes(table + size, size, 0));
        memset(table + size, round, size);
        size *= 2;
    }
    assert_int_equal(pages.length, 9);
    assert_int_equal(pages.mapped, size + 8 * page);
    ctm_pages_unmap(&pages, table, size);
    assert_int_equal(pages.mapped, 8 * page);
    ctm_pages_deinit(&pages);
}

static void a_refusal_changes_nothing(void **state)
{
    (void)state;
    size_t page = ctm_os_page_size();
    struct test_refusal refusal = {0};
    struct ctm_pages pages;
    ctm_pages_init(&pages);
    test_refuse(&pages, &refusal);

    test_refuse_next(&refusal, 1); /* the record */
    assert_null(ctm_pages_map(&pages, page));
    assert_null(pages.mappings);
    assert_int_equal(pages.capacity, 0);

    refusal.first = refusal.asked + 2; /* the mapping itself, not the record */
    refusal.count = 1;
    assert_null(ctm_pages_map(&pages, page));
    assert_int_equal(pages.length, 0);
    assert_int_equal(pages.mapped, 0);

    char *table = ctm_pages_map(&pages, page);
    assert_non_null(table);
    table[0] = 'a';
    test_refuse_next(&refusal, 1);
    assert_null(ctm_pages_grow(&pages, table, page, 2 * page));
    assert_int_equal(table[0], 'a');
    assert_int_equal(pages.mapped, page);
    test_refuse_next(&refusal, 1);
    assert_null(ctm_pages_grow(&pages, NULL, 0, page));
    table = ctm_pages_grow(&pages, table, page, 2 * page);
    assert_non_null(table);
    assert_int_equal(pages.mapped, 2 * page);

    ctm_pages_deinit(&pages);
    assert_non_null(pages.refuse);
}

static void resident_is_what_was_touched(void **state)
{
    (void)state;
    size_t page = ctm_os_page_size();
    struct ctm_pages pages;
    ctm_pages_init(&pages);
    assert_int_equal(ctm_pages_resident(&pages), 0);
    char *memory = ctm_pages_map(&pages, 1024 * page);
    assert_non_null(memory);
    size_t before = ctm_pages_resident(&pages);
    assert_true(before >= page); /* the record */
    assert_true(before <= record_bytes(&pages) + pages.mapped);
    memory[0] = 1;
    memory[700 * page] = 1; /* past what one call of the OS answers */
    size_t after = ctm_pages_resident(&pages);
    assert_true(after >= before + 2 * page);
    assert_true(after <= record_bytes(&pages) + pages.mapped);
    memset(memory, 1, 1024 * page);
    assert_int_equal(ctm_pages_resident(&pages), record_bytes(&pages) + 1024 * page);
    ctm_pages_deinit(&pages);
    assert_int_equal(ctm_pages_resident(&pages), 0);
    /* What is not mapped is not resident. */
    assert_int_equal(ctm_os_resident(memory, 1024 * page), 0);
}

/* Whole pages only: the bytes beside them are somebody's. */
static void forgetting_takes_whole_pages_and_leaves_the_rest(void **state)
{
    (void)state;
    size_t page = ctm_os_page_size();
    struct ctm_pages pages;
    ctm_pages_init(&pages);
    char *memory = ctm_pages_map(&pages, 8 * page);
    assert_non_null(memory);
    memset(memory, 7, 8 * page);
    size_t before = ctm_pages_resident(&pages);
    ctm_pages_forget(memory + 1, page - 1);
    ctm_pages_forget(memory + 1, 2 * page - 2);
    assert_int_equal(ctm_pages_resident(&pages), before);
    assert_true(all_bytes(memory, 8 * page, 7));
    ctm_pages_forget(memory + 1, 3 * page);
    assert_int_equal(ctm_pages_resident(&pages), before - 2 * page);
    assert_true(all_bytes(memory, page, 7));
    assert_true(all_bytes(memory + 3 * page, 5 * page, 7));
    assert_true(all_bytes(memory + page, 2 * page, 0));
    ctm_pages_deinit(&pages);
}

/* What is there stays; a kernel that cannot leaves all as it was. */
static void populating_changes_no_byte(void **state)
{
    (void)state;
    size_t page = ctm_os_page_size();
    struct ctm_pages pages;
    ctm_pages_init(&pages);
    char *memory = ctm_pages_map(&pages, 8 * page);
    assert_non_null(memory);
    memory[2 * page] = 7;
    size_t before = ctm_pages_resident(&pages);
    ctm_pages_populate(memory + 1, page);
    assert_int_equal(ctm_pages_resident(&pages), before);
    ctm_pages_populate(memory + 1, 4 * page);
    size_t after = ctm_pages_resident(&pages);
    assert_true(after == before || after == before + 2 * page);
    assert_int_equal(memory[2 * page], 7);
    memory[2 * page] = 0;
    assert_true(all_bytes(memory, 8 * page, 0));
    ctm_pages_deinit(&pages);
}

static void the_system_tells_the_time_and_who_we_are(void **state)
{
    (void)state;
    uint64_t earlier = ctm_os_wall_clock();
    assert_true(earlier > UINT64_C(1700000000) * 1000000000);
    assert_true(ctm_os_process() > 0);
    size_t page = ctm_os_page_size();
    assert_true(page >= 4096 && (page & (page - 1)) == 0);
}

static void pieces_are_aligned_and_zeroed(void **state)
{
    (void)state;
    struct ctm_pages pages;
    struct ctm_arena arena;
    ctm_pages_init(&pages);
    ctm_arena_init(&arena, &pages);
    for (size_t size = 0; size <= CTM_ARENA_LARGE + 100; size += size < 100 ? 1 : 97) {
        char *piece = ctm_arena_alloc(&arena, size);
        assert_non_null(piece);
        assert_int_equal((uintptr_t)piece % CTM_ARENA_GRAIN, 0);
        assert_true(all_bytes(piece, size, 0));
        memset(piece, 0xff, size);
        ctm_arena_free(&arena, piece, size);
        char *again = ctm_arena_alloc(&arena, size);
        assert_non_null(again);
        if (size <= CTM_ARENA_LARGE) {
            assert_ptr_equal(again, piece);
        }
        assert_true(all_bytes(again, size, 0));
    }
    ctm_arena_free(&arena, NULL, 10);
    assert_null(ctm_arena_alloc(&arena, SIZE_MAX));
    ctm_pages_deinit(&pages);
}

static void large_pieces_have_pages_of_their_own(void **state)
{
    (void)state;
    struct ctm_pages pages;
    struct ctm_arena arena;
    ctm_pages_init(&pages);
    ctm_arena_init(&arena, &pages);
    char *piece = ctm_arena_alloc(&arena, CTM_ARENA_LARGE + 1);
    assert_non_null(piece);
    assert_int_equal(pages.length, 1);
    ctm_arena_free(&arena, piece, CTM_ARENA_LARGE + 1);
    assert_int_equal(pages.length, 0);
    assert_int_equal(pages.mapped, 0);
    ctm_pages_deinit(&pages);
}

static void the_rest_of_a_chunk_is_used(void **state)
{
    (void)state;
    struct ctm_pages pages;
    struct ctm_arena arena;
    ctm_pages_init(&pages);
    ctm_arena_init(&arena, &pages);
    char *last = NULL;
    for (size_t used = 0; used < CTM_ARENA_CHUNK; used += CTM_ARENA_LARGE) {
        last = ctm_arena_alloc(&arena, CTM_ARENA_LARGE - (used == 0 ? 48 : 0));
        assert_non_null(last);
    }
    assert_int_equal(pages.length, 1);
    char *rest = last + CTM_ARENA_LARGE;
    assert_non_null(ctm_arena_alloc(&arena, 64)); /* does not fit in: a new chunk */
    assert_int_equal(pages.length, 2);
    assert_ptr_equal(ctm_arena_alloc(&arena, 48), rest);
    ctm_pages_deinit(&pages);
}

static void a_refused_chunk_is_asked_for_again(void **state)
{
    (void)state;
    struct test_refusal refusal = {0};
    struct ctm_pages pages;
    struct ctm_arena arena;
    ctm_pages_init(&pages);
    test_refuse(&pages, &refusal);
    ctm_arena_init(&arena, &pages);
    test_refuse_next(&refusal, 2);
    assert_null(ctm_arena_alloc(&arena, 16));
    assert_null(ctm_arena_alloc(&arena, CTM_ARENA_LARGE * 2));
    char *piece = ctm_arena_alloc(&arena, 16);
    assert_non_null(piece);
    test_refuse_next(&refusal, SIZE_MAX);
    assert_non_null(ctm_arena_alloc(&arena, 16)); /* from the chunk that is there */
    ctm_pages_deinit(&pages);
}

struct piece {
    unsigned char *bytes;
    size_t size;
    unsigned char mark;
};

/* Pieces keep what was written to them while others come and go: so none overlap. */
static void random_pieces_do_not_overlap(void **state)
{
    (void)state;
    enum { PIECES = 600 };
    struct test_random random = test_random_stream(2);
    struct piece pieces[PIECES] = {{0}};
    struct ctm_pages pages;
    struct ctm_arena arena;
    ctm_pages_init(&pages);
    ctm_arena_init(&arena, &pages);
    for (size_t round = test_rounds(20000); round > 0; round--) {
        struct piece *piece = &pieces[test_random_below(&random, PIECES)];
        if (piece->bytes != NULL) {
            assert_true(all_bytes(piece->bytes, piece->size, piece->mark));
            ctm_arena_free(&arena, piece->bytes, piece->size);
        }
        piece->size = test_random_below(&random, test_random_percent(&random, 5) ? 20000 : 600);
        piece->mark = (unsigned char)test_random_next(&random);
        piece->bytes = ctm_arena_alloc(&arena, piece->size);
        assert_non_null(piece->bytes);
        assert_true(all_bytes(piece->bytes, piece->size, 0));
        memset(piece->bytes, piece->mark, piece->size);
    }
    for (size_t i = 0; i < PIECES; i++) {
        if (pieces[i].bytes != NULL) {
            assert_true(all_bytes(pieces[i].bytes, pieces[i].size, pieces[i].mark));
        }
    }
    ctm_pages_deinit(&pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_rounded_zeroed_and_on_record),
        cmocka_unit_test(impossible_sizes_give_nothing),
        cmocka_unit_test(many_mappings_stay_on_record),
        cmocka_unit_test(growing_keeps_the_content_and_zeroes_the_rest),
        cmocka_unit_test(a_refusal_changes_nothing),
        cmocka_unit_test(resident_is_what_was_touched),
        cmocka_unit_test(forgetting_takes_whole_pages_and_leaves_the_rest),
        cmocka_unit_test(populating_changes_no_byte),
        cmocka_unit_test(the_system_tells_the_time_and_who_we_are),
        cmocka_unit_test(pieces_are_aligned_and_zeroed),
        cmocka_unit_test(large_pieces_have_pages_of_their_own),
        cmocka_unit_test(the_rest_of_a_chunk_is_used),
        cmocka_unit_test(a_refused_chunk_is_asked_for_again),
        cmocka_unit_test(random_pieces_do_not_overlap),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
