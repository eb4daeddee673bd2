/*
 * Snapshots that the standard library's tracemalloc dumped: pickles of Python 3.4 to 3.15.
 *
 * A pickle is a program for a machine that may call anything. Here is a machine that has no calls:
 * it knows the instructions that dumps are made of, makes plain data and instances of tracemalloc's
 * classes out of them, and refuses the rest.
 */
#ifndef CTM_FORMAT_PICKLE_H
#define CTM_FORMAT_PICKLE_H

#include "format/file.h"

/* Whether the bytes, the first of a file, are those that a dump begins with. */
bool ctm_pickle_is_one(const uint8_t *bytes, size_t length);

/*
 * Read a dump that is in memory. Order and total_nframe of the traces are kept; where an old Python
 * wrote no domain it is 0, where it wrote no total_nframe it is CTM_TOTAL_UNKNOWN. What the user
 * has set on the snapshot is in metadata->attributes, plain data all of it; so is `traceback_limit`
 * if it does not fit the snapshot's info, which is otherwise unknown.
 *
 * The caller owns one reference to *out, and what *metadata then holds. CTM_ENOMEM; CTM_EFORMAT;
 * CTM_ELIMIT: past limits.file_length, or attributes that refer to each other so that they are
 * longer than the limits allow for sections. Takes time and, at the worst, 100 bytes of memory for
 * each byte.
 */
CTM_MUST_CHECK int ctm_pickle_read(const uint8_t *bytes, size_t length, struct ctm_limits limits,
                                   struct ctm_snapshot **out, struct ctm_metadata *metadata,
                                   struct ctm_file_error *error);

#endif
