/* Several snapshots into one: of processes, of hosts. */
#ifndef CTM_SNAPSHOT_MERGE_H
#define CTM_SNAPSHOT_MERGE_H

#include "snapshot/snapshot.h"

/*
 * The traces of all, in the documented order of engine snapshots, over new tables that have only
 * what the traces need. As a multiset of traces the result does not depend on the order or the
 * grouping of merges.
 *
 * What is said of the moment is what is true of the whole: bytes, blocks, dropped and lost traces
 * are sums; so is the peak, which the whole never exceeded; the time is the newest, nframe the
 * largest. The pid is the common one, else 0. Bytes, blocks and peak are 0 (unknown) where one
 * snapshot has traces and does not know them.
 *
 * CTM_OK, CTM_ENOMEM, CTM_ELIMIT (a table or a sum is too large), or CTM_EINVAL: there are none, or
 * they are not of one kind. Linear in rows and tables.
 */
CTM_MUST_CHECK int ctm_merge(struct ctm_snapshot *const *snapshots, size_t count,
                             struct ctm_snapshot **out);

#endif
