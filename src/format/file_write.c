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

/* One file while it is written. */
struct writer {
    const struct ctm_snapshot *snapshot;
    struct ctm_used used;
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

/* Writes one column of a table at `at` and returns its end. */
typedef uint8_t *put_column(const struct writer *w, uint8_t *at);

/* The columns of a table of `rows` rows to w->table, which the caller has to finish. */
static int put_columns(struct writer *w, size_t rows, put_column *const *columns,
                       unsigned column_count)
{
    ctm_table_begin(&w->table, rows);
    for (unsigned i = 0; i < column_count; i++) {
        uint8_t *at = ctm_table_open_column(&w->table);
        if (at == NULL) {
            return w->table.data.error;
        }
        ctm_table_close_column(&w->table, columns[i](w, at));
    }
    return CTM_OK;
}

static int put_table(struct writer *w, enum ctm_section section, size_t rows,
                     put_column *const *columns, unsigned column_count)
{
    int result = put_columns(w, rows, columns, column_count);

    if (result) {
        return result;
    }
    return put_section(w, section, CTM_SECTION_REQUIRED, ctm_table_finish(&w->table));
}

static int put_info(struct writer *w)
{
    const struct ctm_info *info = &w->snapshot->info;
    const uint64_t values[CTM_INFO_COLUMNS] = {
        info->time_ns, info->current_bytes, info->current_blocks, info->peak_bytes,
        info->dropped, info->lost,          info->nframe,         info->pid,
    };

    ctm_table_begin(&w->table, 1);
    for (unsigned i = 0; i < CTM_INFO_COLUMNS; i++) {
        uint8_t *at = ctm_table_open_column(&w->table);
        if (at == NULL) {
            return w->table.data.error;
        }
        ctm_table_close_column(&w->table, ctm_varint_put(at, values[i]));
    }
    return put_section(w, CTM_SECTION_INFO, CTM_SECTION_REQUIRED, ctm_table_finish(&w->table));
}

/* Live blocks are what a file holds unless it says otherwise. */
static int put_kind(struct writer *w)
{
    enum ctm_kind kind = w->snapshot->info.kind;

    if (kind == CTM_KIND_LIVE) {
        return CTM_OK;
    }
    ctm_table_begin(&w->table, 1);
    uint8_t *at = ctm_table_open_column(&w->table);
    if (at == NULL) {
        return w->table.data.error;
    }
    ctm_table_close_column(&w->table, ctm_varint_put(at, kind));
    return put_section(w, CTM_SECTION_KIND, CTM_SECTION_REQUIRED, ctm_table_finish(&w->table));
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

static uint8_t *put_string_lengths(const struct writer *w, uint8_t *at)
{
    const uint32_t *strings = w->used.strings;
    const struct ctm_tables *t = w->snapshot->tables;

    for (uint32_t i = 1; i < t->string_count; i++) {
        if (strings[i] != CTM_UNUSED) {
            at = ctm_varint_put(at, t->strings[i].length);
        }
    }
    return at;
}

static int put_strings(struct writer *w)
{
    static put_column *const columns[] = {put_string_lengths};
    const struct ctm_tables *t = w->snapshot->tables;
    struct ctm_buffer *data = &w->table.data;
    int result = put_columns(w, w->used.string_count - 1, columns, CTM_STRING_COLUMNS);

    for (uint32_t i = 1; !result && i < t->string_count; i++) {
        struct ctm_string string = t->strings[i];
        if (w->used.strings[i] == CTM_UNUSED) {
            continue;
        }
        if (!ctm_text_is_valid(string.bytes, string.length)) {
            return ctm_file_fail(w->error, CTM_EINVAL, 0, "string %u is not valid UTF-8", i);
        }
        ctm_buffer_append(data, string.bytes, string.length);
        result = data->error;
    }
    if (result) {
        return result;
    }
    return put_section(w, CTM_SECTION_STRINGS, CTM_SECTION_REQUIRED, ctm_table_finish(&w->table));
}

static uint8_t *put_frame_files(const struct writer *w, uint8_t *at)
{
    const uint32_t *strings = w->used.strings;
    const uint32_t *frames = w->used.frames;
    const struct ctm_tables *t = w->snapshot->tables;
    uint32_t before = 0;

    for (uint32_t i = 0; i < t->frame_count; i++) {
        if (frames[i] != CTM_UNUSED) {
            uint32_t file = strings[t->frames[i].file];
            at = ctm_varint_put(at, ctm_step(before, file));
            before = file;
        }
    }
    return at;
}

static uint8_t *put_frame_names(const struct writer *w, uint8_t *at)
{
    const uint32_t *strings = w->used.strings;
    const uint32_t *frames = w->used.frames;
    const struct ctm_tables *t = w->snapshot->tables;
    uint32_t before = 0;

    for (uint32_t i = 0; i < t->frame_count; i++) {
        if (frames[i] != CTM_UNUSED) {
            uint32_t name = strings[t->frames[i].name];
            at = ctm_varint_put(at, ctm_step(before, name));
            before = name;
        }
    }
    return at;
}

static uint8_t *put_frame_lines(const struct writer *w, uint8_t *at)
{
    const uint32_t *frames = w->used.frames;
    const struct ctm_tables *t = w->snapshot->tables;
    uint32_t before = 0;

    for (uint32_t i = 0; i < t->frame_count; i++) {
        if (frames[i] != CTM_UNUSED) {
            at = ctm_varint_put(at, ctm_step(before, t->frames[i].line));
            before = t->frames[i].line;
        }
    }
    return at;
}

static int put_frames(struct writer *w)
{
    static put_column *const columns[] = {put_frame_files, put_frame_names, put_frame_lines};

    return put_table(w, CTM_SECTION_FRAMES, w->used.frame_count, columns, CTM_FRAME_COLUMNS);
}

/* How far back the parent stands; 0: there is none. */
static uint8_t *put_node_parents(const struct writer *w, uint8_t *at)
{
    const uint32_t *nodes = w->used.nodes;
    const struct ctm_tables *t = w->snapshot->tables;

    for (uint32_t i = 0; i < t->node_count; i++) {
        if (nodes[i] != CTM_UNUSED) {
            uint32_t parent = t->nodes[i].parent;
            uint32_t up = parent == CTM_NO_NODE ? 0 : nodes[i] - nodes[parent];
            at = ctm_varint_put(at, up);
        }
    }
    return at;
}

static uint8_t *put_node_frames(const struct writer *w, uint8_t *at)
{
    const uint32_t *frames = w->used.frames;
    const uint32_t *nodes = w->used.nodes;
    const struct ctm_tables *t = w->snapshot->tables;
    uint32_t before = 0;

    for (uint32_t i = 0; i < t->node_count; i++) {
        if (nodes[i] != CTM_UNUSED) {
            uint32_t frame = frames[t->nodes[i].frame];
            at = ctm_varint_put(at, ctm_step(before, frame));
            before = frame;
        }
    }
    return at;
}

static int put_nodes(struct writer *w)
{
    static put_column *const columns[] = {put_node_parents, put_node_frames};

    return put_table(w, CTM_SECTION_NODES, w->used.node_count, columns, CTM_NODE_COLUMNS);
}

/* Nodes counted from 1; 0: the stack has none. */
static uint8_t *put_stack_nodes(const struct writer *w, uint8_t *at)
{
    const uint32_t *nodes = w->used.nodes;
    const uint32_t *stacks = w->used.stacks;
    const struct ctm_tables *t = w->snapshot->tables;
    uint64_t before = 0;

    for (uint32_t i = 0; i < t->stack_count; i++) {
        if (stacks[i] != CTM_UNUSED) {
            uint32_t node = t->stacks[i].node;
            uint64_t from_one = node == CTM_NO_NODE ? 0 : (uint64_t)nodes[node] + 1;
            at = ctm_varint_put(at, ctm_step(before, from_one));
            before = from_one;
        }
    }
    return at;
}

/* One more than is so; 0: unknown. */
static uint8_t *put_stack_totals(const struct writer *w, uint8_t *at)
{
    const uint32_t *stacks = w->used.stacks;
    const struct ctm_tables *t = w->snapshot->tables;

    for (uint32_t i = 0; i < t->stack_count; i++) {
        if (stacks[i] != CTM_UNUSED) {
            uint32_t total = t->stacks[i].total_nframe;
            at = ctm_varint_put(at, total == CTM_TOTAL_UNKNOWN ? 0 : (uint64_t)total + 1);
        }
    }
    return at;
}

static int put_stacks(struct writer *w)
{
    static put_column *const columns[] = {put_stack_nodes, put_stack_totals};

    return put_table(w, CTM_SECTION_STACKS, w->used.stack_count, columns, CTM_STACK_COLUMNS);
}

/* Whether the totals over all rows stay below 2^63, so that no reader's sums overflow. */
static bool totals_fit(const struct ctm_snapshot *s)
{
    int64_t bytes = 0;
    int64_t blocks = 0;

    for (size_t i = 0; i < s->row_count; i++) {
        int64_t row;
        if (__builtin_mul_overflow(s->rows[i].size, s->rows[i].count, &row) ||
            __builtin_add_overflow(bytes, row, &bytes) ||
            __builtin_add_overflow(blocks, s->rows[i].count, &blocks)) {
            return false;
        }
    }
    return true;
}

static uint8_t *put_row_domains(const struct writer *w, uint8_t *at)
{
    const struct ctm_snapshot *s = w->snapshot;

    for (size_t i = 0; i < s->row_count; i++) {
        at = ctm_varint_put(at, s->rows[i].domain);
    }
    return at;
}

static uint8_t *put_row_stacks(const struct writer *w, uint8_t *at)
{
    const uint32_t *stacks = w->used.stacks;
    const struct ctm_snapshot *s = w->snapshot;
    uint32_t before = 0;

    for (size_t i = 0; i < s->row_count; i++) {
        uint32_t stack = stacks[s->rows[i].stack];
        at = ctm_varint_put(at, ctm_step(before, stack));
        before = stack;
    }
    return at;
}

static uint8_t *put_row_sizes(const struct writer *w, uint8_t *at)
{
    const struct ctm_snapshot *s = w->snapshot;
    uint64_t before = 0;

    for (size_t i = 0; i < s->row_count; i++) {
        at = ctm_varint_put(at, ctm_step(before, s->rows[i].size));
        before = s->rows[i].size;
    }
    return at;
}

static uint8_t *put_row_counts(const struct writer *w, uint8_t *at)
{
    const struct ctm_snapshot *s = w->snapshot;

    for (size_t i = 0; i < s->row_count; i++) {
        at = ctm_varint_put(at, s->rows[i].count);
    }
    return at;
}

static int put_rows(struct writer *w)
{
    static put_column *const columns[] = {
        put_row_domains,
        put_row_stacks,
        put_row_sizes,
        put_row_counts,
    };

    if (!totals_fit(w->snapshot)) {
        return ctm_file_fail(w->error, CTM_EINVAL, 0,
                             "the traces' sizes or counts add up to 2^63 or more");
    }
    return put_table(w, CTM_SECTION_ROWS, w->snapshot->row_count, columns, CTM_ROW_COLUMNS);
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
    int error;

    if (metadata == NULL) {
        return CTM_OK;
    }
    error = put_plain(w, CTM_SECTION_ABOUT, &metadata->about, "description");
    if (error) {
        return error;
    }
    return put_plain(w, CTM_SECTION_ATTRIBUTES, &metadata->attributes, "attributes");
}

static int put_file(struct writer *w, const struct ctm_metadata *metadata)
{
    static int (*const parts[])(struct writer *) = {
        put_strings, put_frames, put_nodes, put_stacks, put_rows, put_end,
    };
    int error;

    put_header(w->out);
    error = put_info(w);
    if (!error) {
        error = put_kind(w);
    }
    if (!error) {
        error = put_metadata(w, metadata);
    }
    for (size_t i = 0; !error && i < sizeof parts / sizeof *parts; i++) {
        error = parts[i](w);
    }
    return error;
}

int ctm_file_encode(const struct ctm_snapshot *s, const struct ctm_metadata *metadata,
                    unsigned flags, struct ctm_buffer *out, struct ctm_file_error *error)
{
    struct writer w = {.snapshot = s, .out = out, .start = out->length, .error = error};
    int result;

    *error = (struct ctm_file_error){0};
    result = ctm_used_find(s, &w.used);
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
    ctm_used_free(&w.used);
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
