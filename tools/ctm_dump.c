/*
 * ctm-dump: print a snapshot file as text, without Python.
 *
 *     ctm-dump [-s] [-n ROWS] FILE
 *
 * First what is known of the snapshot, then a line for each row and one for each of its frames,
 * newest first. -n: so many rows at most. -s: only the sections that the file consists of.
 * Characters that are not printable stand as \xNN, surrogates as \uNNNN.
 * Exit status: 0; 1 where the file cannot be read; 2 for a wrong command line.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/file.h"
#include "format/plain.h"
#include "format/sections.h"

/* Text in generalized UTF-8: what is no surrogate above 7 bits goes out as it is. */
static void print_text(const uint8_t *bytes, size_t length, bool quoted)
{
    for (size_t i = 0; i < length; i++) {
        bool is_surrogate = bytes[i] == 0xed && i + 2 < length && bytes[i + 1] >= 0xa0;
        if (is_surrogate) {
            printf("\\u%04x", 0xd000u | (bytes[i + 1] & 0x3fu) << 6 | (bytes[i + 2] & 0x3fu));
            i += 2;
        } else if (bytes[i] < ' ' || bytes[i] == 0x7f) {
            printf("\\x%02x", bytes[i]);
        } else if (bytes[i] == '\\' || (quoted && bytes[i] == '"')) {
            printf("\\%c", bytes[i]);
        } else {
            putchar(bytes[i]);
        }
    }
}

static void print_string(const struct ctm_tables *tables, uint32_t id)
{
    print_text((const uint8_t *)tables->strings[id].bytes, tables->strings[id].length, false);
}

/* Decimal up to 64 bits; above, two's complement in hexadecimal, highest byte first. */
static void print_int(const uint8_t *bytes, size_t length)
{
    if (length > 8) {
        printf("0x");
        for (size_t i = length; i-- > 0;) {
            printf("%02x", bytes[i]);
        }
        return;
    }
    uint64_t value = length && bytes[length - 1] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = length; i-- > 0;) {
        value = value << 8 | bytes[i];
    }
    printf("%" PRId64, (int64_t)value);
}

static void print_bytes(const uint8_t *bytes, size_t length)
{
    printf("b\"");
    for (size_t i = 0; i < length; i++) {
        printf("\\x%02x", bytes[i]);
    }
    putchar('"');
}

/* What is no list, tuple or dict. */
static void print_scalar(const struct ctm_plain_item *item)
{
    switch (item->kind) {
    case CTM_PLAIN_NONE:
        printf("None");
        break;
    case CTM_PLAIN_FALSE:
        printf("False");
        break;
    case CTM_PLAIN_TRUE:
        printf("True");
        break;
    case CTM_PLAIN_INT:
        print_int(item->bytes, item->length);
        break;
    case CTM_PLAIN_FLOAT:
        if (isnan(item->number)) {
            printf("nan");
        } else {
            printf("%.17g", item->number);
        }
        break;
    case CTM_PLAIN_TEXT:
        putchar('"');
        print_text(item->bytes, item->length, true);
        putchar('"');
        break;
    case CTM_PLAIN_BYTES:
        print_bytes(item->bytes, item->length);
        break;
    default:
        abort();
    }
}

/* A list, tuple or dict that is open while plain data is printed. */
struct level {
    enum ctm_plain_kind kind;
    uint64_t values; /* keys of a dict count, too */
    uint64_t printed;
};

static const char *separator(const struct level *level)
{
    if (level->printed == 0) {
        return "";
    }
    return level->kind == CTM_PLAIN_DICT && level->printed % 2 == 1 ? ": " : ", ";
}

static const char *brackets(enum ctm_plain_kind kind)
{
    return kind == CTM_PLAIN_LIST ? "[]" : kind == CTM_PLAIN_TUPLE ? "()" : "{}";
}

/* One value; the reader of the file has checked it, its depth too. */
static void print_plain(struct ctm_cursor *c)
{
    struct level levels[CTM_PLAIN_DEPTH + 1] = {{.kind = CTM_PLAIN_LIST, .values = 1}};
    size_t depth = 0;

    while (depth > 0 || levels[0].printed < levels[0].values) {
        struct level *level = &levels[depth];
        struct ctm_plain_item item;
        if (level->printed == level->values) {
            putchar(brackets(level->kind)[1]);
            depth--;
            continue;
        }
        if (ctm_plain_next(c, &item) != NULL) {
            abort();
        }
        printf("%s", separator(level));
        level->printed++;
        if (item.kind == CTM_PLAIN_LIST || item.kind == CTM_PLAIN_TUPLE ||
            item.kind == CTM_PLAIN_DICT) {
            putchar(brackets(item.kind)[0]);
            uint64_t each = item.kind == CTM_PLAIN_DICT ? 2 : 1;
            levels[++depth] = (struct level){.kind = item.kind, .values = each * item.count};
        } else {
            print_scalar(&item);
        }
    }
}

static void print_dict(const char *title, const struct ctm_buffer *dict)
{
    struct ctm_cursor c = ctm_cursor_over(dict->bytes, dict->length);

    if (dict->length == 0) {
        return;
    }
    printf("%s ", title);
    print_plain(&c);
    putchar('\n');
}

static void print_info(const struct ctm_snapshot *s)
{
    const struct ctm_info *info = &s->info;

    printf("kind %s\n", ctm_kind_name(info->kind));
    printf("time_ns %" PRIu64 "\n", info->time_ns);
    printf("pid %" PRIu32 "\n", info->pid);
    printf("nframe %" PRIu32 "\n", info->nframe);
    printf("current_bytes %" PRIu64 "\n", info->current_bytes);
    printf("current_blocks %" PRIu64 "\n", info->current_blocks);
    printf("peak_bytes %" PRIu64 "\n", info->peak_bytes);
    printf("dropped %" PRIu64 "\n", info->dropped);
    printf("lost %" PRIu64 "\n", info->lost);
    printf("traces %" PRIu64 "\n", s->trace_count);
}

static void print_row(const struct ctm_tables *tables, const struct ctm_row *row)
{
    const struct ctm_stack *stack = &tables->stacks[row->stack];

    printf("%" PRIu64 " x %" PRIu64 " bytes, domain %" PRIu32, row->count, row->size, row->domain);
    if (stack->total_nframe != CTM_TOTAL_UNKNOWN) {
        printf(", %" PRIu32 " frames in all", stack->total_nframe);
    }
    putchar('\n');
    for (uint32_t node = stack->node; node != CTM_NO_NODE; node = tables->nodes[node].parent) {
        const struct ctm_frame *frame = &tables->frames[tables->nodes[node].frame];
        printf("    ");
        print_string(tables, frame->file);
        printf(":%" PRIu32, frame->line);
        if (frame->name != 0) {
            putchar(' ');
            print_string(tables, frame->name);
        }
        putchar('\n');
    }
}

static int complain(const char *path, const struct ctm_file_error *error)
{
    fprintf(stderr, "ctm-dump: %s: %s\n", path, error->text);
    return 1;
}

static int dump(const char *path, uint64_t most_rows)
{
    struct ctm_snapshot *s;
    struct ctm_metadata metadata;
    struct ctm_file_error error;

    if (ctm_file_read(path, ctm_limits_default, &s, &metadata, &error) != CTM_OK) {
        return complain(path, &error);
    }
    print_info(s);
    print_dict("about", &metadata.about);
    print_dict("attributes", &metadata.attributes);
    for (size_t i = 0; i < s->row_count && i < most_rows; i++) {
        print_row(s->tables, &s->rows[i]);
    }
    ctm_metadata_free(&metadata);
    ctm_snapshot_unref(s);
    return 0;
}

static int dump_sections(const char *path)
{
    struct ctm_buffer bytes = {0};
    struct ctm_file_error error;
    struct ctm_sections sections = {.error = &error};
    int status = 0;

    if (ctm_file_load(path, ctm_limits_default, &bytes, &error) != CTM_OK ||
        ctm_sections_find(&sections, bytes.bytes, bytes.length, &ctm_limits_default) != CTM_OK) {
        status = complain(path, &error);
        goto out;
    }
    for (unsigned i = 0; i < CTM_SECTION_COUNT; i++) {
        const struct ctm_section_place *place = &sections.places[i];
        if (place->is_present) {
            printf("%s at %" PRIu64 ": %" PRIu64 " bytes for %" PRIu64 ", %s\n",
                   ctm_section_types[i], place->offset, place->stored_length, place->raw_length,
                   place->method == CTM_METHOD_ZSTD ? "zstd" : "stored");
        }
    }
out:
    ctm_buffer_free(&bytes);
    return status;
}

/* What the command line asks for. */
struct wish {
    const char *path;
    uint64_t most_rows;
    bool sections_only;
};

static bool read_command_line(int argc, char **argv, struct wish *wish)
{
    int i = 1;

    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "-s") == 0) {
            wish->sections_only = true;
        } else if (strcmp(argv[i], "-n") == 0 && i + 1 < argc) {
            char *end;
            const char *number = argv[++i];
            wish->most_rows = strtoull(number, &end, 10);
            if (number[0] < '0' || number[0] > '9' || *end != '\0') {
                return false;
            }
        } else {
            return false;
        }
    }
    wish->path = argv[i];
    return i + 1 == argc;
}

int main(int argc, char **argv)
{
    struct wish wish = {.most_rows = UINT64_MAX};

    if (!read_command_line(argc, argv, &wish)) {
        fputs("usage: ctm-dump [-s] [-n ROWS] FILE\n", stderr);
        return 2;
    }
    int status = wish.sections_only ? dump_sections(wish.path) : dump(wish.path, wish.most_rows);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("ctm-dump: cannot write the output\n", stderr);
        status = 1;
    }
    return status;
}
