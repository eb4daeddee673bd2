#include "support.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ctm_builder *new_builder(void)
{
    struct ctm_builder *b;
    assert_ok(ctm_builder_new(&b));
    return b;
}

uint32_t add_string(struct ctm_builder *b, const char *text)
{
    uint32_t id;
    assert_ok(ctm_builder_string(b, text, strlen(text), &id));
    return id;
}

static uint32_t add_frame(struct ctm_builder *b, char *word)
{
    char *name = strchr(word, '@');
    if (name != NULL) {
        *name++ = '\0';
    }
    char *line = strrchr(word, ':');
    assert_non_null(line);
    *line++ = '\0';
    struct ctm_frame frame = {
        .file = add_string(b, word),
        .name = add_string(b, name == NULL ? "" : name),
        .line = (uint32_t)strtoul(line, NULL, 10),
    };
    uint32_t id;
    assert_ok(ctm_builder_frame(b, frame, &id));
    return id;
}

uint32_t add_stack(struct ctm_builder *b, const char *frames, uint32_t total_nframe)
{
    char text[1024];
    size_t length = strlen(frames);
    assert_true(length < sizeof text);
    memcpy(text, frames, length + 1);
    struct ctm_stack stack = {.node = CTM_NO_NODE, .total_nframe = total_nframe};
    /* From the oldest frame, which is the last word, to the newest. */
    while (text[0] != '\0') {
        char *word = strrchr(text, ' ');
        uint32_t frame = add_frame(b, word == NULL ? text : word + 1);
        assert_ok(ctm_builder_node(b, stack.node, frame, &stack.node));
        *(word == NULL ? text : word) = '\0';
    }
    uint32_t id;
    assert_ok(ctm_builder_stack(b, stack, &id));
    return id;
}

void add_row(struct ctm_builder *b, const struct spec *spec)
{
    struct ctm_row row = {
        .domain = spec->domain,
        .stack = add_stack(b, spec->frames, spec->total_nframe),
        .size = spec->size,
        .count = spec->count,
    };
    assert_ok(ctm_builder_row(b, row));
}

struct ctm_snapshot *finish(struct ctm_builder *b)
{
    struct ctm_snapshot *s;
    assert_ok(ctm_builder_finish(b, NULL, &s));
    return s;
}

struct ctm_snapshot *make_snapshot(const struct spec *specs, size_t count)
{
    struct ctm_builder *b = new_builder();
    for (size_t i = 0; i < count; i++) {
        add_row(b, &specs[i]);
    }
    return finish(b);
}

const char *stack_text(const struct ctm_tables *t, uint32_t stack)
{
    static char texts[4][1024];
    static unsigned turn;
    char *text = texts[turn++ % 4];
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t node = t->stacks[stack].node; node != CTM_NO_NODE; node = t->nodes[node].parent) {
        struct ctm_frame frame = t->frames[t->nodes[node].frame];
        int written =
            snprintf(text + used, sizeof texts[0] - used, "%s%.*s:%" PRIu32, used == 0 ? "" : " ",
                     (int)t->strings[frame.file].length, t->strings[frame.file].bytes, frame.line);
        assert_true(written > 0 && (size_t)written < sizeof texts[0] - used);
        used += (size_t)written;
    }
    return text;
}

uint32_t find_string(const struct ctm_tables *t, const char *text)
{
    struct ctm_string wanted = {.bytes = text, .length = strlen(text)};
    for (uint32_t i = 0; i < t->string_count; i++) {
        if (ctm_string_compare(t->strings[i], wanted) == 0) {
            return i;
        }
    }
    fail_msg("no string \"%s\"", text);
    return UINT32_MAX;
}
