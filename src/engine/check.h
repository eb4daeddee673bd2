/*
 * The walker of invariants: what holds of a tracer's tables between any two calls.
 *
 * For tests: it is not part of the library, and takes memory from malloc.
 */
#ifndef CTM_ENGINE_CHECK_H
#define CTM_ENGINE_CHECK_H

#include "engine/tracer.h"

/*
 * NULL if every invariant holds, else a text that names the first one that does not: every mapping
 * on record once, every table in mappings of its own, every entry found under its key, every count
 * equal to what it counts, the sites equal to the sums of their blocks.
 *
 * Needs the gate held. Linear in the tables, apart from the sorting of mappings and hashed blocks.
 * After a text the tracer is only good to look at.
 */
const char *ctm_tracer_check(const struct ctm_tracer *tracer);

#endif
