/* What the tests of this floor share: snapshots from short texts, and failing with a reason. */
#ifndef CTM_TESTS_SNAPSHOT_SUPPORT_H
#define CTM_TESTS_SNAPSHOT_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "snapshot/group.h"

#define assert_ok(call) assert_int_equal((call), CTM_OK)

/* One row in words. */
struct spec {
    uint32_t domain;
    uint64_t size;
    uint64_t count;
    uint32_t total_nframe;
    const char *frames; /* newest first, "file:line" or "file:line@name", apart by spaces */
};

struct ctm_builder *new_builder(void);
uint32_t add_string(struct ctm_builder *b, const char *text);
uint32_t add_stack(struct ctm_builder *b, const char *frames, uint32_t total_nframe);
void add_row(struct ctm_builder *b, const struct spec *spec);
struct ctm_snapshot *finish(struct ctm_builder *b);

/* Rows in this order, as ctm_builder_row takes them. */
struct ctm_snapshot *make_snapshot(const struct spec *specs, size_t count);

/* The frames of a stack as in struct spec, without names; valid until the next call but three. */
const char *stack_text(const struct ctm_tables *t, uint32_t stack);

/* The id of a text; it must be there. */
uint32_t find_string(const struct ctm_tables *t, const char *text);

#endif
