/*
 * From an offset into a code object's bytecode to a line, read from the location table itself.
 *
 * The table's format, the same from CPython 3.11 to 3.15, is described in CPython's
 * InternalDocs/code_objects.md. Decoding starts where the last one stopped: the lines of a code
 * object that is run from top to bottom cost one pass in all, not one pass each.
 */
#ifndef CTM_CPYTHON_LINES_H
#define CTM_CPYTHON_LINES_H

#include <stddef.h>
#include <stdint.h>

/* Where decoding stopped. All zero with `line` the code object's first line: at the start. */
struct ctm_line_cursor {
    uint32_t entry;  /* bytes into the table */
    uint32_t offset; /* bytes of bytecode before that entry */
    int32_t line;    /* line that the entry's delta is added to */
};

/*
 * The line of the instruction `offset` bytes into the bytecode; 0 if it has none or the table is
 * broken. Reads nothing outside `table`.
 */
uint32_t ctm_line_find_hook(const uint8_t *table, size_t length, int32_t first_line,
                            uint32_t offset, struct ctm_line_cursor *cursor);

#endif
