#include "format/pickle_machine.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- failures ---- */

int ctm_pickle_fail(struct ctm_pickle_machine *m, const char *what)
{
    uint64_t offset = (uint64_t)(m->at - m->start);
    return ctm_file_fail(m->error, CTM_EFORMAT, offset, "byte %" PRIu64 " of the pickle: %s",
                         offset, what);
}

static int fail_memory(struct ctm_pickle_machine *m)
{
    return ctm_file_fail(m->error, CTM_ENOMEM, 0, "no memory for the pickle");
}

void ctm_pickle_copy_name(char *out, size_t size, const uint8_t *bytes, size_t length)
{
    size_t used = 0;
    for (size_t i = 0; i < length && used + 1 < size; i++) {
        out[used++] = bytes[i] > ' ' && bytes[i] < 0x7f ? (char)bytes[i] : '?';
    }
    out[used] = '\0';
}

/* ---- memory ---- */

/* Room for `more` further entries of an array. */
static int reserve(struct ctm_pickle_machine *m, void **array, size_t *capacity, size_t length,
                   size_t more, size_t size)
{
    if (length + more <= *capacity) {
        return CTM_OK;
    }
    size_t larger = *capacity + *capacity / 2 + more + 64;
    void *moved = realloc(*array, larger * size);
    if (moved == NULL) {
        return fail_memory(m);
    }
    *array = moved;
    *capacity = larger;
    return CTM_OK;
}

static int reserve_values(struct ctm_pickle_machine *m, struct ctm_pickle_values *values,
                          size_t more)
{
    void *array = values->items;
    int status = reserve(m, &array, &values->capacity, values->length, more, sizeof *values->items);
    values->items = array;
    return status;
}

int ctm_pickle_add(struct ctm_pickle_machine *m, struct ctm_pickle_values *values,
                   struct ctm_pickle_value value)
{
    int status = reserve_values(m, values, 1);
    if (status == CTM_OK) {
        values->items[values->length++] = value;
    }
    return status;
}

int ctm_pickle_push(struct ctm_pickle_machine *m, struct ctm_pickle_value value)
{
    return ctm_pickle_add(m, &m->stack, value);
}

/* The index of a new node that holds the topmost `count` values of the stack, which are popped. */
int ctm_pickle_make_node(struct ctm_pickle_machine *m, size_t count, uint32_t *node)
{
    void *nodes = m->nodes;
    int status = reserve(m, &nodes, &m->node_capacity, m->node_count, 1, sizeof *m->nodes);
    m->nodes = nodes;
    if (status != CTM_OK || (status = reserve_values(m, &m->items, count)) != CTM_OK) {
        return status;
    }
    m->stack.length -= count;
    if (count > 0) {
        memcpy(m->items.items + m->items.length, m->stack.items + m->stack.length,
               count * sizeof *m->items.items);
    }
    *node = (uint32_t)m->node_count++;
    m->nodes[*node] = (struct ctm_pickle_node){
        .start = (uint32_t)m->items.length,
        .length = (uint32_t)count,
        .next = CTM_PICKLE_NO_NODE,
        .last = *node,
    };
    m->items.length += count;
    return CTM_OK;
}

/* ---- the stack ---- */

static size_t stack_base(const struct ctm_pickle_machine *m)
{
    return m->mark_count == 0 ? 0 : m->marks[m->mark_count - 1];
}

/* Whether `count` values stand above the newest mark. */
bool ctm_pickle_has_values(const struct ctm_pickle_machine *m, size_t count)
{
    return m->stack.length - stack_base(m) >= count;
}

struct ctm_pickle_value *ctm_pickle_top(struct ctm_pickle_machine *m)
{
    return &m->stack.items[m->stack.length - 1];
}

int ctm_pickle_fail_empty(struct ctm_pickle_machine *m)
{
    return ctm_pickle_fail(m, "the stack has too few values");
}

int ctm_pickle_push_mark(struct ctm_pickle_machine *m)
{
    void *marks = m->marks;
    int status = reserve(m, &marks, &m->mark_capacity, m->mark_count, 1, sizeof *m->marks);
    m->marks = marks;
    if (status == CTM_OK) {
        m->marks[m->mark_count++] = (uint32_t)m->stack.length;
    }
    return status;
}

/* Take the newest mark away; how many values stand above it. */
int ctm_pickle_pop_mark(struct ctm_pickle_machine *m, size_t *count)
{
    *count = 0;
    if (m->mark_count == 0) {
        return ctm_pickle_fail(m, "there is no mark");
    }
    *count = m->stack.length - m->marks[--m->mark_count];
    return CTM_OK;
}

int ctm_pickle_pop(struct ctm_pickle_machine *m)
{
    if (!ctm_pickle_has_values(m, 1)) {
        return ctm_pickle_fail_empty(m);
    }
    m->stack.length--;
    return CTM_OK;
}

int ctm_pickle_pop_to_mark(struct ctm_pickle_machine *m)
{
    size_t count;
    int status = ctm_pickle_pop_mark(m, &count);
    if (status == CTM_OK) {
        m->stack.length -= count;
    }
    return status;
}
