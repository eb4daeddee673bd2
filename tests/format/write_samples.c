/* Write random snapshot files, uncompressed and compressed, into a folder. */
#include <stdio.h>

#include "format/file.h"
#include "sample.h"
#include "unit.h"

enum { SAMPLES = 30 };

static int write_sample(const char *folder, uint64_t seed, unsigned flags)
{
    struct ctm_snapshot *s = sample_snapshot(seed, 4 * seed);
    struct ctm_metadata metadata = sample_metadata(seed);
    struct ctm_file_error error;
    char path[4096];

    snprintf(path, sizeof path, "%s/%02u-%s.ctm", folder, (unsigned)seed,
             flags & CTM_FILE_STORED ? "stored" : "zstd");
    int result = ctm_file_write(s, &metadata, path, flags, &error);
    if (result != CTM_OK) {
        fprintf(stderr, "%s: %s\n", path, error.text);
    }
    ctm_metadata_free(&metadata);
    ctm_snapshot_unref(s);
    return result;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: write_samples FOLDER\n", stderr);
        return 2;
    }
    for (uint64_t seed = 0; seed < SAMPLES; seed++) {
        if (write_sample(argv[1], seed, CTM_FILE_STORED) != CTM_OK ||
            write_sample(argv[1], seed, 0) != CTM_OK) {
            return 1;
        }
    }
    return 0;
}
