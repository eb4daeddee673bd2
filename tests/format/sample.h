/* Random snapshots and metadata to put into files, and how they are compared afterwards. */
#ifndef TESTS_FORMAT_SAMPLE_H
#define TESTS_FORMAT_SAMPLE_H

#include "format/file.h"

/* The same sequence for the same seed, on every machine. */
struct sample_random {
    uint64_t state;
};

uint64_t sample_next(struct sample_random *r);
/* Less than `limit`, which is not 0. */
uint64_t sample_below(struct sample_random *r, uint64_t limit);

/*
 * A snapshot with up to about `scale` entries in each table: all kinds of text, stacks without a
 * frame, unknown totals, rows in no order. Some entries belong to no row. The caller owns it.
 */
struct ctm_snapshot *sample_snapshot(uint64_t seed, size_t scale);

/* Random plain data, with all kinds of values. The caller frees it. */
struct ctm_metadata sample_metadata(uint64_t seed);

/* Fails the test unless all rows, with the text of their frames, and the info are the same. */
void sample_assert_same(const struct ctm_snapshot *a, const struct ctm_snapshot *b);

/* Encode, or fail the test. The caller frees the buffer. */
struct ctm_buffer sample_encode(const struct ctm_snapshot *s, const struct ctm_metadata *metadata,
                                unsigned flags);

#endif
