/* Every allocation of writing and of reading fails once: an error each time, and nothing leaks. */
#include <string.h>

#include "alloc.h"
#include "folder.h"
#include "format/file.h"
#include "sample.h"
#include "unit.h"

static struct ctm_snapshot *snapshot;
static struct ctm_metadata metadata;

static int set_up(void **state)
{
    (void)state;
    snapshot = sample_snapshot(5, 3000);
    metadata = sample_metadata(5);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ctm_metadata_free(&metadata);
    ctm_snapshot_unref(snapshot);
    return 0;
}

static void assert_no_memory(int result, const struct ctm_file_error *error)
{
    assert_int_equal(result, CTM_ENOMEM);
    assert_int_equal(error->code, CTM_ENOMEM);
    assert_int_equal(error->os_error, 0);
    assert_non_null(strstr(error->text, "memory"));
}

static void writing_survives(void **state)
{
    struct ctm_buffer whole = sample_encode(snapshot, &metadata, 0);
    (void)state;

    for (size_t nth = 1;; nth++) {
        struct ctm_file_error error;
        struct ctm_buffer out = {0};
        alloc_measure();
        alloc_fail_at(nth);
        int result = ctm_file_encode(snapshot, &metadata, 0, &out, &error);
        if (!alloc_has_failed()) {
            alloc_fail_at(0);
            assert_int_equal(result, CTM_OK);
            ctm_buffer_free(&out);
            assert_true(nth > 8);
            break;
        }
        assert_no_memory(result, &error);
        assert_int_equal(out.length, 0);
        assert_int_equal(out.error, CTM_OK);

        /* The buffer is as good as before. */
        assert_int_equal(ctm_file_encode(snapshot, &metadata, 0, &out, &error), CTM_OK);
        assert_int_equal(out.length, whole.length);
        assert_memory_equal(out.bytes, whole.bytes, whole.length);
        ctm_buffer_free(&out);
        assert_int_equal(alloc_held(), 0);
    }
    ctm_buffer_free(&whole);
}

static void reading_survives(void **state)
{
    const unsigned flags[] = {0, CTM_FILE_STORED};
    (void)state;

    for (size_t i = 0; i < 2; i++) {
        struct ctm_buffer bytes = sample_encode(snapshot, &metadata, flags[i]);
        for (size_t nth = 1;; nth++) {
            struct ctm_file_error error;
            struct ctm_metadata got;
            struct ctm_snapshot *s;
            alloc_measure();
            alloc_fail_at(nth);
            int result =
                ctm_file_decode(bytes.bytes, bytes.length, ctm_limits_default, &s, &got, &error);
            if (result == CTM_OK) {
                /* Trimming may fail without harm; it is the last thing that is done. */
                sample_assert_same(snapshot, s);
                ctm_metadata_free(&got);
                ctm_snapshot_unref(s);
            } else {
                assert_true(alloc_has_failed());
                assert_no_memory(result, &error);
            }
            assert_int_equal(alloc_held(), 0);
            if (!alloc_has_failed()) {
                alloc_fail_at(0);
                assert_int_equal(result, CTM_OK);
                assert_true(nth > 20);
                break;
            }
        }
        ctm_buffer_free(&bytes);
    }
}

static void paths_survive(void **state)
{
    const char *path = folder_path(state, "a.ctm");

    for (size_t nth = 1;; nth++) {
        struct ctm_file_error error;
        folder_write(path, "old", 3);
        alloc_fail_at(nth);
        int result = ctm_file_write(snapshot, &metadata, path, 0, &error);
        bool has_failed = alloc_has_failed();
        alloc_fail_at(0);
        assert_int_equal(folder_count(*state), 1);
        if (!has_failed) {
            assert_int_equal(result, CTM_OK);
            break;
        }
        assert_no_memory(result, &error);
        folder_assert_holds(path, "old", 3);
    }
    for (size_t nth = 1;; nth++) {
        struct ctm_file_error error;
        struct ctm_snapshot *s;
        alloc_fail_at(nth);
        int result = ctm_file_read(path, ctm_limits_default, &s, NULL, &error);
        bool has_failed = alloc_has_failed();
        alloc_fail_at(0);
        if (result == CTM_OK) {
            sample_assert_same(snapshot, s);
            ctm_snapshot_unref(s);
        } else {
            assert_true(has_failed);
            assert_no_memory(result, &error);
        }
        if (!has_failed) {
            break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writing_survives),
        cmocka_unit_test(reading_survives),
        cmocka_unit_test_setup_teardown(paths_survive, folder_make, folder_remove),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
