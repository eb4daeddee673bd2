/* Whether two snapshots enumerate equal traces. */
#ifndef CTM_CPYTHON_SNAPSHOT_EQUAL_H
#define CTM_CPYTHON_SNAPSHOT_EQUAL_H

#include "snapshot/snapshot.h"

/*
 * 1 if the traces, as tracemalloc sees them (names of functions do not count), are equal in their
 * order, else 0; or CTM_ENOMEM. Tables and row boundaries may differ. Linear in rows and in the
 * depth of the stacks that the rows have.
 */
CTM_MUST_CHECK int ctm_snapshots_equal(const struct ctm_snapshot *a, const struct ctm_snapshot *b);

#endif
