#include "format/file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "format/plain.h"
#include "format/sections.h"
#include "format/table.h"

const struct ctm_limits ctm_limits_default = {
    .file_length = UINT64_C(1) << 30,
    .raw_length = UINT64_C(1) << 30,
    .raw_free = UINT64_C(4) << 20,
    .expansion = 100,
};

uint64_t ctm_limits_raw(const struct ctm_limits *limits, uint64_t length)
{
    uint64_t limit;

    if (__builtin_mul_overflow(length, limits->expansion, &limit) ||
        __builtin_add_overflow(limit, limits->raw_free, &limit)) {
        limit = UINT64_MAX;
    }
    return limit < limits->raw_length ? limit : limits->raw_length;
}

/* One file while it is read. */
struct reader {
    struct ctm_sections sections;
    struct ctm_builder *builder;
    /* How many entries there are so far: an id is less than its count. */
    uint64_t string_count;
    uint64_t frame_count;
    uint64_t node_count;
    uint64_t stack_count;
    struct ctm_info info;
    /* Where the reading of a section stands, and what is wrong there. */
    uint64_t entry;
    const char *wrong;
};

static int bad(struct reader *r, const char *wrong)
{
    r->wrong = wrong;
    return CTM_EFORMAT;
}

/* What has to come of adding an entry: the builder gave it the id of its place. */
static int added(struct reader *r, int result, uint64_t id, uint64_t place)
{
    if (!result && id != place) {
        return bad(r, "it is the same as an earlier one");
    }
    return result;
}

static bool read_step(struct ctm_cursor *column, uint64_t *value)
{
    uint64_t step;

    if (!ctm_cursor_varint(column, &step)) {
        return false;
    }
    *value = ctm_step_apply(*value, step);
    return true;
}

/* Open the table that a section begins with; *rest is what stands behind it. */
static int open_table(struct reader *r, struct ctm_cursor *rest, unsigned columns,
                      struct ctm_table *table)
{
    const char *wrong = ctm_table_open(rest, columns, table);

    r->entry = 0;
    return wrong != NULL ? bad(r, wrong) : CTM_OK;
}

/* After all rows: nothing may be left in the columns, nor behind them. */
static int close_table(struct reader *r, const struct ctm_cursor *rest, unsigned columns,
                       const struct ctm_table *table)
{
    if (!ctm_table_is_used_up(table, columns)) {
        return bad(r, "a column has bytes left over behind the last row");
    }
    if (ctm_cursor_left(rest)) {
        return bad(r, "bytes are left over behind the last column");
    }
    return CTM_OK;
}

static int read_info(struct reader *r, struct ctm_cursor *raw)
{
    uint64_t values[CTM_INFO_COLUMNS];
    struct ctm_table table;
    int result;

    result = open_table(r, raw, CTM_INFO_COLUMNS, &table);
    if (result) {
        return result;
    }
    if (table.rows != 1) {
        return bad(r, "it does not have one row");
    }
    for (unsigned i = 0; i < CTM_INFO_COLUMNS; i++) {
        if (!ctm_cursor_varint(&table.columns[i], &values[i])) {
            return bad(r, "a value is not a number");
        }
    }
    if (values[6] > UINT32_MAX || values[7] > UINT32_MAX) {
        return bad(r, "the limit of frames or the process id is over 32 bits");
    }
    r->info = (struct ctm_info){
        .time_ns = values[0],
        .current_bytes = values[1],
        .current_blocks = values[2],
        .peak_bytes = values[3],
        .dropped = values[4],
        .lost = values[5],
        .nframe = (uint32_t)values[6],
        .pid = (uint32_t)values[7],
    };
    return close_table(r, raw, CTM_INFO_COLUMNS, &table);
}

/* Stands only where the blocks are not live ones. */
static int read_kind(struct reader *r, struct ctm_cursor *raw)
{
    struct ctm_table table;
    uint64_t kind;
    int result;

    result = open_table(r, raw, CTM_KIND_COLUMNS, &table);
    if (result) {
        return result;
    }
    if (table.rows != 1) {
        return bad(r, "it does not have one row");
    }
    if (!ctm_cursor_varint(&table.columns[0], &kind)) {
        return bad(r, "a value is not a number");
    }
    if (kind == CTM_KIND_LIVE || kind >= CTM_KIND_COUNT) {
        return bad(r, "it is of a kind that is not known here");
    }
    r->info.kind = (enum ctm_kind)kind;
    return close_table(r, raw, CTM_KIND_COLUMNS, &table);
}

static int read_strings(struct reader *r, struct ctm_cursor *raw)
{
    struct ctm_table table;
    int result;

    result = open_table(r, raw, CTM_STRING_COLUMNS, &table);
    if (result) {
        return result;
    }
    r->string_count = 1; /* the empty one */
    for (; r->entry < table.rows; r->entry++, r->string_count++) {
        uint64_t length;
        uint32_t id = 0;
        if (!ctm_cursor_varint(&table.columns[0], &length)) {
            return bad(r, "its length is not a number");
        }
        const char *bytes = (const char *)ctm_cursor_take(raw, length);
        if (bytes == NULL) {
            return bad(r, "it is longer than the bytes left");
        }
        if (!ctm_text_is_valid(bytes, (size_t)length)) {
            return bad(r, "it is not valid UTF-8");
        }
        result = ctm_builder_string(r->builder, bytes, (size_t)length, &id);
        result = added(r, result, id, r->string_count);
        if (result) {
            return result;
        }
    }
    return close_table(r, raw, CTM_STRING_COLUMNS, &table);
}

static int read_frames(struct reader *r, struct ctm_cursor *raw)
{
    struct ctm_table table;
    uint64_t file = 0;
    uint64_t name = 0;
    uint64_t line = 0;
    int result;

    result = open_table(r, raw, CTM_FRAME_COLUMNS, &table);
    if (result) {
        return result;
    }
    for (; r->entry < table.rows; r->entry++, r->frame_count++) {
        uint32_t id = 0;
        if (!read_step(&table.columns[0], &file) || !read_step(&table.columns[1], &name) ||
            !read_step(&table.columns[2], &line)) {
            return bad(r, "a value is not a number");
        }
        if (file >= r->string_count || name >= r->string_count) {
            return bad(r, "its file or function name is past the last string");
        }
        if (line > UINT32_MAX) {
            return bad(r, "its line is over 32 bits");
        }
        result = ctm_builder_frame(r->builder,
                                   (struct ctm_frame){
                                       .file = (uint32_t)file,
                                       .name = (uint32_t)name,
                                       .line = (uint32_t)line,
                                   },
                                   &id);
        result = added(r, result, id, r->entry);
        if (result) {
            return result;
        }
    }
    return close_table(r, raw, CTM_FRAME_COLUMNS, &table);
}

static int read_nodes(struct reader *r, struct ctm_cursor *raw)
{
    struct ctm_table table;
    uint64_t frame = 0;
    int result;

    result = open_table(r, raw, CTM_NODE_COLUMNS, &table);
    if (result) {
        return result;
    }
    for (; r->entry < table.rows; r->entry++, r->node_count++) {
        uint64_t up;
        uint32_t id = 0;
        if (!ctm_cursor_varint(&table.columns[0], &up) || !read_step(&table.columns[1], &frame)) {
            return bad(r, "a value is not a number");
        }
        if (up > r->entry) {
            return bad(r, "its parent is before the first node");
        }
        if (frame >= r->frame_count) {
            return bad(r, "its frame is past the last frame");
        }
        uint32_t parent = up ? (uint32_t)(r->entry - up) : CTM_NO_NODE;
        result = ctm_builder_node(r->builder, parent, (uint32_t)frame, &id);
        result = added(r, result, id, r->entry);
        if (result) {
            return result;
        }
    }
    return close_table(r, raw, CTM_NODE_COLUMNS, &table);
}

static int read_stacks(struct reader *r, struct ctm_cursor *raw)
{
    struct ctm_table table;
    uint64_t node = 0; /* counted from 1 */
    int result;

    result = open_table(r, raw, CTM_STACK_COLUMNS, &table);
    if (result) {
        return result;
    }
    for (; r->entry < table.rows; r->entry++, r->stack_count++) {
        uint64_t total;
        uint32_t id = 0;
        if (!read_step(&table.columns[0], &node) || !ctm_cursor_varint(&table.columns[1], &total)) {
            return bad(r, "a value is not a number");
        }
        if (node > r->node_count) {
            return bad(r, "its node is past the last node");
        }
        if (total > UINT32_MAX) {
            return bad(r, "its total number of frames is over 32 bits");
        }
        struct ctm_stack stack = {
            .node = node ? (uint32_t)(node - 1) : CTM_NO_NODE,
            .total_nframe = total ? (uint32_t)(total - 1) : CTM_TOTAL_UNKNOWN,
        };
        result = ctm_builder_stack(r->builder, stack, &id);
        result = added(r, result, id, r->entry);
        if (result) {
            return result;
        }
    }
    return close_table(r, raw, CTM_STACK_COLUMNS, &table);
}

static int read_rows(struct reader *r, struct ctm_cursor *raw)
{
    struct ctm_table table;
    struct ctm_row row = {0};
    uint64_t stack = 0;
    struct ctm_row_totals totals = {0};
    int result;

    result = open_table(r, raw, CTM_ROW_COLUMNS, &table);
    if (result) {
        return result;
    }
    for (; r->entry < table.rows; r->entry++) {
        uint64_t domain;
        if (!ctm_cursor_varint(&table.columns[0], &domain) ||
            !read_step(&table.columns[1], &stack) || !read_step(&table.columns[2], &row.size) ||
            !ctm_cursor_varint(&table.columns[3], &row.count)) {
            return bad(r, "a value is not a number");
        }
        if (domain > UINT32_MAX) {
            return bad(r, "its domain is over 32 bits");
        }
        if (stack >= r->stack_count) {
            return bad(r, "its stack is past the last stack");
        }
        if (row.count == 0) {
            return bad(r, "its count is 0");
        }
        if (!ctm_row_totals_add(&totals, &row)) {
            return bad(r, "the rows' sizes or counts add up to 2^63 or more");
        }
        row.domain = (uint32_t)domain;
        row.stack = (uint32_t)stack;
        result = ctm_builder_row(r->builder, row);
        if (result) {
            return result;
        }
    }
    return close_table(r, raw, CTM_ROW_COLUMNS, &table);
}

/* Unpack a section, give it to its function, and say where it was wrong. */
static int read_section(struct reader *r, enum ctm_section section, const char *entry_name,
                        int (*read)(struct reader *, struct ctm_cursor *))
{
    struct ctm_cursor raw;
    uint8_t *owned;
    int result;

    result = ctm_section_unpack(&r->sections, section, &owned, &raw);
    if (result) {
        return result;
    }
    r->wrong = NULL;
    result = read(r, &raw);
    free(owned);
    if (r->wrong != NULL) {
        return ctm_section_fail(&r->sections, section, result, "%s %" PRIu64 ": %s", entry_name,
                                r->entry, r->wrong);
    }
    if (result) {
        return ctm_section_fail(&r->sections, section, result, "%s for %s %" PRIu64,
                                result == CTM_ENOMEM ? "no memory" : "no number is left",
                                entry_name, r->entry);
    }
    return CTM_OK;
}

/* A section of plain data, checked and copied to *out. An absent one leaves it empty. */
static int read_plain(const struct ctm_sections *sections, enum ctm_section section,
                      struct ctm_buffer *out)
{
    struct ctm_cursor raw;
    uint8_t *owned;
    size_t offset;
    int result;

    if (!sections->places[section].is_present) {
        return CTM_OK;
    }
    result = ctm_section_unpack(sections, section, &owned, &raw);
    if (result) {
        return result;
    }
    size_t length = ctm_cursor_left(&raw);
    const char *wrong = ctm_plain_check_dict(raw.at, length, &offset);
    if (wrong != NULL) {
        result = ctm_section_fail(sections, section, CTM_EFORMAT, "byte %zu of its data: %s",
                                  offset, wrong);
    } else if (owned != NULL) {
        *out = (struct ctm_buffer){.bytes = owned, .length = length, .capacity = length};
        owned = NULL;
    } else {
        ctm_buffer_append(out, raw.at, length);
        if (out->error) {
            result = ctm_section_fail(sections, section, out->error, "no memory for its %zu bytes",
                                      length);
        }
    }
    free(owned);
    return result;
}

static int read_tables(struct reader *r)
{
    static const struct {
        enum ctm_section section;
        const char *entry_name;
        int (*read)(struct reader *, struct ctm_cursor *);
    } parts[] = {
        {CTM_SECTION_INFO, "row", read_info},          {CTM_SECTION_KIND, "row", read_kind},
        {CTM_SECTION_STRINGS, "string", read_strings}, {CTM_SECTION_FRAMES, "frame", read_frames},
        {CTM_SECTION_NODES, "node", read_nodes},       {CTM_SECTION_STACKS, "stack", read_stacks},
        {CTM_SECTION_ROWS, "row", read_rows},
    };
    int result = CTM_OK;

    for (size_t i = 0; !result && i < sizeof parts / sizeof *parts; i++) {
        if (r->sections.places[parts[i].section].is_present) {
            result = read_section(r, parts[i].section, parts[i].entry_name, parts[i].read);
        }
    }
    return result;
}

int ctm_file_decode(const uint8_t *bytes, size_t length, struct ctm_limits limits,
                    struct ctm_snapshot **out, struct ctm_metadata *metadata,
                    struct ctm_file_error *error)
{
    struct reader r = {.sections.error = error};
    struct ctm_metadata read = {0};
    int result;

    *error = (struct ctm_file_error){0};
    result = ctm_sections_find(&r.sections, bytes, length, &limits);
    if (!result) {
        result = read_plain(&r.sections, CTM_SECTION_ABOUT, &read.about);
    }
    if (!result) {
        result = read_plain(&r.sections, CTM_SECTION_ATTRIBUTES, &read.attributes);
    }
    if (result) {
        goto out;
    }
    result = ctm_builder_new(&r.builder);
    if (!result) {
        result = read_tables(&r);
    }
    if (!result) {
        result = ctm_builder_finish(r.builder, &r.info, out);
        r.builder = NULL;
    }
    if (result) {
        if (!error->code) {
            ctm_file_fail(error, result, 0, "no memory for the snapshot");
        }
        goto out;
    }
    if (metadata) {
        *metadata = read;
        read = (struct ctm_metadata){0};
    }
out:
    ctm_builder_free(r.builder);
    ctm_metadata_free(&read);
    return result;
}
