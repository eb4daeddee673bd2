/*
 * What stands behind the public structs: owners of memory and reference counts. Internal to this
 * floor.
 */
#ifndef CTM_SNAPSHOT_STORE_H
#define CTM_SNAPSHOT_STORE_H

#include "snapshot/snapshot.h"

/* A piece of memory that strings are cut from. Pieces never move. */
struct ctm_text {
    struct ctm_text *next;
    size_t size; /* of `bytes` */
    size_t used;
    char bytes[];
};

void ctm_text_free(struct ctm_text *newest); /* all that hang together; NULL is allowed */

struct ctm_store; /* tables and their reference count */

/*
 * Tables around these arrays, which are taken over, with one reference: CTM_OK or CTM_ENOMEM. On
 * failure the arrays stay the caller's.
 */
CTM_MUST_CHECK int ctm_store_new(const struct ctm_tables *tables, struct ctm_text *text,
                                 struct ctm_store **out);
struct ctm_store *ctm_store_ref(struct ctm_store *store);
void ctm_store_unref(struct ctm_store *store); /* NULL is allowed */

/* The tables under a snapshot; borrowed. */
struct ctm_store *ctm_store_of(const struct ctm_snapshot *s);

/*
 * A snapshot over `store` that takes `rows` over, with one reference. `trace_count` is the sum of
 * their counts. The store's reference and the rows are consumed, also on failure (CTM_ENOMEM).
 */
CTM_MUST_CHECK int ctm_snapshot_adopt(struct ctm_store *store, struct ctm_row *rows,
                                      size_t row_count, uint64_t trace_count,
                                      const struct ctm_info *info, struct ctm_snapshot **out);

#endif
