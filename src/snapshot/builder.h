/*
 * What the builder offers to who knows more about the entries than it does. Internal to this floor.
 *
 * Functions return CTM_OK, CTM_ENOMEM or CTM_ELIMIT as those of snapshot.h; on failure nothing has
 * changed.
 */
#ifndef CTM_SNAPSHOT_BUILDER_H
#define CTM_SNAPSHOT_BUILDER_H

#include "snapshot/snapshot.h"
#include "snapshot/sort.h"

/* Room for so many in all: until then nothing grows by moving, and what stays unused is never
 * touched. */
CTM_MUST_CHECK int ctm_builder_reserve(struct ctm_builder *b, size_t nodes, size_t stacks);
CTM_MUST_CHECK int ctm_builder_reserve_rows(struct ctm_builder *b, size_t rows);

size_t ctm_builder_row_count(const struct ctm_builder *b);

/*
 * Append an entry that is not looked for, nor found by who looks for one like it later: no equal
 * one is there, and none may come. Some three times as fast as interning it.
 */
CTM_MUST_CHECK int ctm_builder_new_node(struct ctm_builder *b, uint32_t parent, uint32_t frame,
                                        uint32_t *id);
CTM_MUST_CHECK int ctm_builder_new_stack(struct ctm_builder *b, struct ctm_stack stack,
                                         uint32_t *id);

/*
 * As ctm_builder_merge_rows where the rows are ascending by (domain, stack, size) already. The
 * caller lends an item and a row for each row there is.
 */
CTM_MUST_CHECK int ctm_builder_order_rows(struct ctm_builder *b, struct ctm_item *items,
                                          struct ctm_row *work);

#endif
