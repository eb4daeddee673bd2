#include "format/save.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"
#include "folder.h"
#include "format/follow.h"
#include "unit.h"

static const char old_bytes[] = "what was there before";
static const char new_bytes[] = "what comes in its place, and is longer";

static void save(const char *path, bool sync)
{
    struct ctm_file_error error;
    int result = ctm_save(path, new_bytes, sizeof new_bytes, sync, &error);

    if (result != CTM_OK) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(error.code, CTM_OK);
}

static void save_fails(const char *path, bool sync, int os_error, const char *text)
{
    struct ctm_file_error error;

    assert_int_equal(ctm_save(path, new_bytes, sizeof new_bytes, sync, &error), CTM_EIO);
    assert_int_equal(error.code, CTM_EIO);
    assert_int_equal(error.os_error, os_error);
    assert_int_equal(error.offset, 0);
    assert_non_null(strstr(error.text, text));
    assert_non_null(strstr(error.text, strerror(os_error)));
}

static void a_new_file_follows_the_umask(void **state)
{
    const char *path = folder_path(state, "new.ctm");
    mode_t umask_before = umask(027);
    struct stat status;

    save(path, false);
    umask(umask_before);
    folder_assert_holds(path, new_bytes, sizeof new_bytes);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    assert_int_equal(folder_count(*state), 1);
}

static void the_rights_of_an_old_file_stay(void **state)
{
    static const mode_t modes[] = {0600, 0664, 0400};
    const char *path = folder_path(state, "old.ctm");
    struct stat status;

    folder_write(path, old_bytes, sizeof old_bytes);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        save(path, false);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 07777, modes[i]);
    }
    if (geteuid() != 0) {
        print_message("NOT RUN: files of other users: only root can make them\n");
        skip();
    }
    assert_int_equal(chown(path, 12345, 12346), 0);
    save(path, false);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_uid, 12345);
    assert_int_equal(status.st_gid, 12346);

    /* In a folder like /tmp it may have been left there to get at what is written. */
    assert_int_equal(chmod(*state, 01777), 0);
    save(path, false);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_uid, 0);
}

/* Who is not root can give no file away, nor to a group that is not theirs: what they write keeps
 * the mode, and the group if it is one of theirs. */
static void rights_that_cannot_be_given_away_are_the_writers(void **state)
{
    const uid_t user = 12345;
    const gid_t theirs = 12346;
    const gid_t groups[] = {0, theirs};
    gid_t before[NGROUPS_MAX];
    const char *path = folder_path(state, "old.ctm");
    struct stat status;

    if (geteuid() != 0) {
        print_message("NOT RUN: files of other users: only root can make them\n");
        skip();
    }
    int before_count = getgroups(NGROUPS_MAX, before);
    assert_true(before_count >= 0);
    assert_int_equal(chown(*state, user, user), 0);
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        folder_write(path, old_bytes, sizeof old_bytes);
        assert_int_equal(chown(path, 0, groups[i]), 0);
        assert_int_equal(chmod(path, 0640), 0);
        assert_int_equal(setgroups(1, &theirs), 0);
        assert_int_equal(setegid(user), 0);
        assert_int_equal(seteuid(user), 0);
        save(path, false);
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(setegid(0), 0);
        assert_int_equal(setgroups((size_t)before_count, before), 0);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_uid, user);
        assert_int_equal(status.st_gid, groups[i] == theirs ? theirs : user);
        assert_int_equal(status.st_mode & 07777, 0640);
        assert_int_equal(unlink(path), 0);
    }
}

static void an_old_file_is_replaced_whole(void **state)
{
    const char *path = folder_path(state, "old.ctm");
    char bytes[sizeof old_bytes];

    folder_write(path, old_bytes, sizeof old_bytes);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    save(path, true);
    folder_assert_holds(path, new_bytes, sizeof new_bytes);
    /* Who has the old file open goes on to see all of it. */
    assert_int_equal(read(fd, bytes, sizeof bytes), sizeof bytes);
    assert_memory_equal(bytes, old_bytes, sizeof bytes);
    close(fd);
    assert_int_equal(folder_count(*state), 1);
}

static void names_of_all_lengths_work(void **state)
{
    char name[256];

    for (size_t length = 1; length <= 255; length += 127) {
        memset(name, 'n', length);
        name[length] = '\0';
        save(folder_path(state, name), false);
        folder_assert_holds(folder_path(state, name), new_bytes, sizeof new_bytes);
    }
    char too_long[257] = {0};
    memset(too_long, 'n', 256);
    save_fails(folder_path(state, too_long), false, ENAMETOOLONG, "cannot rename");
    assert_int_equal(folder_count(*state), 3);
}

static void relative_paths_work(void **state)
{
    int before = open(".", O_RDONLY | O_DIRECTORY);

    assert_true(before >= 0);
    assert_int_equal(chdir(*state), 0);
    save("here.ctm", true);
    assert_int_equal(mkdir("sub", 0777), 0);
    save("./sub/there.ctm", true);
    assert_int_equal(fchdir(before), 0);
    close(before);
    folder_assert_holds(folder_path(state, "here.ctm"), new_bytes, sizeof new_bytes);
    folder_assert_holds(folder_path(state, "sub/there.ctm"), new_bytes, sizeof new_bytes);
    assert_int_equal(folder_count(*state), 2);
}

static void short_and_interrupted_writes_go_on(void **state)
{
    const char *path = folder_path(state, "slow.ctm");

    disk_reset();
    disk_most_moved(3);
    disk_fail(DISK_WRITE, 2, EINTR);
    disk_fail(DISK_CLOSE, 1, EINTR);
    save(path, false);
    assert_int_equal(disk_count(DISK_WRITE), 1 + (sizeof new_bytes + 2) / 3);
    folder_assert_holds(path, new_bytes, sizeof new_bytes);
}

/* Whichever call fails, the old file stays and nothing else is left. */
static void any_failure_leaves_the_old_file(void **state)
{
    const char *path = folder_path(state, "old.ctm");

    folder_write(path, old_bytes, sizeof old_bytes);
    for (size_t nth = 1; nth <= (sizeof new_bytes + 4) / 5; nth++) {
        disk_reset();
        disk_most_moved(5);
        disk_fail(DISK_WRITE, nth, nth % 2 ? ENOSPC : EIO);
        save_fails(path, true, nth % 2 ? ENOSPC : EIO, "cannot write");
        assert_int_equal(disk_count(DISK_WRITE), nth);
        folder_assert_holds(path, old_bytes, sizeof old_bytes);
        assert_int_equal(folder_count(*state), 1);
    }
    disk_reset();
    disk_fail(DISK_FSYNC, 1, EIO);
    save_fails(path, true, EIO, "cannot sync");
    folder_assert_holds(path, old_bytes, sizeof old_bytes);
    assert_int_equal(folder_count(*state), 1);

    disk_reset();
    disk_fail(DISK_CLOSE, 2, EDQUOT); /* the first looked for a link */
    save_fails(path, false, EDQUOT, "cannot write");
    folder_assert_holds(path, old_bytes, sizeof old_bytes);
    assert_int_equal(folder_count(*state), 1);

    disk_reset();
    disk_fail(DISK_RENAME, 1, EACCES);
    save_fails(path, false, EACCES, "cannot rename");
    folder_assert_holds(path, old_bytes, sizeof old_bytes);
    assert_int_equal(folder_count(*state), 1);
}

static int write_half(int fd, void *context, struct ctm_file_error *error)
{
    const int *result = context;

    assert_int_equal(write(fd, new_bytes, sizeof new_bytes / 2), sizeof new_bytes / 2);
    return *result == CTM_OK ? CTM_OK : ctm_file_fail(error, *result, 0, "half was enough");
}

static void a_writer_decides_what_becomes_of_the_file(void **state)
{
    const char *path = folder_path(state, "old.ctm");
    struct ctm_file_error error;
    int result = CTM_EINVAL;

    folder_write(path, old_bytes, sizeof old_bytes);
    assert_int_equal(ctm_save_by(path, write_half, &result, true, &error), CTM_EINVAL);
    assert_string_equal(error.text, "half was enough");
    folder_assert_holds(path, old_bytes, sizeof old_bytes);
    assert_int_equal(folder_count(*state), 1);
    result = CTM_OK;
    assert_int_equal(ctm_save_by(path, write_half, &result, true, &error), CTM_OK);
    folder_assert_holds(path, new_bytes, sizeof new_bytes / 2);
    assert_int_equal(folder_count(*state), 1);
}

static int open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++) {
        count += fcntl(fd, F_GETFD) != -1;
    }
    return count;
}

/* The time must do for the name of the temporary file. */
static void without_randomness_a_file_is_written(void **state)
{
    const char *path = folder_path(state, "a.ctm");

    folder_write(path, old_bytes, sizeof old_bytes);
    disk_reset();
    disk_fail(DISK_RANDOM, 1, EAGAIN);
    save(path, false);
    assert_int_equal(disk_count(DISK_RANDOM), 1);
    folder_assert_holds(path, new_bytes, sizeof new_bytes);
    assert_int_equal(folder_count(*state), 1);
}

static void syncing_is_asked_for(void **state)
{
    const char *path = folder_path(state, "new.ctm");
    int open_before = open_descriptors();

    disk_reset();
    save(path, false);
    assert_int_equal(disk_count(DISK_FSYNC), 0);
    disk_reset();
    save(path, true);
    assert_int_equal(disk_count(DISK_FSYNC), 2);
    assert_int_equal(open_descriptors(), open_before);

    /* The folder is synced last: what failed then is only the promise. */
    folder_write(path, old_bytes, sizeof old_bytes);
    disk_reset();
    disk_fail(DISK_FSYNC, 2, EIO);
    save_fails(path, true, EIO, "is written, but");
    folder_assert_holds(path, new_bytes, sizeof new_bytes);
    assert_int_equal(folder_count(*state), 1);
}

static void links_are_followed_and_stay(void **state)
{
    const char *link = folder_path(state, "link.ctm");
    char target[100];

    assert_int_equal(mkdir(folder_path(state, "sub"), 0777), 0);
    folder_write(folder_path(state, "sub/real.ctm"), old_bytes, sizeof old_bytes);
    assert_int_equal(symlink("sub/real.ctm", link), 0);
    save(link, true);
    assert_int_equal(readlink(link, target, sizeof target), strlen("sub/real.ctm"));
    folder_assert_holds(folder_path(state, "sub/real.ctm"), new_bytes, sizeof new_bytes);
    assert_int_equal(folder_count(folder_path(state, "sub")), 1);
    assert_int_equal(folder_count(*state), 2);

    assert_int_equal(symlink("nowhere", folder_path(state, "broken.ctm")), 0);
    save_fails(folder_path(state, "broken.ctm"), false, ENOENT, "cannot follow");
    assert_int_equal(symlink("circle.ctm", folder_path(state, "circle.ctm")), 0);
    save_fails(folder_path(state, "circle.ctm"), false, ELOOP, "cannot follow");
    assert_int_equal(symlink("sub", folder_path(state, "folder.ctm")), 0);
    save_fails(folder_path(state, "folder.ctm"), false, EISDIR, "cannot write");
    assert_int_equal(folder_count(*state), 5);
}

/* Of a folder as deep as this the system tells no path; what is in it are files as any other. */
static void links_in_the_deepest_folders_are_followed(void **state)
{
    enum { LEVELS = PATH_MAX / NAME_MAX + 1 };
    char name[NAME_MAX + 1] = {0};
    char link[100];
    char real[100];
    struct stat old;
    struct stat status;
    int before = open(".", O_RDONLY | O_DIRECTORY);

    memset(name, 'd', NAME_MAX);
    assert_true(before >= 0);
    assert_int_equal(chdir(*state), 0);
    for (size_t i = 0; i < LEVELS; i++) {
        assert_int_equal(mkdir(name, 0777), 0);
        assert_int_equal(chdir(name), 0);
    }
    int deepest = open(".", O_RDONLY | O_DIRECTORY);
    assert_true(deepest >= 0);
    assert_int_equal(mkdir("sub", 0777), 0);
    snprintf(link, sizeof link, "/proc/self/fd/%d/sub/link.ctm", deepest);
    snprintf(real, sizeof real, "/proc/self/fd/%d/sub/real.ctm", deepest);
    folder_write(real, old_bytes, sizeof old_bytes);
    assert_int_equal(stat(real, &old), 0);
    assert_int_equal(symlink("real.ctm", link), 0);
    save(link, false);
    assert_int_equal(lstat(link, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    folder_assert_holds(real, new_bytes, sizeof new_bytes);
    /* Replaced, not written over. */
    assert_int_equal(stat(real, &status), 0);
    assert_int_not_equal(status.st_ino, old.st_ino);

    assert_int_equal(unlink(link), 0);
    assert_int_equal(unlink(real), 0);
    assert_int_equal(rmdir("sub"), 0);
    close(deepest);
    for (size_t i = 0; i < LEVELS; i++) {
        assert_int_equal(chdir(".."), 0);
        assert_int_equal(rmdir(name), 0);
    }
    assert_int_equal(fchdir(before), 0);
    close(before);
}

/* What others leave in a folder like /tmp, by name or by a link that leads there. */
static void what_cannot_be_looked_at_is_a_trap(void **state)
{
    struct stat status = {.st_uid = geteuid()};

    assert_false(ctm_path_is_trap(folder_path(state, "a.ctm"), &status));
    assert_true(ctm_path_is_trap(folder_path(state, "nowhere/a.ctm"), &status));
}

static void traps_in_shared_folders_are_refused(void **state)
{
    const uid_t other = 12345;
    const uid_t owner = 12346;

    if (geteuid() != 0) {
        print_message("NOT RUN: files of other users: only root can make them\n");
        skip();
    }
    folder_write(folder_path(state, "precious"), old_bytes, sizeof old_bytes);
    assert_int_equal(mkdir(folder_path(state, "shared"), 0777), 0);
    assert_int_equal(chmod(folder_path(state, "shared"), 01777), 0);
    assert_int_equal(chown(folder_path(state, "shared"), owner, owner), 0);
    char link[PATH_MAX];
    snprintf(link, sizeof link, "%s", folder_path(state, "shared/link.ctm"));
    assert_int_equal(symlink("../precious", link), 0);
    assert_int_equal(lchown(link, other, other), 0);
    save_fails(link, false, EACCES, "another user's");
    assert_int_equal(symlink("shared/link.ctm", folder_path(state, "mine.ctm")), 0);
    save_fails(folder_path(state, "mine.ctm"), false, EACCES, "another user's");
    const char *fifo = folder_path(state, "shared/fifo");
    assert_int_equal(mkfifo(fifo, 0666), 0);
    assert_int_equal(chown(fifo, other, other), 0);
    save_fails(fifo, false, EACCES, "another user's");
    const char *own_link = folder_path(state, "to_fifo.ctm");
    assert_int_equal(symlink("shared/fifo", own_link), 0);
    save_fails(own_link, false, EACCES, "another user's");
    folder_assert_holds(folder_path(state, "precious"), old_bytes, sizeof old_bytes);

    /* Those of the folder's owner, and one's own, are no traps. */
    assert_int_equal(lchown(link, owner, owner), 0);
    save(folder_path(state, "mine.ctm"), false);
    folder_assert_holds(folder_path(state, "precious"), new_bytes, sizeof new_bytes);
    assert_int_equal(lchown(link, 0, 0), 0);
    save(link, false);
    assert_int_equal(lchown(link, other, other), 0);
    assert_int_equal(chmod(folder_path(state, "shared"), 0777), 0);
    save(link, false);
    assert_int_equal(folder_count(folder_path(state, "shared")), 2);
}

/* Kernels differ in what they say to users other than root where no file can be made. */
static int error_of_making(const char *path)
{
    assert_int_equal(open(path, O_WRONLY | O_CREAT | O_EXCL, 0600), -1);
    return errno;
}

static void wrong_paths_are_refused(void **state)
{
    folder_write(folder_path(state, "file"), old_bytes, sizeof old_bytes);
    save_fails(*state, false, EISDIR, "cannot write");
    save_fails("/", false, EISDIR, "cannot write");
    save_fails("", false, ENOENT, "cannot write");
    save_fails(folder_path(state, "none/new.ctm"), false, ENOENT, "cannot open the directory");
    save_fails(folder_path(state, "file/new.ctm"), false, ENOTDIR, "cannot open the directory");
    save_fails(folder_path(state, "none/"), false, EISDIR, "cannot write");
    save_fails("/proc/new.ctm", false, error_of_making("/proc/new.ctm"), "cannot make a file");
    folder_assert_holds(folder_path(state, "file"), old_bytes, sizeof old_bytes);
    assert_int_equal(folder_count(*state), 1);
}

static void devices_are_written_to(void **state)
{
    const char *fifo = folder_path(state, "fifo");
    char bytes[sizeof new_bytes + 1];
    struct stat status;

    save("/dev/null", true);
    assert_int_equal(stat("/dev/null", &status), 0);
    assert_true(S_ISCHR(status.st_mode));
    save_fails("/dev/full", false, ENOSPC, "cannot write");
    const char *socket = folder_path(state, "socket");
    assert_int_equal(mknod(socket, S_IFSOCK | 0600, 0), 0);
    save_fails(socket, false, ENXIO, "cannot open what is at");
    assert_int_equal(unlink(socket), 0);

    assert_int_equal(mkfifo(fifo, 0666), 0);
    int fd = open(fifo, O_RDONLY | O_NONBLOCK);
    assert_true(fd >= 0);
    save(fifo, false);
    assert_int_equal(read(fd, bytes, sizeof bytes), sizeof new_bytes);
    assert_memory_equal(bytes, new_bytes, sizeof new_bytes);
    close(fd);
    assert_int_equal(lstat(fifo, &status), 0);
    assert_true(S_ISFIFO(status.st_mode));
    assert_int_equal(folder_count(*state), 1);
}

/* Of a file that somebody has open by another name, or by none at all. */
static void descriptors_are_written_to(void **state)
{
    char bytes[sizeof new_bytes + 1];
    char path[64];
    const char *name = folder_path(state, "log");
    const char *link = folder_path(state, "stdout");

    folder_write(name, old_bytes, sizeof old_bytes);
    int fd = open(name, O_RDWR);
    assert_true(fd >= 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    assert_int_equal(symlink(path, link), 0);
    save(link, false);
    assert_int_equal(pread(fd, bytes, sizeof bytes, 0), sizeof new_bytes);
    assert_memory_equal(bytes, new_bytes, sizeof new_bytes);

    assert_int_equal(unlink(name), 0);
    assert_int_equal(ftruncate(fd, 1 << 16), 0);
    save(path, false);
    assert_int_equal(pread(fd, bytes, sizeof bytes, 0), sizeof new_bytes);
    assert_int_equal(folder_count(*state), 1);
    close(fd);
    save_fails(path, false, ENOENT, "cannot");
}

/* More than what the file system, or the limit, has room for. */
static void save_too_much(const char *folder, const char *path, int os_error)
{
    size_t length = 1 << 20;
    char *bytes = calloc(1, length);
    struct ctm_file_error error;

    assert_non_null(bytes);
    folder_write(path, old_bytes, sizeof old_bytes);
    assert_int_equal(ctm_save(path, bytes, length, true, &error), CTM_EIO);
    assert_int_equal(error.os_error, os_error);
    assert_non_null(strstr(error.text, strerror(os_error)));
    folder_assert_holds(path, old_bytes, sizeof old_bytes);
    assert_int_equal(folder_count(folder), 1);
    free(bytes);
}

static void a_full_disk_leaves_the_old_file(void **state)
{
    const char *disk = folder_path(state, "disk");

    disk_reset();
    assert_int_equal(mkdir(disk, 0777), 0);
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", disk, "tmpfs", 0, "size=64k") != 0) {
        print_message("NOT RUN: a full disk: no right to mount one: %s\n", strerror(errno));
        skip();
    }
    save_too_much(disk, folder_path(state, "disk/old.ctm"), ENOSPC);
    assert_int_equal(umount2(disk, MNT_DETACH), 0);
}

static void a_limit_on_files_leaves_the_old_file(void **state)
{
    struct rlimit before;
    struct rlimit limit;

    disk_reset();
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 1 << 16;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    save_too_much(*state, folder_path(state, "old.ctm"), EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_file_follows_the_umask, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(the_rights_of_an_old_file_stay, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(rights_that_cannot_be_given_away_are_the_writers,
                                        folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(an_old_file_is_replaced_whole, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(names_of_all_lengths_work, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(relative_paths_work, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(short_and_interrupted_writes_go_on, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(any_failure_leaves_the_old_file, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(a_writer_decides_what_becomes_of_the_file, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(without_randomness_a_file_is_written, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(syncing_is_asked_for, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(links_are_followed_and_stay, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(links_in_the_deepest_folders_are_followed, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(what_cannot_be_looked_at_is_a_trap, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(traps_in_shared_folders_are_refused, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(wrong_paths_are_refused, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(devices_are_written_to, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(descriptors_are_written_to, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(a_full_disk_leaves_the_old_file, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(a_limit_on_files_leaves_the_old_file, folder_make,
                                        folder_remove),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
