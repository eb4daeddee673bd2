/*
 * Snapshot files: a snapshot and what is said about it, to bytes and back. FORMAT.md describes the
 * bytes.
 *
 * Functions return CTM_OK or a code, and say in a struct ctm_file_error what went wrong. They keep
 * no state and may run in many threads at once; none may be called inside an allocator hook.
 *
 * Written is what the rows use: names, frames, nodes and stacks that no row leads to are left out,
 * so ids may be smaller after reading. The order of the rows, and of the entries, stays.
 */
#ifndef CTM_FORMAT_FILE_H
#define CTM_FORMAT_FILE_H

#include "format/fail.h"
#include "format/wire.h"
#include "snapshot/snapshot.h"

/* What else a file holds: each empty, or a dict with text keys as format/plain.h writes it. */
struct ctm_metadata {
    struct ctm_buffer about;      /* of the traced program: keys are listed in FORMAT.md */
    struct ctm_buffer attributes; /* whatever the user has set on the snapshot */
};

void ctm_metadata_free(struct ctm_metadata *metadata);

enum ctm_file_flags {
    CTM_FILE_FSYNC = 1,  /* survive a loss of power: sync the file, and its folder */
    CTM_FILE_STORED = 2, /* do not compress */
};

/*
 * Append the file's bytes to `out`, which must hold no error. `metadata` may be NULL. On failure,
 * `out` has its old length. CTM_ENOMEM; CTM_EINVAL: metadata that is not what it must be, a string
 * that is not generalized UTF-8, or totals of 2^63 and more.
 */
CTM_MUST_CHECK int ctm_file_encode(const struct ctm_snapshot *s,
                                   const struct ctm_metadata *metadata, unsigned flags,
                                   struct ctm_buffer *out, struct ctm_file_error *error);

/* Write a file, all or nothing, as ctm_save does (format/save.h). CTM_EIO besides. */
CTM_MUST_CHECK int ctm_file_write(const struct ctm_snapshot *s, const struct ctm_metadata *metadata,
                                  const char *path, unsigned flags, struct ctm_file_error *error);

/*
 * How far reading may go. Memory needed at the worst is the file, the longest section's raw length,
 * and 24 times the raw lengths together.
 */
struct ctm_limits {
    uint64_t file_length; /* longest file */
    uint64_t raw_length;  /* most bytes of all sections together after decompression */
    /* Also, they may be at most `raw_free` plus `expansion` times the file's length. */
    uint64_t raw_free;
    uint64_t expansion;
};

/* 1 GiB, 1 GiB, 4 MiB, 100. Every file that ctm_file_encode makes meets the last two. */
extern const struct ctm_limits ctm_limits_default;

/* Most bytes of all sections together, or of a dump's attributes, in a file of this length. */
uint64_t ctm_limits_raw(const struct ctm_limits *limits, uint64_t length);

/*
 * Read a file that is in memory. The caller owns one reference to *out, and what *metadata (NULL:
 * not wanted, but checked all the same) then holds. CTM_ENOMEM; CTM_EFORMAT: the bytes are not what
 * the format says, or of a newer major version; CTM_ELIMIT: they go past a limit.
 */
CTM_MUST_CHECK int ctm_file_decode(const uint8_t *bytes, size_t length, struct ctm_limits limits,
                                   struct ctm_snapshot **out, struct ctm_metadata *metadata,
                                   struct ctm_file_error *error);

/*
 * The same from a path. CTM_EIO besides: it cannot be opened or read, or is a folder. What else is
 * not a regular file (a FIFO, a device) is CTM_EFORMAT, and is never waited for.
 */
CTM_MUST_CHECK int ctm_file_read(const char *path, struct ctm_limits limits,
                                 struct ctm_snapshot **out, struct ctm_metadata *metadata,
                                 struct ctm_file_error *error);

/*
 * Only the bytes of the file, put into `out`, which is empty: nothing of them is checked but the
 * length. What does not begin as a snapshot file does is not read to its end.
 */
CTM_MUST_CHECK int ctm_file_load(const char *path, struct ctm_limits limits, struct ctm_buffer *out,
                                 struct ctm_file_error *error);

/* Whether the bytes, the first of a file, are those that a snapshot file begins with. */
bool ctm_file_is_one(const uint8_t *bytes, size_t length);

#endif
