/* The parts of the walker of invariants (check.h). Each returns NULL or what is broken. */
#ifndef CTM_ENGINE_CHECK_PARTS_H
#define CTM_ENGINE_CHECK_PARTS_H

#include "engine/tracer.h"

/* [start, start + size) lies in one mapping on record. */
bool ctm_check_is_mapped(const struct ctm_pages *pages, const void *start, size_t size);

/* A table of `size` bytes has a mapping of its own and of its size; one of no bytes is NULL. */
bool ctm_check_owns_mapping(const struct ctm_pages *pages, const void *table, size_t size);

/* Mappings and the pieces cut from them. */
const char *ctm_check_memory(const struct ctm_tracer *tracer);

/* The block table and what is watched in its pages; not the sums that sites keep. */
const char *ctm_check_blocks(const struct ctm_tracer *tracer);

#endif
