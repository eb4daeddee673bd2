#include "folder.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

int folder_make(void **state)
{
    const char *base = getenv("TMPDIR");
    char *path = malloc(4096);

    if (path == NULL) {
        return -1;
    }
    snprintf(path, 4096, "%s/ctm-test-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(path) == NULL) {
        free(path);
        return -1;
    }
    *state = path;
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

int folder_remove(void **state)
{
    int result = nftw(*state, remove_one, 8, FTW_DEPTH | FTW_PHYS);

    free(*state);
    return result;
}

const char *folder_path(void **state, const char *name)
{
    static char paths[4][4096];
    static unsigned next;
    char *path = paths[next++ % 4];

    assert_true(snprintf(path, sizeof paths[0], "%s/%s", (const char *)*state, name) <
                (int)sizeof paths[0]);
    return path;
}

void folder_write(const char *path, const void *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

void folder_assert_holds(const char *path, const void *bytes, size_t length)
{
    FILE *file = fopen(path, "rb");
    char *got = malloc(length + 1);

    assert_non_null(file);
    assert_non_null(got);
    assert_int_equal(fread(got, 1, length + 1, file), length);
    assert_memory_equal(got, bytes, length);
    assert_int_equal(fclose(file), 0);
    free(got);
}

size_t folder_count(const char *path)
{
    DIR *folder = opendir(path);
    size_t count = 0;
    struct dirent *entry;

    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(folder);
    return count;
}
