#include "format/table.h"

#include <string.h>

/* The longest head: two numbers and the columns' lengths. */
#define HEAD_ROOM ((size_t)(2 + CTM_TABLE_COLUMNS) * CTM_VARINT_MAX)

void ctm_table_begin(struct ctm_table_writer *w, size_t rows)
{
    w->rows = rows;
    w->column_count = 0;
    w->data.length = 0;
    if (ctm_buffer_reserve(&w->data, HEAD_ROOM)) {
        w->data.length = HEAD_ROOM;
    }
}

uint8_t *ctm_table_open_column(struct ctm_table_writer *w)
{
    /* Room for the longest values; pages that the real ones do not reach are never touched. */
    if (w->rows >= SIZE_MAX / CTM_VARINT_MAX) {
        w->data.error = CTM_ENOMEM;
    }
    if (!ctm_buffer_reserve(&w->data, (w->rows + 1) * CTM_VARINT_MAX)) {
        return NULL;
    }
    return w->data.bytes + w->data.length;
}

void ctm_table_close_column(struct ctm_table_writer *w, const uint8_t *end)
{
    w->data.length = (size_t)(end - w->data.bytes);
    w->ends[w->column_count++] = w->data.length;
}

struct ctm_cursor ctm_table_finish(struct ctm_table_writer *w)
{
    uint8_t head[HEAD_ROOM + CTM_VARINT_MAX];
    uint8_t *at = head;
    size_t start = HEAD_ROOM;

    at = ctm_varint_put(at, w->rows);
    at = ctm_varint_put(at, w->column_count);
    for (unsigned i = 0; i < w->column_count; i++) {
        at = ctm_varint_put(at, w->ends[i] - start);
        start = w->ends[i];
    }
    /* The head's length is known only now: it goes right in front of the columns. */
    size_t length = (size_t)(at - head);
    size_t unused = HEAD_ROOM - length;
    memcpy(w->data.bytes + unused, head, length);
    return ctm_cursor_over(w->data.bytes + unused, w->data.length - unused);
}

void ctm_table_free(struct ctm_table_writer *w)
{
    ctm_buffer_free(&w->data);
}

const char *ctm_table_open(struct ctm_cursor *c, unsigned known, struct ctm_table *table)
{
    uint64_t column_count;

    if (!ctm_cursor_varint(c, &table->rows)) {
        return "the number of rows is not a number";
    }
    if (!ctm_cursor_varint(c, &column_count)) {
        return "the number of columns is not a number";
    }
    if (column_count < known) {
        return "there are fewer columns than there must be";
    }
    if (column_count > ctm_cursor_left(c)) {
        return "there are more columns than bytes left";
    }

    /* The lengths are read twice: once to find where they end, once beside the columns. */
    struct ctm_cursor lengths = *c;
    for (uint64_t i = 0; i < column_count; i++) {
        uint64_t length;
        if (!ctm_cursor_varint(c, &length)) {
            return "the length of a column is not a number";
        }
        if (length < table->rows) {
            return "a column is too short for the number of rows";
        }
    }
    for (uint64_t i = 0; i < column_count; i++) {
        uint64_t length = 0;
        bool whole = ctm_cursor_varint(&lengths, &length);
        const uint8_t *bytes = whole ? ctm_cursor_take(c, length) : NULL;
        if (bytes == NULL) {
            return "a column is longer than the bytes left";
        }
        if (i < known) {
            table->columns[i] = (struct ctm_cursor){bytes, bytes + length};
        }
    }
    return NULL;
}

bool ctm_table_is_used_up(const struct ctm_table *table, unsigned known)
{
    for (unsigned i = 0; i < known; i++) {
        if (ctm_cursor_left(&table->columns[i])) {
            return false;
        }
    }
    return true;
}
