#include "model.h"

#include <string.h>

#include "snapshot/module_name.h"
#include "support.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        .bytes = (literal), .length = sizeof(literal) - 1                                          \
    }

/* Prefixes of each other, NULs, two to four bytes, lone surrogates, the first astral character. */
static const struct ctm_string FILES[MODEL_FILES] = {
    TEXT("a.py"),
    TEXT("a.pyc"),
    TEXT("a"),
    TEXT(""),
    TEXT("a\0b"),
    TEXT("a\0"),
    TEXT("\xc3\xa9.py"),
    TEXT("\xed\xa0\x80"),
    TEXT("\xed\xbf\xbf"),
    TEXT("\xee\x80\x80"),
    TEXT("\xef\xbf\xbf"),
    TEXT("\xf0\x90\x80\x80"),
    TEXT("/usr/lib/python3/a.py"),
    TEXT("/usr/lib/python3/b.py"),
    TEXT("/elsewhere/lib-dynload/b.py"),
};

static const char *const NAMES[MODEL_NAMES] = {"", "f", "Class.g"};

struct ctm_string model_file(size_t i)
{
    return FILES[i];
}

static void random_trace(struct model_trace *trace, struct rng *rng, bool dense)
{
    static const uint64_t sizes[] = {0, 1, 56, 56, 300, 70000, UINT64_C(5000000000)};
    static const uint32_t domains[] = {0, 0, 0, 389047, UINT32_MAX};
    uint32_t files = dense ? 3 : MODEL_FILES;
    memset(trace, 0, sizeof *trace);
    trace->domain = domains[rng_below(rng, 5)];
    trace->size = dense ? 56 : sizes[rng_below(rng, 7)];
    trace->count = 1 + rng_below(rng, dense ? 2 : 4);
    trace->total_nframe = rng_chance(rng, 20) ? CTM_TOTAL_UNKNOWN : rng_below(rng, 3);
    trace->traceback.length = rng_chance(rng, 5) ? 0 : 1 + rng_below(rng, MODEL_DEPTH);
    for (size_t i = 0; i < trace->traceback.length; i++) {
        struct model_frame *frame = &trace->traceback.frames[i];
        frame->file = FILES[rng_below(rng, files)];
        frame->name = "";
        frame->line = rng_chance(rng, 3) ? UINT32_MAX : rng_below(rng, dense ? 2 : 4);
        trace->names[i] = NAMES[rng_below(rng, 3)];
    }
}

void model_random(struct model *m, struct rng *rng, bool dense)
{
    m->length = rng_below(rng, MODEL_TRACES + 1);
    for (size_t i = 0; i < m->length; i++) {
        random_trace(&m->traces[i], rng, dense);
        if (i != 0 && rng_chance(rng, 40)) {
            /* A trace that shares what was there: the whole of it, or the oldest frames. */
            struct model_trace *trace = &m->traces[i];
            *trace = m->traces[rng_below(rng, (uint32_t)i)];
            if (rng_chance(rng, 60) && trace->traceback.length != 0) {
                trace->traceback.frames[trace->traceback.length - 1].line = rng_below(rng, 4);
            }
        }
    }
}

void model_random_filter(struct model_filter *f, struct rng *rng)
{
    static const uint64_t domains[] = {0, 0, 389047, UINT32_MAX, UINT64_C(1) << 32, 7};
    memset(f, 0, sizeof *f);
    f->inclusive = rng_chance(rng, 50);
    f->any_file = rng_chance(rng, 20);
    for (size_t i = 0; i < MODEL_FILES; i++) {
        f->files[i] = rng_chance(rng, 40);
    }
    f->any_name = rng_chance(rng, 60);
    for (size_t i = 0; i < MODEL_NAMES; i++) {
        f->names[i] = rng_chance(rng, 50);
    }
    f->any_line = rng_chance(rng, 60);
    f->line = rng_chance(rng, 10) ? (UINT64_C(1) << 32) + rng_below(rng, 4) : rng_below(rng, 4);
    f->all_frames = rng_chance(rng, 50);
    f->any_domain = rng_chance(rng, 50);
    f->domain = domains[rng_below(rng, 6)];
}

static uint32_t model_add_stack(struct ctm_builder *b, const struct model_trace *trace)
{
    struct ctm_stack stack = {.node = CTM_NO_NODE, .total_nframe = trace->total_nframe};
    for (size_t i = 0; i < trace->traceback.length; i++) {
        const struct model_frame *known = &trace->traceback.frames[i];
        struct ctm_frame frame = {.name = add_string(b, trace->names[i]), .line = known->line};
        uint32_t id;
        assert_ok(ctm_builder_string(b, known->file.bytes, known->file.length, &frame.file));
        assert_ok(ctm_builder_frame(b, frame, &id));
        assert_ok(ctm_builder_node(b, stack.node, id, &stack.node));
    }
    uint32_t id;
    assert_ok(ctm_builder_stack(b, stack, &id));
    return id;
}

struct ctm_snapshot *model_snapshot(const struct model *m, bool merge)
{
    struct ctm_builder *b = new_builder();
    for (size_t i = 0; i < m->length; i++) {
        const struct model_trace *trace = &m->traces[i];
        struct ctm_row row = {
            .domain = trace->domain,
            .stack = model_add_stack(b, trace),
            .size = trace->size,
            .count = trace->count,
        };
        assert_ok(ctm_builder_row(b, row));
    }
    if (merge) {
        assert_ok(ctm_builder_merge_rows(b));
    }
    return finish(b);
}

/* The same text as one that traces are made of. */
static const char *known_name(struct ctm_string name)
{
    for (size_t i = 0; i < MODEL_NAMES; i++) {
        if (strlen(NAMES[i]) == name.length && memcmp(NAMES[i], name.bytes, name.length) == 0) {
            return NAMES[i];
        }
    }
    fail_msg("a name that no test made");
    return "";
}

void model_stack(const struct ctm_tables *t, uint32_t stack, struct model_traceback *out)
{
    memset(out, 0, sizeof *out);
    for (uint32_t node = t->stacks[stack].node; node != CTM_NO_NODE; node = t->nodes[node].parent) {
        out->length++;
    }
    assert_true(out->length <= MODEL_DEPTH);
    size_t at = out->length;
    for (uint32_t node = t->stacks[stack].node; node != CTM_NO_NODE; node = t->nodes[node].parent) {
        struct ctm_frame frame = t->frames[t->nodes[node].frame];
        out->frames[--at] =
            (struct model_frame){.file = t->strings[frame.file], .line = frame.line, .name = ""};
    }
}

void model_of_snapshot(struct model *m, const struct ctm_snapshot *s)
{
    memset(m, 0, sizeof *m);
    assert_true(s->row_count <= MODEL_TRACES);
    m->length = s->row_count;
    for (size_t i = 0; i < s->row_count; i++) {
        m->traces[i].domain = s->rows[i].domain;
        m->traces[i].size = s->rows[i].size;
        m->traces[i].count = s->rows[i].count;
        m->traces[i].total_nframe = s->tables->stacks[s->rows[i].stack].total_nframe;
        model_stack(s->tables, s->rows[i].stack, &m->traces[i].traceback);
        size_t at = m->traces[i].traceback.length;
        uint32_t node = s->tables->stacks[s->rows[i].stack].node;
        for (; node != CTM_NO_NODE; node = s->tables->nodes[node].parent) {
            struct ctm_frame frame = s->tables->frames[s->tables->nodes[node].frame];
            m->traces[i].names[--at] = known_name(s->tables->strings[frame.name]);
        }
    }
}

/* Modules by the number of the file: names that last. */
static struct ctm_string module_of(struct ctm_string file)
{
    static char rooms[MODEL_FILES][64];
    for (size_t i = 0; i < MODEL_FILES; i++) {
        if (model_compare_strings(FILES[i], file) == 0) {
            assert_true(file.length <= sizeof rooms[i]);
            return ctm_module_name(FILES[i], rooms[i]);
        }
    }
    fail_msg("a file that no test made");
    return file;
}

struct model_frame model_frame_by(enum ctm_key key, struct model_frame frame, const char *name)
{
    switch (key) {
    case CTM_KEY_FILENAME:
        return (struct model_frame){.file = frame.file, .name = ""};
    case CTM_KEY_MODULE:
        return (struct model_frame){.file = module_of(frame.file), .name = ""};
    case CTM_KEY_FUNCTION:
        return (struct model_frame){.file = frame.file, .name = name};
    case CTM_KEY_FRAME:
        return (struct model_frame){.file = frame.file, .line = frame.line, .name = name};
    default:
        return (struct model_frame){.file = frame.file, .line = frame.line, .name = ""};
    }
}

void model_key(const struct ctm_tables *t, enum ctm_key key, bool no_frame, struct ctm_frame frame,
               uint32_t stack, struct model_traceback *out)
{
    if (key == CTM_KEY_TRACEBACK) {
        model_stack(t, stack, out);
        assert_true(no_frame == (out->length == 0));
        return;
    }
    memset(out, 0, sizeof *out);
    if (!no_frame) {
        struct ctm_string file = t->strings[frame.file];
        out->length = 1;
        out->frames[0] = (struct model_frame){
            .file = key == CTM_KEY_MODULE ? module_of(file) : file,
            .line = frame.line,
            .name = known_name(t->strings[frame.name]),
        };
    }
}

/* One code point of generalized UTF-8. */
static uint32_t decode(const char **at)
{
    const unsigned char *p = (const unsigned char *)*at;
    size_t more = p[0] < 0x80 ? 0 : p[0] < 0xe0 ? 1 : p[0] < 0xf0 ? 2 : 3;
    uint32_t point = more == 0 ? p[0] : p[0] & (0x3fu >> more);
    for (size_t i = 1; i <= more; i++) {
        point = point << 6 | (p[i] & 0x3fu);
    }
    *at += more + 1;
    return point;
}

int model_compare_strings(struct ctm_string a, struct ctm_string b)
{
    const char *at_a = a.bytes;
    const char *at_b = b.bytes;
    while (at_a < a.bytes + a.length && at_b < b.bytes + b.length) {
        uint32_t point_a = decode(&at_a);
        uint32_t point_b = decode(&at_b);
        if (point_a != point_b) {
            return point_a < point_b ? -1 : 1;
        }
    }
    bool more_a = at_a < a.bytes + a.length;
    bool more_b = at_b < b.bytes + b.length;
    return more_a - more_b;
}

int model_compare(const struct model_traceback *a, const struct model_traceback *b)
{
    for (size_t i = 0; i < a->length && i < b->length; i++) {
        int order = model_compare_strings(a->frames[i].file, b->frames[i].file);
        if (order != 0) {
            return order;
        }
        if (a->frames[i].line != b->frames[i].line) {
            return a->frames[i].line < b->frames[i].line ? -1 : 1;
        }
        order = strcmp(a->frames[i].name, b->frames[i].name);
        if (order != 0) {
            return order;
        }
    }
    return a->length == b->length ? 0 : a->length < b->length ? -1 : 1;
}

static struct model_group *find_group(struct model_groups *groups,
                                      const struct model_traceback *traceback)
{
    for (size_t i = 0; i < groups->length; i++) {
        if (model_compare(&groups->groups[i].traceback, traceback) == 0) {
            return &groups->groups[i];
        }
    }
    struct model_group *group = &groups->groups[groups->length++];
    memset(group, 0, sizeof *group);
    group->traceback = *traceback;
    return group;
}

static void count_frame(struct model_groups *groups, enum ctm_key key,
                        const struct model_trace *trace, size_t at)
{
    struct model_traceback traceback = {.length = 1};
    traceback.frames[0] = model_frame_by(key, trace->traceback.frames[at], trace->names[at]);
    struct model_group *group = find_group(groups, &traceback);
    group->size += trace->size * trace->count;
    group->count += trace->count;
}

static bool is_repeated(enum ctm_key key, const struct model_trace *trace, size_t at)
{
    struct model_traceback one = {.length = 1};
    one.frames[0] = model_frame_by(key, trace->traceback.frames[at], trace->names[at]);
    for (size_t k = 0; k < at; k++) {
        struct model_traceback other = {.length = 1};
        other.frames[0] = model_frame_by(key, trace->traceback.frames[k], trace->names[k]);
        if (model_compare(&one, &other) == 0) {
            return true;
        }
    }
    return false;
}

static void group_unsorted(const struct model *m, enum ctm_key key, enum ctm_counting counting,
                           struct model_groups *out)
{
    out->length = 0;
    for (size_t i = 0; i < m->length; i++) {
        const struct model_trace *trace = &m->traces[i];
        const struct model_traceback *traceback = &trace->traceback;
        bool as_stdlib = counting == CTM_AT_NEWEST && key == CTM_KEY_FILENAME;
        bool nowhere = traceback->length == 0 && counting != CTM_AT_FRAMES && !as_stdlib;
        if (counting != CTM_AT_NEWEST && !nowhere) {
            for (size_t k = 0; k < traceback->length; k++) {
                if (counting == CTM_AT_FRAMES || !is_repeated(key, trace, k)) {
                    count_frame(out, key, trace, k);
                }
            }
        } else if (key == CTM_KEY_TRACEBACK || nowhere) {
            struct model_group *group = find_group(out, traceback);
            group->size += trace->size * trace->count;
            group->count += trace->count;
        } else if (traceback->length != 0) {
            count_frame(out, key, trace, traceback->length - 1);
        }
    }
}

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a < b ? b - a : a - b;
}

/* True if `a` comes after `b` by what a statistic is sorted by. */
static bool comes_after(const struct model_group *a, const struct model_group *b, bool diff)
{
    uint64_t first[] = {diff ? distance(a->size, a->old_size) : 0, a->size,
                        diff ? distance(a->count, a->old_count) : 0, a->count};
    uint64_t second[] = {diff ? distance(b->size, b->old_size) : 0, b->size,
                         diff ? distance(b->count, b->old_count) : 0, b->count};
    for (size_t i = 0; i < 4; i++) {
        if (first[i] != second[i]) {
            return first[i] < second[i];
        }
    }
    return model_compare(&a->traceback, &b->traceback) < 0;
}

static void sort_groups(struct model_groups *groups, bool diff)
{
    for (size_t i = 1; i < groups->length; i++) {
        struct model_group group = groups->groups[i];
        size_t at = i;
        while (at > 0 && comes_after(&groups->groups[at - 1], &group, diff)) {
            groups->groups[at] = groups->groups[at - 1];
            at--;
        }
        groups->groups[at] = group;
    }
}

void model_group(const struct model *m, enum ctm_key key, enum ctm_counting counting,
                 struct model_groups *out)
{
    group_unsorted(m, key, counting, out);
    sort_groups(out, false);
}

void model_diff(const struct model *now, const struct model *old, enum ctm_key key,
                enum ctm_counting counting, struct model_groups *out)
{
    static struct model_groups before;
    group_unsorted(now, key, counting, out);
    group_unsorted(old, key, counting, &before);
    for (size_t i = 0; i < before.length; i++) {
        struct model_group *group = find_group(out, &before.groups[i].traceback);
        group->old_size = before.groups[i].size;
        group->old_count = before.groups[i].count;
    }
    sort_groups(out, true);
}

static bool frame_matches(const struct model_filter *f, struct model_frame frame)
{
    for (size_t i = 0; i < MODEL_FILES; i++) {
        if (model_compare_strings(FILES[i], frame.file) == 0) {
            return f->files[i] && (f->any_line || f->line == frame.line);
        }
    }
    fail_msg("a file that no test made");
    return false;
}

static bool name_matches(const struct model_filter *f, const char *name)
{
    for (size_t i = 0; i < MODEL_NAMES; i++) {
        if (strcmp(NAMES[i], name) == 0) {
            return f->any_name || f->names[i];
        }
    }
    fail_msg("a name that no test made");
    return false;
}

static bool file_part_matches(const struct model_filter *f, const struct model_trace *trace)
{
    const struct model_traceback *traceback = &trace->traceback;
    if (f->any_file) {
        return true;
    }
    for (size_t i = 0; i < traceback->length; i++) {
        bool newest = i + 1 == traceback->length;
        if ((newest || f->all_frames) && frame_matches(f, traceback->frames[i]) &&
            name_matches(f, trace->names[i])) {
            return true;
        }
    }
    return false;
}

bool model_keeps(const struct model_filter *filters, size_t count, const struct model_trace *trace)
{
    bool wanted = false;
    bool any_inclusive = false;
    for (size_t i = 0; i < count; i++) {
        const struct model_filter *f = &filters[i];
        bool matches = (f->any_domain || f->domain == trace->domain) && file_part_matches(f, trace);
        if (!f->inclusive && matches) {
            return false;
        }
        any_inclusive |= f->inclusive;
        wanted |= f->inclusive && matches;
    }
    return wanted || !any_inclusive;
}

void model_check_filter(struct ctm_snapshot *s, const struct model_filter *plain, size_t count)
{
    static struct model given;
    struct ctm_filter filters[MODEL_FILTERS];
    uint8_t matches[MODEL_FILTERS][MODEL_STRINGS];
    uint8_t names[MODEL_FILTERS][MODEL_STRINGS];
    assert_true(count <= MODEL_FILTERS && s->tables->string_count <= MODEL_STRINGS);
    for (size_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < s->tables->string_count; k++) {
            matches[i][k] = 0;
            for (size_t file = 0; file < MODEL_FILES; file++) {
                bool same = model_compare_strings(s->tables->strings[k], model_file(file)) == 0;
                matches[i][k] |= same && plain[i].files[file] ? 0x10 : 0;
            }
            names[i][k] = 0;
            for (size_t name = 0; name < MODEL_NAMES; name++) {
                struct ctm_string text = {.bytes = NAMES[name], .length = strlen(NAMES[name])};
                bool same = model_compare_strings(s->tables->strings[k], text) == 0;
                names[i][k] |= same && plain[i].names[name] ? 4 : 0;
            }
        }
        filters[i] = (struct ctm_filter){
            .inclusive = plain[i].inclusive,
            .file_matches = plain[i].any_file ? NULL : matches[i],
            .name_matches = plain[i].any_name ? NULL : names[i],
            .any_line = plain[i].any_line,
            .line = plain[i].line,
            .all_frames = plain[i].all_frames,
            .any_domain = plain[i].any_domain,
            .domain = plain[i].domain,
        };
    }
    struct ctm_snapshot *kept;
    assert_ok(ctm_filter(s, filters, count, &kept));
    assert_ptr_equal(kept->tables, s->tables);
    model_of_snapshot(&given, s);
    size_t at = 0;
    uint64_t traces = 0;
    for (size_t i = 0; i < s->row_count; i++) {
        if (model_keeps(plain, count, &given.traces[i])) {
            assert_true(at < kept->row_count);
            assert_memory_equal(&kept->rows[at], &s->rows[i], sizeof *s->rows);
            traces += s->rows[i].count;
            at++;
        }
    }
    assert_int_equal(at, kept->row_count);
    assert_int_equal(traces, kept->trace_count);
    ctm_snapshot_unref(kept);
}
