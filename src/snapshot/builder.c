#include "snapshot/builder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"
#include "base/platform.h"
#include "snapshot/array.h"
#include "snapshot/hash.h"
#include "snapshot/lookup.h"
#include "snapshot/pool.h"
#include "snapshot/sort.h"
#include "snapshot/store.h"

enum {
    TEXT_FIRST = 1 << 10, /* bytes of the first piece of text; each next one is twice as large */
    TEXT_LARGEST = 1 << 20,
};

static_assert(sizeof(struct ctm_frame) == 12, "frames are interned by their bytes");
static_assert(sizeof(struct ctm_node) == 8, "nodes are interned by their bytes");
static_assert(sizeof(struct ctm_stack) == 8, "stacks are interned by their bytes");

struct ctm_builder {
    uint64_t seed;

    struct ctm_string *strings;
    size_t string_count;
    size_t string_capacity;
    struct ctm_lookup string_lookup;
    struct ctm_text *text; /* the newest piece */

    struct ctm_pool frames;
    struct ctm_pool nodes;
    struct ctm_pool stacks;

    struct ctm_row *rows;
    size_t row_count;
    size_t row_capacity;
    uint64_t trace_count; /* sum of the rows' counts */
};

int ctm_builder_new(struct ctm_builder **out)
{
    struct ctm_builder *b = calloc(1, sizeof *b);
    if (b == NULL) {
        return CTM_ENOMEM;
    }
    b->seed = ctm_os_random();
    uint32_t empty;
    int status = ctm_builder_string(b, "", 0, &empty);
    if (status != CTM_OK) {
        ctm_builder_free(b);
        return status;
    }
    *out = b;
    return CTM_OK;
}

void ctm_builder_free(struct ctm_builder *b)
{
    if (b == NULL) {
        return;
    }
    free(b->strings);
    ctm_lookup_deinit(&b->string_lookup);
    ctm_text_free(b->text);
    ctm_pool_deinit(&b->frames);
    ctm_pool_deinit(&b->nodes);
    ctm_pool_deinit(&b->stacks);
    free(b->rows);
    free(b);
}

/* Room for `length` bytes that stays where it is. NULL: no memory. */
static char *text_reserve(struct ctm_builder *b, size_t length)
{
    if (b->text != NULL && b->text->size - b->text->used >= length) {
        return b->text->bytes + b->text->used;
    }
    size_t size = TEXT_FIRST;
    if (b->text != NULL) {
        size = b->text->size < TEXT_LARGEST / 2 ? 2 * b->text->size : TEXT_LARGEST;
    }
    size = size < length ? length : size;
    if (size > SIZE_MAX - sizeof *b->text) {
        return NULL;
    }
    struct ctm_text *piece = malloc(sizeof *piece + size);
    if (piece == NULL) {
        return NULL;
    }
    piece->next = b->text;
    piece->size = size;
    piece->used = 0;
    b->text = piece;
    return piece->bytes;
}

int ctm_builder_string(struct ctm_builder *b, const char *bytes, size_t length, uint32_t *id)
{
    if (length == 0 && b->string_count != 0) {
        *id = 0;
        return CTM_OK;
    }
    int status = ctm_lookup_reserve(&b->string_lookup);
    if (status != CTM_OK) {
        return status;
    }
    struct ctm_probe probe = ctm_lookup_probe(&b->string_lookup, ctm_hash(bytes, length, b->seed));
    uint32_t known;
    while (ctm_lookup_next(&b->string_lookup, &probe, &known)) {
        const struct ctm_string *string = &b->strings[known];
        if (string->length == length && memcmp(string->bytes, bytes, length) == 0) {
            *id = known;
            return CTM_OK;
        }
    }
    if (b->string_count == CTM_MOST_IDS) {
        return CTM_ELIMIT;
    }
    if (b->string_count == b->string_capacity) {
        struct ctm_string *grown = ctm_array_grow(b->strings, &b->string_capacity, sizeof *grown);
        if (grown == NULL) {
            return CTM_ENOMEM;
        }
        b->strings = grown;
    }
    char *copy = text_reserve(b, length);
    if (copy == NULL) {
        return CTM_ENOMEM;
    }
    memcpy(copy, bytes, length);
    b->text->used += length;
    *id = (uint32_t)b->string_count++;
    b->strings[*id] = (struct ctm_string){.bytes = copy, .length = length};
    ctm_lookup_put(&b->string_lookup, &probe, *id);
    return CTM_OK;
}

int ctm_builder_frame(struct ctm_builder *b, struct ctm_frame frame, uint32_t *id)
{
    if (frame.file >= b->string_count || frame.name >= b->string_count) {
        return CTM_EINVAL;
    }
    return ctm_pool_intern(&b->frames, b->seed, &frame, sizeof frame, id);
}

int ctm_builder_node(struct ctm_builder *b, uint32_t parent, uint32_t frame, uint32_t *id)
{
    if ((parent != CTM_NO_NODE && parent >= b->nodes.count) || frame >= b->frames.count) {
        return CTM_EINVAL;
    }
    struct ctm_node node = {.parent = parent, .frame = frame};
    return ctm_pool_intern(&b->nodes, b->seed, &node, sizeof node, id);
}

int ctm_builder_stack(struct ctm_builder *b, struct ctm_stack stack, uint32_t *id)
{
    if (stack.node != CTM_NO_NODE && stack.node >= b->nodes.count) {
        return CTM_EINVAL;
    }
    return ctm_pool_intern(&b->stacks, b->seed, &stack, sizeof stack, id);
}

int ctm_builder_reserve(struct ctm_builder *b, size_t nodes, size_t stacks)
{
    int status = ctm_pool_reserve(&b->nodes, nodes, sizeof(struct ctm_node));
    if (status == CTM_OK) {
        status = ctm_pool_reserve(&b->stacks, stacks, sizeof(struct ctm_stack));
    }
    if (status == CTM_OK) {
        ctm_pages_populate(b->nodes.items, nodes * sizeof(struct ctm_node));
        ctm_pages_populate(b->stacks.items, stacks * sizeof(struct ctm_stack));
    }
    return status;
}

int ctm_builder_new_node(struct ctm_builder *b, uint32_t parent, uint32_t frame, uint32_t *id)
{
    struct ctm_node node = {.parent = parent, .frame = frame};
    return ctm_pool_append(&b->nodes, &node, sizeof node, id);
}

int ctm_builder_new_stack(struct ctm_builder *b, struct ctm_stack stack, uint32_t *id)
{
    return ctm_pool_append(&b->stacks, &stack, sizeof stack, id);
}

static bool same_key(const struct ctm_row *a, const struct ctm_row *b)
{
    return a->domain == b->domain && a->stack == b->stack && a->size == b->size;
}

int ctm_builder_row(struct ctm_builder *b, struct ctm_row row)
{
    uint64_t trace_count;
    if (row.stack >= b->stacks.count || row.count == 0) {
        return CTM_EINVAL;
    }
    if (__builtin_add_overflow(b->trace_count, row.count, &trace_count)) {
        return CTM_ELIMIT;
    }
    if (b->row_count != 0 && same_key(&b->rows[b->row_count - 1], &row)) {
        b->rows[b->row_count - 1].count += row.count;
    } else {
        if (b->row_count == b->row_capacity) {
            struct ctm_row *grown = ctm_array_grow(b->rows, &b->row_capacity, sizeof *grown);
            if (grown == NULL) {
                return CTM_ENOMEM;
            }
            b->rows = grown;
        }
        b->rows[b->row_count++] = row;
    }
    b->trace_count = trace_count;
    return CTM_OK;
}

/* The place of each row in ascending order of its key, equal keys in the order of rows. */
static void order_by_key(const struct ctm_builder *b, struct ctm_item *items,
                         struct ctm_item *spare)
{
    size_t n = b->row_count;
    for (size_t i = 0; i < n; i++) {
        items[i] = (struct ctm_item){.key = b->rows[i].size, .index = i};
    }
    ctm_sort(items, spare, n);
    for (size_t i = 0; i < n; i++) {
        const struct ctm_row *row = &b->rows[items[i].index];
        items[i].key = (uint64_t)row->domain << 32 | row->stack;
    }
    ctm_sort(items, spare, n);
}

/* Copy the rows in the order of `items` to `merged`, equal keys joined. Returns how many are left.
 */
static size_t join_rows(const struct ctm_builder *b, const struct ctm_item *items,
                        struct ctm_row *merged)
{
    size_t count = 0;
    for (size_t i = 0; i < b->row_count; i++) {
        const struct ctm_row *row = &b->rows[items[i].index];
        if (count != 0 && same_key(&merged[count - 1], row)) {
            merged[count - 1].count += row->count;
        } else {
            merged[count++] = *row;
        }
    }
    return count;
}

/* Set the items' keys so that the most bytes come first. */
static int key_by_bytes(const struct ctm_row *rows, size_t n, struct ctm_item *items)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t bytes;
        if (__builtin_mul_overflow(rows[i].size, rows[i].count, &bytes)) {
            return CTM_ELIMIT;
        }
        items[i] = (struct ctm_item){.key = ~bytes, .index = i};
    }
    return CTM_OK;
}

int ctm_builder_merge_rows(struct ctm_builder *b)
{
    int status = CTM_ENOMEM;
    struct ctm_item *items = ctm_array_new(b->row_count, sizeof *items);
    struct ctm_item *spare = ctm_array_new(b->row_count, sizeof *spare);
    struct ctm_row *merged = ctm_array_new(b->row_count, sizeof *merged);
    if (items == NULL || spare == NULL || merged == NULL) {
        goto out;
    }
    order_by_key(b, items, spare);
    size_t count = join_rows(b, items, merged);
    status = key_by_bytes(merged, count, items);
    if (status == CTM_OK) {
        ctm_sort(items, spare, count);
        for (size_t i = 0; i < count; i++) {
            b->rows[i] = merged[items[i].index];
        }
        b->row_count = count;
    }
out:
    free(items);
    free(spare);
    free(merged);
    return status;
}

void ctm_builder_set_rows(struct ctm_builder *b, struct ctm_row *rows, size_t count,
                          uint64_t trace_count)
{
    b->rows = rows;
    b->row_count = count;
    b->row_capacity = count;
    b->trace_count = trace_count;
}

/* The items of a pool, no larger than they must be; the pool is left empty. */
static void *pool_take(struct ctm_pool *pool, size_t size)
{
    void *items = ctm_array_trim(pool->items, pool->count, size);
    pool->items = NULL;
    ctm_pool_deinit(pool);
    return items;
}

int ctm_builder_finish(struct ctm_builder *b, const struct ctm_info *info,
                       struct ctm_snapshot **out)
{
    struct ctm_store *store = NULL;
    struct ctm_tables tables = {
        .string_count = (uint32_t)b->string_count,
        .frame_count = (uint32_t)b->frames.count,
        .node_count = (uint32_t)b->nodes.count,
        .stack_count = (uint32_t)b->stacks.count,
    };
    /* Trimming may copy: what is no longer needed goes first. */
    ctm_lookup_deinit(&b->string_lookup);
    tables.frames = pool_take(&b->frames, sizeof *tables.frames);
    tables.nodes = pool_take(&b->nodes, sizeof *tables.nodes);
    tables.stacks = pool_take(&b->stacks, sizeof *tables.stacks);
    b->strings = ctm_array_trim(b->strings, b->string_count, sizeof *b->strings);
    tables.strings = b->strings;
    b->rows = ctm_array_trim(b->rows, b->row_count, sizeof *b->rows);
    int status = ctm_store_new(&tables, b->text, &store);
    if (status != CTM_OK) {
        free((void *)tables.frames);
        free((void *)tables.nodes);
        free((void *)tables.stacks);
        ctm_builder_free(b);
        return status;
    }
    status = ctm_snapshot_adopt(store, b->rows, b->row_count, b->trace_count, info, out);
    free(b);
    return status;
}
