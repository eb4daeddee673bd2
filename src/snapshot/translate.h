/*
 * From the ids of the tracer to those of a snapshot's builder. Internal to this floor.
 *
 * Every call but ctm_translation_end needs the tracer's gate held. Functions return CTM_OK,
 * CTM_ENOMEM or CTM_ELIMIT.
 */
#ifndef CTM_SNAPSHOT_TRANSLATE_H
#define CTM_SNAPSHOT_TRANSLATE_H

#include "engine/tracer.h"
#include "snapshot/snapshot.h"
#include "snapshot/sort.h"
#include "snapshot/take.h"

/* What is remembered of a node of the tracer's. All zero: nothing. */
struct ctm_known_node {
    uint32_t depth;    /* frames from the oldest that the tracer has to this one */
    uint32_t left_out; /* frames of the stack below the oldest, and CTM_KNOWN_SHARED */
    uint32_t cut;      /* 1 + the frames that are cut off below, and CTM_KNOWN_MADE */
    uint32_t id;       /* the builder's node for the path above the cut, if it is made */
};

/* Below the path's oldest frame: no other path begins with an equal one. */
#define CTM_KNOWN_SHARED UINT32_C(0x80000000)
#define CTM_KNOWN_MADE UINT32_C(0x80000000)

/*
 * What the builder calls what the tracer calls otherwise. For each kind of id an array that
 * remembers, 1 + the builder's id, 0 where it was not asked yet; none (NULL) where one stack is all
 * that is wanted.
 */
struct ctm_translation {
    const struct ctm_tracer *tracer;
    const struct ctm_take_options *options;
    struct ctm_builder *builder;
    struct ctm_pages *scratch; /* of the arrays that remember, all of one mapping but `nodes` */
    size_t ids_size;
    size_t nodes_size;
    uint32_t *strings;
    uint32_t *frames;
    uint32_t *oldest; /* by tracer frame: 1 + the node with it that a path begins at; or SEVERAL */
    uint32_t *stacks; /* by tracer node */
    struct ctm_known_node *nodes;
    uint32_t *path; /* for one stack */
    size_t path_capacity;
};

/* Begins with an empty record of pages, which is the translation's until its end. */
CTM_MUST_CHECK int ctm_translation_start(struct ctm_translation *t, const struct ctm_tracer *tracer,
                                         const struct ctm_take_options *options,
                                         struct ctm_pages *scratch);
/* Also after a start that failed. What was taken out (set to NULL) is not freed: the builder, and
 * the nodes, whose pages can be used again. */
void ctm_translation_end(struct ctm_translation *t);

/* The builder's stack for a node of the tracer's: one that is all that is wanted. */
CTM_MUST_CHECK int ctm_translation_stack(struct ctm_translation *t, uint32_t node, uint32_t *id);
/*
 * The stacks of many sites, whose ids are the items' indices. The items are then ascending by their
 * keys, which are domain << 32 | the builder's stack. To be called once for a translation.
 */
CTM_MUST_CHECK int ctm_translation_sites(struct ctm_translation *t, struct ctm_item *sites,
                                         struct ctm_item *spare, size_t length);

/* The stack of one frame that stands for churn that was folded. */
CTM_MUST_CHECK int ctm_translation_place(struct ctm_translation *t, struct ctm_folded_place place,
                                         uint32_t *id);

/* What is so at this moment, for ctm_builder_finish. */
struct ctm_info ctm_translation_info(const struct ctm_translation *t, enum ctm_kind kind);

#endif
