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

/* How deep a node of the tracer's is. All zero: not known. */
struct ctm_node_depth {
    uint32_t frames;   /* from the oldest that the tracer has to this one */
    uint32_t left_out; /* frames of the stack below the oldest */
};

enum ctm_progress {
    CTM_NODE_IGNORED,
    CTM_NODE_WANTED,
    CTM_NODE_ALONE,  /* made, and no other path has become the same one */
    CTM_NODE_SHARED, /* made, and another path may have */
};

/*
 * What the builder calls what the tracer calls otherwise. Names, frames and stacks are remembered,
 * by the tracer's id: 1 + the builder's id, 0 where it was not asked yet. All arrays lie in one
 * mapping; there is none (NULL) where one stack is all that is wanted.
 */
struct ctm_translation {
    const struct ctm_tracer *tracer;
    const struct ctm_take_options *options;
    struct ctm_builder *builder;
    struct ctm_pages *scratch;
    void *memory;
    size_t memory_size;
    uint32_t *strings;
    uint32_t *frames;
    uint32_t *oldest; /* by tracer frame: 1 + the node with it that a path begins at; or SEVERAL */
    uint32_t *stacks; /* by tracer node */
    struct ctm_node_depth *depths; /* by tracer node */
    /* Of the cut that is being translated, by tracer node: the builder's node for the path above
     * the cut, and how far it is (enum ctm_progress). */
    uint32_t *made;
    unsigned char *progress;
    bool one_domain; /* no site is of another domain than 0: no node has two sites */
    uint32_t *path;
    size_t path_capacity;
};

/* Begins with an empty record of pages, which is the translation's until its end. */
CTM_MUST_CHECK int ctm_translation_start(struct ctm_translation *t, const struct ctm_tracer *tracer,
                                         const struct ctm_take_options *options,
                                         struct ctm_pages *scratch);
/* Also after a start that failed. What was taken out (set to NULL) is not freed: the builder, and
 * the memory, whose pages can be used again. */
void ctm_translation_end(struct ctm_translation *t);

/* The builder's stack for a node of the tracer's: one that is all that is wanted. */
CTM_MUST_CHECK int ctm_translation_stack(struct ctm_translation *t, uint32_t node, uint32_t *id);
/*
 * The stacks of many sites. An item's key is the site's node, its index the site. The items are
 * then ascending by their keys, which are domain << 32 | the builder's stack. To be called once for
 * a translation.
 */
CTM_MUST_CHECK int ctm_translation_sites(struct ctm_translation *t, struct ctm_item *sites,
                                         struct ctm_item *spare, size_t length);

/* The stack of one frame that stands for churn that was folded. */
CTM_MUST_CHECK int ctm_translation_place(struct ctm_translation *t, struct ctm_folded_place place,
                                         uint32_t *id);

/* What is so at this moment, for ctm_builder_finish; but for `current_blocks`, which only a look at
 * all sites can tell. */
struct ctm_info ctm_translation_info(const struct ctm_translation *t, enum ctm_kind kind);

#endif
