/* Snapshot files by path: written, read, and what is refused without a wait. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "disk.h"
#include "folder.h"
#include "format/file.h"
#include "sample.h"
#include "unit.h"

static void assert_unreadable(const char *path, int code, const char *text)
{
    struct ctm_file_error error;
    struct ctm_metadata metadata;
    struct ctm_snapshot *s;
    int result = ctm_file_read(path, ctm_limits_default, &s, &metadata, &error);

    if (result != code || strstr(error.text, text) == NULL) {
        fail_msg("got %d, \"%s\" instead of %d, \"%s\"", result, error.text, code, text);
    }
    assert_int_equal(error.code, code);
    assert_int_equal(error.os_error != 0, code == CTM_EIO);
}

static void files_are_written_and_read(void **state)
{
    const char *path = folder_path(state, "a.ctm");

    for (uint64_t seed = 0; seed < 40; seed++) {
        struct ctm_snapshot *s = sample_snapshot(seed, 10 * seed);
        struct ctm_metadata metadata = sample_metadata(seed);
        struct ctm_file_error error;
        struct ctm_metadata got;
        struct ctm_snapshot *back;
        assert_int_equal(ctm_file_write(s, &metadata, path, seed % 2 ? CTM_FILE_FSYNC : 0, &error),
                         CTM_OK);
        assert_int_equal(ctm_file_read(path, ctm_limits_default, &back, &got, &error), CTM_OK);
        sample_assert_same(s, back);
        assert_int_equal(got.about.length, metadata.about.length);
        assert_int_equal(got.attributes.length, metadata.attributes.length);
        ctm_metadata_free(&got);
        ctm_snapshot_unref(back);
        ctm_metadata_free(&metadata);
        ctm_snapshot_unref(s);
    }
    assert_int_equal(folder_count(*state), 1);
}

/* The file and the hashes of its names depend on nothing that the system may refuse. */
static void without_randomness_a_snapshot_is_the_same(void **state)
{
    const char *path = folder_path(state, "a.ctm");
    struct ctm_snapshot *s = sample_snapshot(1, 50);
    struct ctm_metadata metadata = {0};
    struct ctm_file_error error;

    for (size_t nth = 1; nth <= 2; nth++) {
        struct ctm_snapshot *back;
        struct ctm_metadata got;
        disk_reset();
        disk_fail(DISK_RANDOM, nth, ENOSYS);
        assert_int_equal(ctm_file_write(s, &metadata, path, 0, &error), CTM_OK);
        assert_int_equal(ctm_file_read(path, ctm_limits_default, &back, &got, &error), CTM_OK);
        sample_assert_same(s, back);
        ctm_metadata_free(&got);
        ctm_snapshot_unref(back);
    }
    disk_reset();
    disk_fail(DISK_RANDOM, 1, ENOSYS);
    struct ctm_snapshot *again = sample_snapshot(1, 50);
    assert_true(disk_count(DISK_RANDOM) > 0);
    sample_assert_same(s, again);
    ctm_snapshot_unref(again);
    ctm_snapshot_unref(s);
}

/* What went wrong while the metadata was put together is told, and no file is written. */
static void metadata_with_an_error_is_not_written(void **state)
{
    struct ctm_snapshot *s = sample_snapshot(1, 50);
    struct ctm_metadata metadata = {.attributes.error = CTM_ENOMEM};
    struct ctm_file_error error;

    assert_int_equal(ctm_file_write(s, &metadata, folder_path(state, "a.ctm"), 0, &error),
                     CTM_ENOMEM);
    assert_non_null(strstr(error.text, "could not be put together"));
    assert_int_equal(folder_count(*state), 0);
    ctm_snapshot_unref(s);
}

static void what_cannot_be_written_leaves_the_old_file(void **state)
{
    const char *path = folder_path(state, "a.ctm");
    struct ctm_snapshot *s = sample_snapshot(1, 50);
    struct ctm_metadata metadata = {0};
    struct ctm_file_error error;

    folder_write(path, "old", 3);
    ctm_buffer_append(&metadata.about, "no plain data", 13);
    assert_int_equal(ctm_file_write(s, &metadata, path, 0, &error), CTM_EINVAL);
    folder_assert_holds(path, "old", 3);
    ctm_metadata_free(&metadata);
    assert_int_equal(ctm_file_write(s, NULL, folder_path(state, "none/a.ctm"), 0, &error), CTM_EIO);
    assert_int_equal(error.os_error, ENOENT);
    ctm_snapshot_unref(s);
    assert_int_equal(folder_count(*state), 1);
}

static void what_is_no_file_is_refused(void **state)
{
    const char *fifo = folder_path(state, "fifo");
    const char *path = folder_path(state, "socket");
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    assert_unreadable(*state, CTM_EIO, "Is a directory");
    assert_unreadable("/dev/null", CTM_EFORMAT, "it is a device");
    assert_unreadable("/dev/zero", CTM_EFORMAT, "it is a device");
    assert_int_equal(mkfifo(fifo, 0666), 0);
    assert_unreadable(fifo, CTM_EFORMAT, "it is a FIFO");
    assert_true(strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_unreadable(path, CTM_EIO, "cannot open the file");
    close(fd);
    assert_unreadable(folder_path(state, "none"), CTM_EIO, "No such file");
    assert_unreadable("", CTM_EIO, "No such file");
}

static void what_is_no_snapshot_is_refused(void **state)
{
    const char *path = folder_path(state, "a.ctm");

    folder_write(path, "", 0);
    assert_unreadable(path, CTM_EFORMAT, "the file is empty");
    folder_write(path, "\x80\x04\x95 and more, as a pickle", 26);
    assert_unreadable(path, CTM_EFORMAT, "not a snapshot file");
    assert_unreadable("/proc/self/status", CTM_EFORMAT, "not a snapshot file");
    folder_write(path,
                 "\x89"
                 "CTM\r\n\x1a\n\x01\x00",
                 10);
    assert_unreadable(path, CTM_EFORMAT, "cut off inside its header");
}

/* A sparse file says that it is long, and is refused before anything is reserved for it. */
static void long_files_are_refused(void **state)
{
    const char *path = folder_path(state, "a.ctm");
    struct ctm_limits limits = ctm_limits_default;
    struct ctm_snapshot *s = sample_snapshot(1, 50);
    struct ctm_file_error error;
    struct ctm_snapshot *back;
    struct stat status;

    assert_int_equal(ctm_file_write(s, NULL, path, 0, &error), CTM_OK);
    assert_int_equal(stat(path, &status), 0);
    limits.file_length = (uint64_t)status.st_size - 1;
    assert_int_equal(ctm_file_read(path, limits, &back, NULL, &error), CTM_ELIMIT);
    limits.file_length++;
    assert_int_equal(ctm_file_read(path, limits, &back, NULL, &error), CTM_OK);
    ctm_snapshot_unref(back);

    assert_int_equal(truncate(path, (off_t)1 << 40), 0);
    assert_unreadable(path, CTM_ELIMIT, "more than the limit of");
    folder_write(path, "", 0);
    assert_int_equal(truncate(path, (off_t)1 << 40), 0);
    assert_unreadable(path, CTM_EFORMAT, "not a snapshot file");
    ctm_snapshot_unref(s);
}

static void reads_go_on_or_fail(void **state)
{
    const char *path = folder_path(state, "a.ctm");
    struct ctm_snapshot *s = sample_snapshot(2, 100);
    struct ctm_file_error error;
    struct ctm_snapshot *back;

    assert_int_equal(ctm_file_write(s, NULL, path, 0, &error), CTM_OK);
    disk_reset();
    disk_most_moved(100);
    disk_fail(DISK_READ, 3, EINTR);
    assert_int_equal(ctm_file_read(path, ctm_limits_default, &back, NULL, &error), CTM_OK);
    sample_assert_same(s, back);
    ctm_snapshot_unref(back);
    size_t reads = disk_count(DISK_READ);
    assert_true(reads > 3);
    for (size_t nth = 1; nth < reads; nth++) {
        disk_reset();
        disk_most_moved(100);
        disk_fail(DISK_READ, nth, EIO);
        assert_int_equal(ctm_file_read(path, ctm_limits_default, &back, NULL, &error), CTM_EIO);
        assert_int_equal(error.os_error, EIO);
        assert_non_null(strstr(error.text, "cannot read the file"));
    }
    disk_reset();
    ctm_snapshot_unref(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_are_written_and_read, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(without_randomness_a_snapshot_is_the_same, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(metadata_with_an_error_is_not_written, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(what_cannot_be_written_leaves_the_old_file, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_refused, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(what_is_no_snapshot_is_refused, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(long_files_are_refused, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(reads_go_on_or_fail, folder_make, folder_remove),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
