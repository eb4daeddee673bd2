/*
 * What the builder offers to who knows more about the entries than it does. Internal to this floor.
 *
 * Functions return CTM_OK, CTM_ENOMEM or CTM_ELIMIT as those of snapshot.h; on failure nothing has
 * changed.
 */
#ifndef CTM_SNAPSHOT_BUILDER_H
#define CTM_SNAPSHOT_BUILDER_H

#include "snapshot/snapshot.h"

/* Room for about so many in all, resident: until then nothing grows by moving. */
CTM_MUST_CHECK int ctm_builder_reserve(struct ctm_builder *b, size_t nodes, size_t stacks);

/*
 * Append an entry that is not looked for, nor found by who looks for one like it later: no equal
 * one is there, and none may come. Some three times as fast as interning it.
 */
CTM_MUST_CHECK int ctm_builder_new_node(struct ctm_builder *b, uint32_t parent, uint32_t frame,
                                        uint32_t *id);
CTM_MUST_CHECK int ctm_builder_new_stack(struct ctm_builder *b, struct ctm_stack stack,
                                         uint32_t *id);

/*
 * The rows of a builder that has none: made with malloc, in the order in which they stay, of stacks
 * that are there; equal ones are joined already. They are taken over.
 */
void ctm_builder_set_rows(struct ctm_builder *b, struct ctm_row *rows, size_t count,
                          uint64_t trace_count);

#endif
