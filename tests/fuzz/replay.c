/*
 * Run a fuzz target over the files of a corpus, without a fuzzer.
 *
 *     fuzz_TARGET FOLDER...
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum { MOST_BYTES = 1 << 20 };

static bool replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(MOST_BYTES);
    bool is_read = false;

    if (file != NULL && bytes != NULL) {
        size_t length = fread(bytes, 1, MOST_BYTES, file);
        is_read = ferror(file) == 0;
        if (is_read) {
            LLVMFuzzerTestOneInput(bytes, length);
        }
    }
    if (!is_read) {
        perror(path);
    }
    if (file != NULL) {
        fclose(file);
    }
    free(bytes);
    return is_read;
}

/* How many files were run; -1: not all could be. */
static int replay_folder(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    int count = 0;

    if (folder == NULL) {
        perror(path);
        return -1;
    }
    while (count >= 0 && (entry = readdir(folder)) != NULL) {
        char name[4096];
        if (entry->d_name[0] == '.') {
            continue;
        }
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        count = replay_file(name) ? count + 1 : -1;
    }
    closedir(folder);
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;

    for (int i = 1; i < argc; i++) {
        int count = replay_folder(argv[i]);
        if (count <= 0) {
            fprintf(stderr, "%s: nothing was run, or not all\n", argv[i]);
            return 1;
        }
        total += count;
    }
    printf("%d passed, 0 failed\n", total);
    return total > 0 ? 0 : 1;
}
