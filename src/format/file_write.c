#include "format/file.h"

#include <zstd.h>

#include "format/layout.h"
#include "format/plain.h"
#include "format/save.h"
#include "format/table.h"
#include "format/used.h"

/* Of zstd: level 3 takes a fifth more time for a file that is hardly shorter. */
#define COMPRESSION_LEVEL 1

/* What expands further than a reader's limits allow is stored as it is, unless it is short. */
#define SHORT_RAW_LENGTH (1u << 18)

/* What columns are written from. */
struct source {
    struct ctm_tables tables;
    const struct ctm_row *rows;
    struct ctm_used used;
};

/* One file while it is written. */
struct writer {
    const struct ctm_snapshot *snapshot;
    struct source from;            /* the snapshot's */
    struct ctm_table_writer table; /* for one table after the other */
    ZSTD_CCtx *zstd;               /* NULL: sections are stored as they are */
    struct ctm_buffer *out;
    size_t start;           /* where the file begins in `out` */
    uint64_t section_count; /* finished ones */
    struct ctm_file_error *error;
};

static void put_header(struct ctm_buffer *out)
{
    size_t start = out->length;

    ctm_buffer_append(out, CTM_MAGIC, CTM_MAGIC_LENGTH);
    ctm_buffer_u16(out, CTM_FORMAT_MAJOR);
    ctm_buffer_u16(out, CTM_FORMAT_MINOR);
    ctm_buffer_u16(out, 0);
    ctm_buffer_u16(out, 0);
    if (!out->error) {
        ctm_buffer_u64(out, ctm_checksum(out->bytes + start, out->length - start));
    }
}

static bool expands_too_far(size_t stored, size_t raw)
{
    return raw > SHORT_RAW_LENGTH && raw / stored >= ctm_limits_default.expansion;
}

/*
 * Compress to the end of `out`, behind `gap` bytes that are left alone; nothing is added to its
 * length. Returns 0 if the bytes are better stored as they are, or on an error.
 */
static size_t compress_behind(struct writer *w, size_t gap, struct ctm_cursor raw)
{
    struct ctm_buffer *out = w->out;
    size_t raw_length = ctm_cursor_left(&raw);
    size_t bound = ZSTD_compressBound(raw_length);

    if (w->zstd == NULL || !ctm_buffer_reserve(out, gap + bound)) {
        return 0;
    }
    size_t stored = ZSTD_compressCCtx(w->zstd, out->bytes + out->length + gap, bound, raw.at,
                                      raw_length, COMPRESSION_LEVEL);
    if (ZSTD_isError(stored)) {
        out->error = CTM_ENOMEM;
        return 0;
    }
    return stored >= raw_length || expands_too_far(stored, raw_length) ? 0 : stored;
}

static int put_section(struct writer *w, enum ctm_section section, unsigned flags,
                       struct ctm_cursor raw)
{
    struct ctm_buffer *out = w->out;
    size_t start = out->length;
    size_t raw_length = ctm_cursor_left(&raw);
    size_t packed = compress_behind(w, CTM_SECTION_HEADER_LENGTH, raw);

    ctm_buffer_append(out, ctm_section_types[section], CTM_SECTION_TYPE_LENGTH);
    ctm_buffer_u16(out, (uint16_t)flags);
    ctm_buffer_u16(out, packed ? CTM_METHOD_ZSTD : CTM_METHOD_STORED);
    ctm_buffer_u64(out, packed ? packed : raw_length);
    ctm_buffer_u64(out, raw_length);
    if (packed) {
        out->length += packed;
    } else {
        ctm_buffer_append(out, raw.at, raw_length);
    }
    if (!out->error) {
        ctm_buffer_u64(out, ctm_checksum(out->bytes + start, out->length - start));
    }
    w->section_count++;
    return out->error;
}

static int end_table(struct writer *w, enum ctm_section section)
{
    if (w->table.data.error) {
        return w->table.data.error;
    }
    return put_section(w, section, CTM_SECTION_REQUIRED, ctm_table_finish(&w->table));
}

/* A table of one row. */
static int put_record(struct writer *w, enum ctm_section section, const uint64_t *values,
                      unsigned column_count)
{
    ctm_table_begin(&w->table, 1);
    for (unsigned i = 0; i < column_count; i++) {
        uint8_t *at = ctm_table_open_column(&w->table);
        if (at != NULL) {
            ctm_table_close_column(&w->table, ctm_varint_put(at, values[i]));
        }
    }
    return end_table(w, section);
}

static int put_info(struct writer *w)
{
    const struct ctm_info *info = &w->snapshot->info;
    const uint64_t values[CTM_INFO_COLUMNS] = {
        info->time_ns, info->current_bytes, info->current_blocks, info->peak_bytes,
        info->dropped, info->lost,          info->nframe,         info->pid,
    };

    return put_record(w, CTM_SECTION_INFO, values, CTM_INFO_COLUMNS);
}

/* Live blocks are what a file holds unless it says otherwise. */
static int put_kind(struct writer *w)
{
    const uint64_t kind = w->snapshot->info.kind;

    return kind == CTM_KIND_LIVE ? CTM_OK
                                 : put_record(w, CTM_SECTION_KIND, &kind, CTM_KIND_COLUMNS);
}

static int put_plain(struct writer *w, enum ctm_section section, const struct ctm_buffer *dict,
                     const char *what)
{
    size_t offset;

    if (dict->error) {
        return ctm_file_fail(w->error, dict->error, 0, "the %s could not be put together", what);
    }
    if (!dict->length) {
        return CTM_OK;
    }
    const char *wrong = ctm_plain_check_dict(dict->bytes, dict->length, &offset);
    if (wrong != NULL) {
        return ctm_file_fail(w->error, CTM_EINVAL, 0, "the %s cannot be saved: %s, at byte %zu",
                             what, wrong, offset);
    }
    return put_section(w, section, 0, ctm_cursor_over(dict->bytes, dict->length));
}

/* The entries of one of the snapshot's tables, or its rows, that the file has: from `first` on,
 * those that are used. */
struct entries {
    size_t first;
    size_t end;
    const uint32_t *used; /* by entry; NULL: all are */
    size_t count;         /* of those that are used */
};

/* What stands in a column for an entry: itself, or the step there from the value before, or from 0
 * (ctm_step). */
typedef uint64_t column_value(const struct source *from, size_t entry);
enum column_kind { AS_IS, IN_STEPS };

/* Inline, and `value_of` with it, which is called for each entry. */
static CTM_ALWAYS_INLINE void add_column(struct writer *w, struct entries entries,
                                         column_value *value_of, enum column_kind kind)
{
    /* A copy, of which the compiler knows that what is written does not change it. */
    const struct source from = w->from;
    uint64_t before = 0;
    uint8_t *at = ctm_table_open_column(&w->table);

    if (at == NULL) {
        return;
    }
    for (size_t i = entries.first; i < entries.end; i++) {
        if (entries.used == NULL || entries.used[i] != CTM_UNUSED) {
            uint64_t value = value_of(&from, i);
            at = ctm_varint_put(at, kind == IN_STEPS ? ctm_step(before, value) : value);
            before = value;
        }
    }
    ctm_table_close_column(&w->table, at);
}

static uint64_t string_length(const struct source *from, size_t string)
{
    return from->tables.strings[string].length;
}

static int put_strings(struct writer *w)
{
    const struct ctm_tables *t = &w->from.tables;
    const uint32_t *used = w->from.used.strings;
    const struct entries all_but_empty = {1, t->string_count, used, w->from.used.string_count - 1};
    struct ctm_buffer *data = &w->table.data;

    ctm_table_begin(&w->table, all_but_empty.count);
    add_column(w, all_but_empty, string_length, AS_IS);
    for (uint32_t i = 1; !data->error && i < t->string_count; i++) {
        struct ctm_string string = t->strings[i];
        if (used[i] == CTM_UNUSED) {
            continue;
        }
        if (!ctm_text_is_valid(string.bytes, string.length)) {
            return ctm_file_fail(w->error, CTM_EINVAL, 0, "string %u is not valid UTF-8", i);
        }
        ctm_buffer_append(data, string.bytes, string.length);
    }
    return end_table(w, CTM_SECTION_STRINGS);
}

static uint64_t frame_file(const struct source *from, size_t frame)
{
    return from->used.strings[from->tables.frames[frame].file];
}

static uint64_t frame_name(const struct source *from, size_t frame)
{
    return from->used.strings[from->tables.frames[frame].name];
}

static uint64_t frame_line(const struct source *from, size_t frame)
{
    return from->tables.frames[frame].line;
}

static int put_frames(struct writer *w)
{
    const struct entries frames = {0, w->from.tables.frame_count, w->from.used.frames,
                                   w->from.used.frame_count};

    ctm_table_begin(&w->table, frames.count);
    add_column(w, frames, frame_file, IN_STEPS);
    add_column(w, frames, frame_name, IN_STEPS);
    add_column(w, frames, frame_line, IN_STEPS);
    return end_table(w, CTM_SECTION_FRAMES);
}

/* How far back the parent stands; 0: there is none. */
static uint64_t node_parent(const struct source *from, size_t node)
{
    const uint32_t *nodes = from->used.nodes;
    uint32_t parent = from->tables.nodes[node].parent;

    return parent == CTM_NO_NODE ? 0 : nodes[node] - nodes[parent];
}

static uint64_t node_frame(const struct source *from, size_t node)
{
    return from->used.frames[from->tables.nodes[node].frame];
}

static int put_nodes(struct writer *w)
{
    const struct entries nodes = {0, w->from.tables.node_count, w->from.used.nodes,
                                  w->from.used.node_count};

    ctm_table_begin(&w->table, nodes.count);
    add_column(w, nodes, node_parent, AS_IS);
    add_column(w, nodes, node_frame, IN_STEPS);
    return end_table(w, CTM_SECTION_NODES);
}

/* Nodes counted from 1; 0: the stack has none. */
static uint64_t stack_node(const struct source *from, size_t stack)
{
    uint32_t node = from->tables.stacks[stack].node;

    return node == CTM_NO_NODE ? 0 : (uint64_t)from->used.nodes[node] + 1;
}

/* One more than is so; 0: unknown. */
static uint64_t stack_total(const struct source *from, size_t stack)
{
    uint32_t total = from->tables.stacks[stack].total_nframe;

    return total == CTM_TOTAL_UNKNOWN ? 0 : (uint64_t)total + 1;
}

static int put_stacks(struct writer *w)
{
    const struct entries stacks = {0, w->from.tables.stack_count, w->from.used.stacks,
                                   w->from.used.stack_count};

    ctm_table_begin(&w->table, stacks.count);
    add_column(w, stacks, stack_node, IN_STEPS);
    add_column(w, stacks, stack_total, AS_IS);
    return end_table(w, CTM_SECTION_STACKS);
}

static bool totals_fit(const struct ctm_snapshot *s)
{
    struct ctm_row_totals totals = {0};

    for (size_t i = 0; i < s->row_count; i++) {
        if (!ctm_row_totals_add(&totals, &s->rows[i])) {
            return false;
        }
    }
    return true;
}

static uint64_t row_domain(const struct source *from, size_t row)
{
    return from->rows[row].domain;
}

static uint64_t row_stack(const struct source *from, size_t row)
{
    return from->used.stacks[from->rows[row].stack];
}

static uint64_t row_size(const struct source *from, size_t row)
{
    return from->rows[row].size;
}

static uint64_t row_count(const struct source *from, size_t row)
{
    return from->rows[row].count;
}

static int put_rows(struct writer *w)
{
    const struct entries rows = {0, w->snapshot->row_count, NULL, w->snapshot->row_count};

    if (!totals_fit(w->snapshot)) {
        return ctm_file_fail(w->error, CTM_EINVAL, 0,
                             "the traces' sizes or counts add up to 2^63 or more: filters can "
                             "leave some out, reset_peak() and reset_churn() forget what is gone");
    }
    ctm_table_begin(&w->table, rows.count);
    add_column(w, rows, row_domain, AS_IS);
    add_column(w, rows, row_stack, IN_STEPS);
    add_column(w, rows, row_size, IN_STEPS);
    add_column(w, rows, row_count, AS_IS);
    return end_table(w, CTM_SECTION_ROWS);
}

static int put_end(struct writer *w)
{
    size_t length = CTM_SECTION_HEADER_LENGTH + CTM_END_LENGTH + CTM_SECTION_CHECKSUM_LENGTH;
    uint8_t raw[CTM_END_LENGTH];

    ctm_store_u64(raw, w->section_count + 1);
    ctm_store_u64(raw + 8, w->out->length - w->start + length);
    return put_section(w, CTM_SECTION_END, CTM_SECTION_REQUIRED, ctm_cursor_over(raw, sizeof raw));
}

static int put_metadata(struct writer *w, const struct ctm_metadata *metadata)
{
    int result;

    if (metadata == NULL) {
        return CTM_OK;
    }
    result = put_plain(w, CTM_SECTION_ABOUT, &metadata->about, "description");
    if (result) {
        return result;
    }
    return put_plain(w, CTM_SECTION_ATTRIBUTES, &metadata->attributes, "attributes");
}

static int put_file(struct writer *w, const struct ctm_metadata *metadata)
{
    static int (*const parts[])(struct writer *) = {
        put_strings, put_frames, put_nodes, put_stacks, put_rows, put_end,
    };
    int result;

    put_header(w->out);
    result = put_info(w);
    if (!result) {
        result = put_kind(w);
    }
    if (!result) {
        result = put_metadata(w, metadata);
    }
    for (size_t i = 0; !result && i < sizeof parts / sizeof *parts; i++) {
        result = parts[i](w);
    }
    return result;
}

int ctm_file_encode(const struct ctm_snapshot *s, const struct ctm_metadata *metadata,
                    unsigned flags, struct ctm_buffer *out, struct ctm_file_error *error)
{
    struct writer w = {
        .snapshot = s,
        .from = {.tables = *s->tables, .rows = s->rows},
        .out = out,
        .start = out->length,
        .error = error,
    };
    int result;

    *error = (struct ctm_file_error){0};
    result = ctm_used_find(s, &w.from.used);
    if (result) {
        goto out;
    }
    if (!(flags & CTM_FILE_STORED)) {
        w.zstd = ZSTD_createCCtx();
        if (!w.zstd) {
            result = CTM_ENOMEM;
            goto out;
        }
    }
    result = put_file(&w, metadata);
out:
    ZSTD_freeCCtx(w.zstd);
    ctm_table_free(&w.table);
    ctm_used_free(&w.from.used);
    if (result) {
        out->length = w.start;
        out->error = CTM_OK;
        if (!error->code) {
            ctm_file_fail(error, result, 0, "no memory to write a snapshot of %zu rows",
                          s->row_count);
        }
    }
    return result;
}

int ctm_file_write(const struct ctm_snapshot *s, const struct ctm_metadata *metadata,
                   const char *path, unsigned flags, struct ctm_file_error *error)
{
    struct ctm_buffer bytes = {0};
    int result;

    result = ctm_file_encode(s, metadata, flags, &bytes, error);
    if (!result) {
        result = ctm_save(path, bytes.bytes, bytes.length, flags & CTM_FILE_FSYNC, error);
    }
    ctm_buffer_free(&bytes);
    return result;
}

void ctm_metadata_free(struct ctm_metadata *metadata)
{
    ctm_buffer_free(&metadata->about);
    ctm_buffer_free(&metadata->attributes);
}
