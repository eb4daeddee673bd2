/*
 * A table of integers, stored column by column: how every list of records is laid out in a section.
 *
 *     varint rows, varint columns, then for each column: varint length in bytes;
 *     then the columns one after the other, each of them `rows` varints.
 *
 * The lengths let a reader walk all columns at once, and skip columns that a later minor version
 * has added behind the ones it knows.
 */
#ifndef CTM_FORMAT_TABLE_H
#define CTM_FORMAT_TABLE_H

#include "format/wire.h"

/* Most columns that any table of this version has. */
#define CTM_TABLE_COLUMNS 8

/*
 * Writing: begin; for each column open it, put its values one behind the other, close it; finish.
 * All zero is a writer; it may begin again and again, and keeps its memory from one table to the
 * next.
 */
struct ctm_table_writer {
    size_t rows;
    unsigned column_count;
    size_t ends[CTM_TABLE_COLUMNS]; /* where each column ends in `data` */
    struct ctm_buffer data;         /* room for the head, then the columns */
};

void ctm_table_begin(struct ctm_table_writer *w, size_t rows);

/*
 * Where the column's first value goes, by ctm_varint_put; there is room for as many as the table
 * has rows. NULL: no memory.
 */
CTM_MUST_CHECK uint8_t *ctm_table_open_column(struct ctm_table_writer *w);
void ctm_table_close_column(struct ctm_table_writer *w, const uint8_t *end);

/*
 * The table's bytes, and behind them whatever was appended to `data` after the last column; valid
 * until the next table begins. There must be no error in `data`.
 */
struct ctm_cursor ctm_table_finish(struct ctm_table_writer *w);

void ctm_table_free(struct ctm_table_writer *w);

/* Reading. Cursors borrow from the bytes that were opened. */
struct ctm_table {
    uint64_t rows; /* at most the bytes of each column */
    struct ctm_cursor columns[CTM_TABLE_COLUMNS];
};

/*
 * Read the head of a table with at least `known` columns from the front of `c`, and step over the
 * table. Returns NULL, or what is wrong: a text that lives forever. Nothing is reserved.
 */
CTM_MUST_CHECK const char *ctm_table_open(struct ctm_cursor *c, unsigned known,
                                          struct ctm_table *table);

/* After all rows were read: whether each known column was used up to its last byte. */
bool ctm_table_is_used_up(const struct ctm_table *table, unsigned known);

#endif
