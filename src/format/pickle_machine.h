/*
 * The state of the machine that runs pickles: its stack, its memo, and the containers it has made.
 * Internal to this floor. Functions return CTM_OK, or a code with machine->error filled in.
 */
#ifndef CTM_FORMAT_PICKLE_MACHINE_H
#define CTM_FORMAT_PICKLE_MACHINE_H

#include "format/pickle_parse.h"
#include "format/wire.h"

struct ctm_pickle_values {
    struct ctm_pickle_value *items;
    size_t length;
    size_t capacity;
};

struct ctm_pickle_machine {
    struct ctm_cursor input;
    const uint8_t *start;
    const uint8_t *at; /* the instruction that is executed */
    struct ctm_pickle_values stack;
    struct ctm_pickle_values memo;
    struct ctm_pickle_values items; /* of all containers */
    uint32_t *marks;                /* heights of the stack */
    size_t mark_count;
    size_t mark_capacity;
    struct ctm_pickle_node *nodes;
    size_t node_count;
    size_t node_capacity;
    bool stopped;
    struct ctm_file_error *error;
};

/* Something that no dump has, at the instruction that is executed. */
int ctm_pickle_fail(struct ctm_pickle_machine *m, const char *what);
int ctm_pickle_fail_empty(struct ctm_pickle_machine *m);

/* A name for a message: what is not plain ASCII is replaced, what is too long is left out. */
void ctm_pickle_copy_name(char *out, size_t size, const uint8_t *bytes, size_t length);

CTM_MUST_CHECK int ctm_pickle_add(struct ctm_pickle_machine *m, struct ctm_pickle_values *values,
                                  struct ctm_pickle_value value);

/* The stack. A value below the newest mark is not reached. */
CTM_MUST_CHECK int ctm_pickle_push(struct ctm_pickle_machine *m, struct ctm_pickle_value value);
CTM_MUST_CHECK int ctm_pickle_pop(struct ctm_pickle_machine *m);
bool ctm_pickle_has_values(const struct ctm_pickle_machine *m, size_t count);
struct ctm_pickle_value *ctm_pickle_top(struct ctm_pickle_machine *m); /* there must be one */

CTM_MUST_CHECK int ctm_pickle_push_mark(struct ctm_pickle_machine *m);
/* Take the newest mark away; *count: how many values stand above it. */
CTM_MUST_CHECK int ctm_pickle_pop_mark(struct ctm_pickle_machine *m, size_t *count);
/* The values as well. */
CTM_MUST_CHECK int ctm_pickle_pop_to_mark(struct ctm_pickle_machine *m);

/* A new node that holds the topmost `count` values, which must be there and are popped. */
CTM_MUST_CHECK int ctm_pickle_make_node(struct ctm_pickle_machine *m, size_t count, uint32_t *node);

#endif
