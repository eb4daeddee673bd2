#include "sample.h"

#include <stdlib.h>
#include <string.h>

#include "format/plain.h"
#include "unit.h"

uint64_t sample_next(struct sample_random *r)
{
    uint64_t x = r->state += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

uint64_t sample_below(struct sample_random *r, uint64_t limit)
{
    return sample_next(r) % limit;
}

/* A number of up to `bits` bits, small ones as likely as large ones. */
static uint64_t number_of_bits(struct sample_random *r, unsigned bits)
{
    uint64_t width = sample_below(r, bits + 1);

    return width ? sample_next(r) >> (64 - width) : 0;
}

static size_t put_character(char *at, uint32_t code)
{
    if (code < 0x80) {
        at[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        at[0] = (char)(0xc0 | code >> 6);
        at[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        at[0] = (char)(0xe0 | code >> 12);
        at[1] = (char)(0x80 | (code >> 6 & 0x3f));
        at[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    at[0] = (char)(0xf0 | code >> 18);
    at[1] = (char)(0x80 | (code >> 12 & 0x3f));
    at[2] = (char)(0x80 | (code >> 6 & 0x3f));
    at[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

static uint32_t random_character(struct sample_random *r)
{
    switch (sample_below(r, 12)) {
    case 0:
        return (uint32_t)sample_below(r, 0x110000);
    case 1:
        return (uint32_t)(0xd800 + sample_below(r, 0x800));
    case 2:
        return (uint32_t)sample_below(r, 0x20);
    case 3:
        return (uint32_t)sample_below(r, 0x800);
    default:
        return (uint32_t)(' ' + sample_below(r, 95));
    }
}

/* Up to `most` characters of up to four bytes each; returns the bytes. */
static size_t random_text(struct sample_random *r, char *text, size_t most)
{
    size_t count = sample_below(r, most + 1);
    size_t length = 0;

    while (count--) {
        length += put_character(text + length, random_character(r));
    }
    return length;
}

enum { MOST_CHARACTERS = 40 };

/* Ids that the builder has handed out. */
struct ids {
    size_t count;
    uint32_t *items;
};

static struct ids ids_new(size_t most)
{
    struct ids ids = {.items = calloc(most + 1, sizeof *ids.items)};

    assert_non_null(ids.items);
    return ids;
}

static uint32_t ids_pick(const struct ids *ids, struct sample_random *r)
{
    return ids->items[sample_below(r, ids->count)];
}

static void add_strings(struct ctm_builder *b, struct sample_random *r, size_t most,
                        struct ids *strings)
{
    char text[4 * MOST_CHARACTERS];

    strings->items[strings->count++] = 0;
    for (size_t i = sample_below(r, most); i > 0; i--) {
        size_t length = random_text(r, text, MOST_CHARACTERS);
        assert_int_equal(ctm_builder_string(b, text, length, &strings->items[strings->count++]),
                         CTM_OK);
    }
}

static void add_frames(struct ctm_builder *b, struct sample_random *r, size_t most,
                       const struct ids *strings, struct ids *frames)
{
    for (size_t i = sample_below(r, most); i > 0; i--) {
        struct ctm_frame frame = {
            .file = ids_pick(strings, r),
            .name = ids_pick(strings, r),
            .line = (uint32_t)number_of_bits(r, 32),
        };
        assert_int_equal(ctm_builder_frame(b, frame, &frames->items[frames->count++]), CTM_OK);
    }
}

static void add_nodes(struct ctm_builder *b, struct sample_random *r, size_t most,
                      const struct ids *frames, struct ids *nodes)
{
    for (size_t i = frames->count ? sample_below(r, most) : 0; i > 0; i--) {
        bool is_root = nodes->count == 0 || sample_below(r, 10) == 0;
        uint32_t parent = is_root ? CTM_NO_NODE : ids_pick(nodes, r);
        assert_int_equal(
            ctm_builder_node(b, parent, ids_pick(frames, r), &nodes->items[nodes->count++]),
            CTM_OK);
    }
}

static void add_stacks(struct ctm_builder *b, struct sample_random *r, size_t most,
                       const struct ids *nodes, struct ids *stacks)
{
    for (size_t i = sample_below(r, most); i > 0; i--) {
        bool has_node = nodes->count != 0 && sample_below(r, 20) != 0;
        struct ctm_stack stack = {
            .node = has_node ? ids_pick(nodes, r) : CTM_NO_NODE,
            .total_nframe =
                sample_below(r, 8) == 0 ? CTM_TOTAL_UNKNOWN : (uint32_t)number_of_bits(r, 31),
        };
        assert_int_equal(ctm_builder_stack(b, stack, &stacks->items[stacks->count++]), CTM_OK);
    }
}

static void add_rows(struct ctm_builder *b, struct sample_random *r, size_t most,
                     const struct ids *stacks)
{
    for (size_t i = stacks->count ? sample_below(r, most) : 0; i > 0; i--) {
        struct ctm_row row = {
            .domain = sample_below(r, 4) == 0 ? (uint32_t)number_of_bits(r, 32) : 0,
            .stack = ids_pick(stacks, r),
            .size = number_of_bits(r, 40),
            .count = 1 + number_of_bits(r, 8),
        };
        assert_int_equal(ctm_builder_row(b, row), CTM_OK);
    }
}

struct ctm_snapshot *sample_snapshot(uint64_t seed, size_t scale)
{
    struct sample_random r = {.state = seed};
    struct ctm_info info = {
        .time_ns = sample_next(&r),
        .current_bytes = number_of_bits(&r, 64),
        .current_blocks = number_of_bits(&r, 64),
        .peak_bytes = number_of_bits(&r, 64),
        .dropped = number_of_bits(&r, 64),
        .lost = number_of_bits(&r, 64),
        .nframe = (uint32_t)number_of_bits(&r, 32),
        .pid = (uint32_t)number_of_bits(&r, 32),
        .kind = (enum ctm_kind)sample_below(&r, CTM_KIND_COUNT),
    };
    struct ids strings = ids_new(scale + 1);
    struct ids frames = ids_new(scale);
    struct ids nodes = ids_new(scale);
    struct ids stacks = ids_new(scale);
    struct ctm_snapshot *s;
    struct ctm_builder *b;

    assert_int_equal(ctm_builder_new(&b), CTM_OK);
    add_strings(b, &r, scale + 1, &strings);
    add_frames(b, &r, scale + 1, &strings, &frames);
    add_nodes(b, &r, scale + 1, &frames, &nodes);
    add_stacks(b, &r, scale + 1, &nodes, &stacks);
    add_rows(b, &r, scale + 1, &stacks);
    assert_int_equal(ctm_builder_finish(b, &info, &s), CTM_OK);
    free(strings.items);
    free(frames.items);
    free(nodes.items);
    free(stacks.items);
    return s;
}

static void put_scalar(struct ctm_buffer *b, struct sample_random *r)
{
    char text[4 * MOST_CHARACTERS];
    uint8_t bytes[40];
    size_t length;

    switch (sample_below(r, 7)) {
    case 0:
        ctm_plain_put_none(b);
        break;
    case 1:
        ctm_plain_put_bool(b, sample_below(r, 2));
        break;
    case 2:
        ctm_plain_put_int64(b, (int64_t)(number_of_bits(r, 64)));
        break;
    case 3:
        for (length = 0; length < sizeof bytes; length++) {
            bytes[length] = (uint8_t)sample_next(r);
        }
        ctm_plain_put_int(b, bytes, sample_below(r, sizeof bytes));
        break;
    case 4:
        ctm_plain_put_float(b, (double)number_of_bits(r, 60) / 3.0 - 1e9);
        break;
    case 5:
        ctm_plain_put_text(b, text, random_text(r, text, MOST_CHARACTERS));
        break;
    default:
        for (length = 0; length < sizeof bytes; length++) {
            bytes[length] = (uint8_t)sample_next(r);
        }
        ctm_plain_put_bytes(b, bytes, sample_below(r, sizeof bytes));
        break;
    }
}

static void put_value(struct ctm_buffer *b, struct sample_random *r, unsigned depth)
{
    uint64_t count = sample_below(r, 4);

    switch (depth ? sample_below(r, 8) : 0) {
    case 5:
        ctm_plain_put_list(b, count);
        break;
    case 6:
        ctm_plain_put_tuple(b, count);
        break;
    case 7:
        ctm_plain_put_dict(b, count);
        for (uint64_t i = 0; i < count; i++) {
            ctm_plain_put_int64(b, (int64_t)i);
            put_value(b, r, depth - 1);
        }
        return;
    default:
        put_scalar(b, r);
        return;
    }
    while (count--) {
        put_value(b, r, depth - 1);
    }
}

static void put_names(struct ctm_buffer *b, struct sample_random *r)
{
    uint64_t count = sample_below(r, 6);

    ctm_plain_put_dict(b, count);
    for (uint64_t i = 0; i < count; i++) {
        char name[4 * MOST_CHARACTERS + 1] = {(char)('a' + i)};
        ctm_plain_put_text(b, name, 1 + random_text(r, name + 1, MOST_CHARACTERS));
        put_value(b, r, 4);
    }
}

struct ctm_metadata sample_metadata(uint64_t seed)
{
    struct sample_random r = {.state = ~seed};
    struct ctm_metadata metadata = {0};

    if (sample_below(&r, 8) != 0) {
        put_names(&metadata.about, &r);
    }
    if (sample_below(&r, 8) != 0) {
        put_names(&metadata.attributes, &r);
    }
    assert_int_equal(metadata.about.error, CTM_OK);
    assert_int_equal(metadata.attributes.error, CTM_OK);
    return metadata;
}

static void assert_same_string(const struct ctm_tables *a, uint32_t id_a,
                               const struct ctm_tables *b, uint32_t id_b)
{
    assert_int_equal(a->strings[id_a].length, b->strings[id_b].length);
    assert_memory_equal(a->strings[id_a].bytes, b->strings[id_b].bytes, a->strings[id_a].length);
}

static void assert_same_stack(const struct ctm_tables *a, uint32_t stack_a,
                              const struct ctm_tables *b, uint32_t stack_b)
{
    uint32_t node_a = a->stacks[stack_a].node;
    uint32_t node_b = b->stacks[stack_b].node;

    assert_int_equal(a->stacks[stack_a].total_nframe, b->stacks[stack_b].total_nframe);
    while (node_a != CTM_NO_NODE && node_b != CTM_NO_NODE) {
        const struct ctm_frame *frame_a = &a->frames[a->nodes[node_a].frame];
        const struct ctm_frame *frame_b = &b->frames[b->nodes[node_b].frame];
        assert_same_string(a, frame_a->file, b, frame_b->file);
        assert_same_string(a, frame_a->name, b, frame_b->name);
        assert_int_equal(frame_a->line, frame_b->line);
        node_a = a->nodes[node_a].parent;
        node_b = b->nodes[node_b].parent;
    }
    assert_int_equal(node_a, node_b);
}

void sample_assert_same(const struct ctm_snapshot *a, const struct ctm_snapshot *b)
{
    assert_int_equal(a->row_count, b->row_count);
    assert_int_equal(a->trace_count, b->trace_count);
    assert_memory_equal(&a->info, &b->info, offsetof(struct ctm_info, kind));
    assert_int_equal(a->info.kind, b->info.kind);
    for (size_t i = 0; i < a->row_count; i++) {
        assert_int_equal(a->rows[i].domain, b->rows[i].domain);
        assert_int_equal(a->rows[i].size, b->rows[i].size);
        assert_int_equal(a->rows[i].count, b->rows[i].count);
        assert_same_stack(a->tables, a->rows[i].stack, b->tables, b->rows[i].stack);
    }
}

struct ctm_buffer sample_encode(const struct ctm_snapshot *s, const struct ctm_metadata *metadata,
                                unsigned flags)
{
    struct ctm_file_error error;
    struct ctm_buffer bytes = {0};

    assert_int_equal(ctm_file_encode(s, metadata, flags, &bytes, &error), CTM_OK);
    return bytes;
}
