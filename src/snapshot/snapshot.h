/*
 * An immutable snapshot: a multiset of traces over shared, immutable tables.
 *
 * A snapshot has no addresses, so traces with equal (domain, stack, size) are equal: a row keeps
 * them once, with a count. The tables (names, frames, tree of frames, stacks) are shared by
 * reference count between a snapshot and what is derived from it by filtering.
 *
 * Nothing here knows Python. Memory comes from malloc: no function of this floor may be called
 * inside an allocator hook. A finished snapshot may be read by many threads at once; the
 * reference counts are atomic; a builder belongs to one thread.
 */
#ifndef CTM_SNAPSHOT_SNAPSHOT_H
#define CTM_SNAPSHOT_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Text in generalized UTF-8: as UTF-8, with lone surrogates as three bytes; NULs are allowed. */
struct ctm_string {
    const char *bytes;
    size_t length; /* bytes */
};

struct ctm_frame {
    uint32_t file; /* string id */
    uint32_t name; /* string id of the qualified function name; id 0 is "": unknown */
    uint32_t line; /* 0: unknown */
};

/* A node of the calling-context tree stands for the frames from a root down to `frame`. */
struct ctm_node {
    uint32_t parent; /* node id of the caller, always less than the own id; CTM_NO_NODE: none */
    uint32_t frame;  /* frame id */
};

#define CTM_NO_NODE UINT32_MAX
/* total_nframe of a trace that does not know how deep its whole stack was. */
#define CTM_TOTAL_UNKNOWN UINT32_MAX

/* A stack: its newest frame is that of `node`, the caller that of the parent, and so on. */
struct ctm_stack {
    uint32_t node; /* CTM_NO_NODE: no frame at all */
    uint32_t total_nframe;
};

struct ctm_row {
    uint32_t domain;
    uint32_t stack; /* stack id */
    uint64_t size;  /* bytes of one block, or its even share: see enum ctm_kind */
    uint64_t count; /* blocks, at least 1 */
};

/* Shared by snapshots. Ids are indices; equal entries have one id; string 0 is "". */
struct ctm_tables {
    uint32_t string_count;
    uint32_t frame_count;
    uint32_t node_count;
    uint32_t stack_count;
    const struct ctm_string *strings;
    const struct ctm_frame *frames;
    const struct ctm_node *nodes;
    const struct ctm_stack *stacks;
};

/*
 * What the blocks of a snapshot are. Of all but live ones, the bytes and blocks of each (domain,
 * stack) are known, not the size of any single block: their rows share the bytes out evenly, so
 * that size * count is exact in sum (N blocks of B bytes are N - B % N of B / N, and B % N of one
 * byte more). Who shows sizes of blocks has to look at the kind; who adds up rows does not.
 */
enum ctm_kind {
    CTM_KIND_LIVE,  /* live at the moment of the snapshot */
    CTM_KIND_PEAK,  /* live when traced memory was at its peak */
    CTM_KIND_CHURN, /* ever allocated, moved by realloc, or handed to a new object */
    CTM_KIND_REUSE, /* those of the churn that were handed to a new object without an allocation */
    CTM_KIND_COUNT,
};

/* As users know it: "live", "peak", "churn" or "reuse". */
const char *ctm_kind_name(enum ctm_kind kind);

/* What was so at the moment of the snapshot. All zero where unknown. */
struct ctm_info {
    uint64_t time_ns;       /* wall clock, since 1970 */
    uint64_t current_bytes; /* traced memory */
    uint64_t current_blocks;
    uint64_t peak_bytes;
    uint64_t dropped; /* allocations that left no trace: the tracer had no memory */
    uint64_t lost;    /* traces dropped because hooks were taken away */
    uint32_t nframe;  /* limit of frames per stack */
    uint32_t pid;
    enum ctm_kind kind;
};

struct ctm_snapshot {
    const struct ctm_tables *tables;
    size_t row_count;
    const struct ctm_row *rows; /* in the order in which the traces are enumerated */
    uint64_t trace_count;       /* sum of count over the rows */
    struct ctm_info info;
};

/*
 * Builder. Every `add` interns: an equal entry gets the id that it already has. Returned ids are
 * stable and are the ids of the finished snapshot. `add` functions return CTM_OK, CTM_ENOMEM,
 * CTM_ELIMIT (2^32 - 2 entries, or 2^64 traces) or CTM_EINVAL (an id that was not handed out, a
 * count of 0); on failure nothing has changed.
 */
struct ctm_builder;

CTM_MUST_CHECK int ctm_builder_new(struct ctm_builder **out);
void ctm_builder_free(struct ctm_builder *b); /* NULL is allowed */

CTM_MUST_CHECK int ctm_builder_string(struct ctm_builder *b, const char *bytes, size_t length,
                                      uint32_t *id);
CTM_MUST_CHECK int ctm_builder_frame(struct ctm_builder *b, struct ctm_frame frame, uint32_t *id);
CTM_MUST_CHECK int ctm_builder_node(struct ctm_builder *b, uint32_t parent, uint32_t frame,
                                    uint32_t *id);
CTM_MUST_CHECK int ctm_builder_stack(struct ctm_builder *b, struct ctm_stack stack, uint32_t *id);

/*
 * Append a row. Rows are not merged here, their order is kept: adjacent equal rows (domain, stack,
 * size) are joined into one by adding the counts, others stay apart.
 */
CTM_MUST_CHECK int ctm_builder_row(struct ctm_builder *b, struct ctm_row row);

/*
 * Sort rows into the documented order of engine snapshots, and merge equal ones: descending by
 * total bytes of the row (size * count), then by domain, stack id, size ascending. CTM_OK,
 * CTM_ENOMEM or CTM_ELIMIT (a row's total does not fit 64 bits); on failure nothing has changed.
 */
CTM_MUST_CHECK int ctm_builder_merge_rows(struct ctm_builder *b);

/*
 * Finish: the builder is consumed, also on failure (CTM_ENOMEM). The caller owns one reference to
 * *out. `info` is copied; NULL: all of it is unknown.
 */
CTM_MUST_CHECK int ctm_builder_finish(struct ctm_builder *b, const struct ctm_info *info,
                                      struct ctm_snapshot **out);

struct ctm_snapshot *ctm_snapshot_ref(struct ctm_snapshot *s);
void ctm_snapshot_unref(struct ctm_snapshot *s); /* NULL is allowed */

/*
 * A new snapshot over the same tables, with the same info, with these rows (copied), in this order.
 * CTM_OK, CTM_ENOMEM, CTM_EINVAL (a stack of other tables, a count of 0) or CTM_ELIMIT (2^64
 * traces).
 */
CTM_MUST_CHECK int ctm_snapshot_with_rows(struct ctm_snapshot *s, const struct ctm_row *rows,
                                          size_t row_count, struct ctm_snapshot **out);

/* Bytes held by the snapshot, its tables included (they may be shared). */
size_t ctm_snapshot_memory(const struct ctm_snapshot *s);

#endif
