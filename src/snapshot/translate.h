/*
 * From the ids of the tracer to those of a snapshot's builder. Internal to this floor.
 *
 * Every call needs the tracer's gate held. Functions return CTM_OK, CTM_ENOMEM or CTM_ELIMIT.
 */
#ifndef CTM_SNAPSHOT_TRANSLATE_H
#define CTM_SNAPSHOT_TRANSLATE_H

#include "engine/tracer.h"
#include "snapshot/snapshot.h"
#include "snapshot/take.h"

/* What is remembered of a node of the tracer's. */
struct ctm_known_node {
    uint32_t depth;    /* frames from the oldest that the tracer has to this one; 0: not known */
    uint32_t left_out; /* frames of the stack below the oldest; known if `depth` is */
    uint32_t start;    /* frames that were cut off below the path that `id` stands for */
    uint32_t id;       /* the builder's node; CTM_NO_NODE: none yet */
};

/*
 * What the builder calls what the tracer calls otherwise. For each kind of id an array that
 * remembers, UINT32_MAX where it was not asked yet; none (NULL) where one stack is all that is
 * wanted, since making them costs time and memory for every id there is.
 */
struct ctm_translation {
    const struct ctm_tracer *tracer;
    const struct ctm_take_options *options;
    struct ctm_builder *builder;
    uint32_t *strings;
    uint32_t *frames;
    uint32_t *stacks; /* by tracer node */
    struct ctm_known_node *nodes;
    uint32_t *path; /* scratch for one stack */
    size_t path_capacity;
};

CTM_MUST_CHECK int ctm_translation_start(struct ctm_translation *t, const struct ctm_tracer *tracer,
                                         const struct ctm_take_options *options);
/* Make room to remember every id, where most of them will be asked for. */
CTM_MUST_CHECK int ctm_translation_remember(struct ctm_translation *t);
/* Also after a start that failed. The builder must have been consumed, or is freed here. */
void ctm_translation_end(struct ctm_translation *t);

/* The builder's stack for a node of the tracer's. */
CTM_MUST_CHECK int ctm_translation_stack(struct ctm_translation *t, uint32_t node, uint32_t *id);
/* The stack of one frame that stands for churn that was folded. */
CTM_MUST_CHECK int ctm_translation_place(struct ctm_translation *t, struct ctm_folded_place place,
                                         uint32_t *id);
/* A row of blocks of a site that have one size. */
CTM_MUST_CHECK int ctm_translation_row(struct ctm_translation *t, uint32_t site_id, uint64_t size,
                                       uint64_t count);
/* Finish the builder: it is consumed. */
CTM_MUST_CHECK int ctm_translation_finish(struct ctm_translation *t, enum ctm_kind kind,
                                          struct ctm_snapshot **out);

#endif
