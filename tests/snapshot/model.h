/*
 * The rules of stdlib's snapshots, written as plainly as they can be: every trace on its own, every
 * search linear, strings compared code point by code point. What the floor answers is compared
 * with what this answers.
 */
#ifndef CTM_TESTS_SNAPSHOT_MODEL_H
#define CTM_TESTS_SNAPSHOT_MODEL_H

#include "random.h"
#include "snapshot/diff.h"
#include "snapshot/filter.h"

enum {
    MODEL_DEPTH = 6,
    MODEL_TRACES = 60,
    MODEL_FILES = 15,
    MODEL_NAMES = 3,
    MODEL_STRINGS = MODEL_FILES + 8, /* at most, names of functions included */
    MODEL_FILTERS = 5,               /* at most, in one filtering */
    MODEL_GROUPS = MODEL_TRACES * MODEL_DEPTH,
};

struct model_frame {
    struct ctm_string file; /* or the name of a module */
    uint32_t line;
    const char *name; /* "" where the key does not see it */
};

/* Frames from the oldest to the newest, as Python compares them. */
struct model_traceback {
    size_t length;
    struct model_frame frames[MODEL_DEPTH];
};

struct model_trace {
    uint32_t domain;
    uint64_t size;
    uint64_t count;
    uint32_t total_nframe;
    const char *names[MODEL_DEPTH];
    struct model_traceback traceback;
};

struct model {
    size_t length;
    struct model_trace traces[MODEL_TRACES];
};

struct model_group {
    struct model_traceback traceback;
    uint64_t size;
    uint64_t count;
    uint64_t old_size; /* only used by diffs */
    uint64_t old_count;
};

struct model_groups {
    size_t length;
    struct model_group groups[2 * MODEL_GROUPS];
};

struct model_filter {
    bool inclusive;
    bool any_file; /* looks at the domain alone */
    bool files[MODEL_FILES];
    bool any_name;
    bool names[MODEL_NAMES];
    bool any_line;
    uint64_t line;
    bool all_frames;
    bool any_domain;
    uint64_t domain;
};

/* The names of files that traces are made of. */
struct ctm_string model_file(size_t i);

/* Few files, lines and sizes, so that much is equal; `dense` makes nearly all so. */
void model_random(struct model *m, struct rng *rng, bool dense);
void model_random_filter(struct model_filter *f, struct rng *rng);

/* The same traces through a builder. Rows are merged if `merge`. */
struct ctm_snapshot *model_snapshot(const struct model *m, bool merge);

/* The traces of a snapshot, a trace per row. */
void model_of_snapshot(struct model *m, const struct ctm_snapshot *s);

int model_compare_strings(struct ctm_string a, struct ctm_string b);
int model_compare(const struct model_traceback *a, const struct model_traceback *b);

void model_group(const struct model *m, enum ctm_key key, enum ctm_counting counting,
                 struct model_groups *out);
void model_diff(const struct model *now, const struct model *old, enum ctm_key key,
                enum ctm_counting counting, struct model_groups *out);
bool model_keeps(const struct model_filter *filters, size_t count, const struct model_trace *trace);

/* Filter a snapshot that model_snapshot() made: the same rows must be kept, in their order. */
void model_check_filter(struct ctm_snapshot *s, const struct model_filter *plain, size_t count);

/* The traceback that a group by `key` stands for. */
void model_key(const struct ctm_tables *t, enum ctm_key key, bool no_frame, struct ctm_frame frame,
               uint32_t stack, struct model_traceback *out);

/* What a key sees of a frame. */
struct model_frame model_frame_by(enum ctm_key key, struct model_frame frame, const char *name);
void model_stack(const struct ctm_tables *t, uint32_t stack, struct model_traceback *out);

#endif
