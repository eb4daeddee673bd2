/*
 * Keep the rows of a snapshot that pass filters, as stdlib's Snapshot.filter_traces.
 *
 * Patterns are matched once per distinct name of a file or function, never per trace.
 */
#ifndef CTM_SNAPSHOT_FILTER_H
#define CTM_SNAPSHOT_FILTER_H

#include "snapshot/snapshot.h"

/*
 * One filter. Matching file names against a pattern is the caller's: `file_matches[string id]` is
 * nonzero where the name matches (the array has string_count entries). NULL: the filter looks at
 * the domain alone.
 */
struct ctm_filter {
    bool inclusive;
    const uint8_t *file_matches;
    const uint8_t *name_matches; /* the same for names of functions; NULL: any. With file_matches */
    bool any_line;
    uint64_t line; /* meaningful unless any_line; a value over UINT32_MAX matches no frame */
    bool all_frames;
    bool any_domain;
    uint64_t domain; /* meaningful unless any_domain; a value over UINT32_MAX matches no domain */
};

/*
 * A row is kept if it matches any inclusive filter (or there is none) and no exclusive one. The
 * combination of a file pattern with a domain follows stdlib: an inclusive filter needs both, an
 * exclusive one excludes only what matches both. Order of rows is kept. A trace without frames
 * matches no file pattern (stdlib raises IndexError unless all_frames).
 *
 * CTM_OK or CTM_ENOMEM. The new snapshot has the tables and the info of `s`. Linear in rows and
 * tables for each distinct domain that the filters name.
 */
CTM_MUST_CHECK int ctm_filter(struct ctm_snapshot *s, const struct ctm_filter *filters,
                              size_t filter_count, struct ctm_snapshot **out);

#endif
