#include "format/pickle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "format/pickle_machine.h"
#include "format/pickle_parse.h"
#include "format/plain.h"

/* A dump's values on their way into a snapshot. */
struct reader {
    struct ctm_pickle pickle;
    struct ctm_builder *builder;
    uint32_t *frames; /* by node: the id of a frame, plus 1; 0: not made yet */
    uint32_t *stacks; /* by node: the tree's node of a tuple of frames, plus 1 */
    uint64_t index;   /* of the trace that is looked at */
    uint64_t most;    /* bytes that attributes may take */
    const struct ctm_pickle_value *attribute; /* the name of the one that is looked at */
    struct ctm_file_error *error;
};

/* ---- failures ---- */

static int fail(struct reader *r, const char *what)
{
    return ctm_file_fail(r->error, CTM_EFORMAT, 0, "not a dump of a snapshot: %s", what);
}

static int fail_trace(struct reader *r, const char *what, const struct ctm_pickle_value *value)
{
    return ctm_file_fail(r->error, CTM_EFORMAT, 0, "trace %" PRIu64 ": %s, not %s", r->index, what,
                         ctm_pickle_kind_name(value));
}

static int fail_length(struct reader *r, const char *what, const struct ctm_pickle_value *value)
{
    return ctm_file_fail(r->error, CTM_EFORMAT, 0,
                         "trace %" PRIu64 ": %s, not one of length %" PRIu32, r->index, what,
                         r->pickle.nodes[value->node].length);
}

static int fail_attribute(struct reader *r, const char *what)
{
    char name[60];
    ctm_pickle_copy_name(name, sizeof name, r->attribute->bytes, r->attribute->length);
    return ctm_file_fail(r->error, CTM_EFORMAT, 0, "attribute '%s' %s", name, what);
}

static int check(struct reader *r, int status)
{
    if (status == CTM_OK) {
        return CTM_OK;
    }
    return ctm_file_fail(r->error, status, 0, "%s",
                         status == CTM_ENOMEM ? "no memory for the snapshot"
                                              : "the snapshot has more entries than fit");
}

/* ---- traces ---- */

static int get_number(struct reader *r, const struct ctm_pickle_value *value, uint64_t most,
                      const char *what, uint64_t *number)
{
    if (value->kind != CTM_PICKLE_INT) {
        return fail_trace(r, what, value);
    }
    if (value->number < 0 || (uint64_t)value->number > most) {
        return ctm_file_fail(r->error, CTM_EFORMAT, 0, "trace %" PRIu64 ": %s, not %" PRId64,
                             r->index, what, value->number);
    }
    *number = (uint64_t)value->number;
    return CTM_OK;
}

static int get_frame(struct reader *r, const struct ctm_pickle_value *value, uint32_t *id)
{
    static const char what[] = "a frame must be a tuple (filename, lineno)";
    if (value->kind != CTM_PICKLE_TUPLE) {
        return fail_trace(r, what, value);
    }
    if (r->frames[value->node] != 0) {
        *id = r->frames[value->node] - 1;
        return CTM_OK;
    }
    if (r->pickle.nodes[value->node].length != 2) {
        return fail_length(r, what, value);
    }
    struct ctm_pickle_walk walk = ctm_pickle_walk(&r->pickle, value->node);
    const struct ctm_pickle_value *name = ctm_pickle_next(&walk);
    const struct ctm_pickle_value *line = ctm_pickle_next(&walk);
    if (name->kind != CTM_PICKLE_TEXT) {
        return fail_trace(r, what, name);
    }
    struct ctm_frame frame = {.file = 0};
    uint64_t number = 0;
    int status = get_number(r, line, UINT32_MAX, "a line must be an int of 32 bits", &number);
    if (status != CTM_OK) {
        return status;
    }
    frame.line = (uint32_t)number;
    status = ctm_builder_string(r->builder, (const char *)name->bytes, name->length, &frame.file);
    if (status == CTM_OK) {
        status = ctm_builder_frame(r->builder, frame, id);
    }
    if (status == CTM_OK) {
        r->frames[value->node] = *id + 1;
    }
    return check(r, status);
}

/* The newest frame is the first one, so the tree grows from the end. */
static int add_frames(struct reader *r, const struct ctm_pickle_node *frames, uint32_t *node)
{
    *node = CTM_NO_NODE;
    for (uint32_t i = frames->length; i-- > 0;) {
        uint32_t frame = 0;
        int status = get_frame(r, &r->pickle.items[frames->start + i], &frame);
        if (status == CTM_OK) {
            status = check(r, ctm_builder_node(r->builder, *node, frame, node));
        }
        if (status != CTM_OK) {
            return status;
        }
    }
    return CTM_OK;
}

static int get_frames(struct reader *r, const struct ctm_pickle_value *value, uint32_t *node)
{
    if (value->kind != CTM_PICKLE_TUPLE) {
        return fail_trace(r, "frames must be a tuple", value);
    }
    if (r->stacks[value->node] != 0) {
        *node = r->stacks[value->node] - 1;
        return CTM_OK;
    }
    int status = add_frames(r, &r->pickle.nodes[value->node], node);
    /* The id of no node is one that does not fit: the empty tuple is made each time. */
    if (status == CTM_OK && *node != CTM_NO_NODE) {
        r->stacks[value->node] = *node + 1;
    }
    return status;
}

static int get_total(struct reader *r, const struct ctm_pickle_value *value, uint32_t *total)
{
    *total = CTM_TOTAL_UNKNOWN;
    if (value == NULL || value->kind == CTM_PICKLE_NONE) {
        return CTM_OK;
    }
    uint64_t number = 0;
    int status =
        get_number(r, value, UINT32_MAX - 1, "total_nframe must be None or 32 bits", &number);
    *total = (uint32_t)number;
    return status;
}

/*
 * (domain, size, frames, total_nframe); Python before 3.9 had no total_nframe, before 3.6 no
 * domain.
 */
static int add_trace(struct reader *r, const struct ctm_pickle_value *value)
{
    if (value->kind != CTM_PICKLE_TUPLE) {
        return fail_trace(r, "a trace must be a tuple", value);
    }
    struct ctm_pickle_node node = r->pickle.nodes[value->node];
    if (node.length < 2 || node.length > 4) {
        return fail_length(r, "a trace must have 2 to 4 items", value);
    }
    const struct ctm_pickle_value *items = &r->pickle.items[node.start];
    const struct ctm_pickle_value *domain = node.length > 2 ? items++ : NULL;
    struct ctm_row row = {.count = 1};
    struct ctm_stack stack = {.node = CTM_NO_NODE};
    uint64_t number = 0;
    int status = CTM_OK;
    if (domain != NULL) {
        status = get_number(r, domain, UINT32_MAX, "a domain must be an int of 32 bits", &number);
        row.domain = (uint32_t)number;
    }
    if (status == CTM_OK) {
        status = get_number(r, &items[0], INT64_MAX, "a size must be an int of 63 bits", &row.size);
    }
    if (status == CTM_OK) {
        status = get_frames(r, &items[1], &stack.node);
    }
    if (status == CTM_OK) {
        status = get_total(r, node.length == 4 ? &items[2] : NULL, &stack.total_nframe);
    }
    if (status == CTM_OK) {
        status = check(r, ctm_builder_stack(r->builder, stack, &row.stack));
    }
    return status == CTM_OK ? check(r, ctm_builder_row(r->builder, row)) : status;
}

static int add_traces(struct reader *r, const struct ctm_pickle_value *list)
{
    if (list == NULL || (list->kind != CTM_PICKLE_LIST && list->kind != CTM_PICKLE_TUPLE)) {
        return fail(r, "it has no list of traces");
    }
    size_t count = r->pickle.node_count;
    r->frames = calloc(count, sizeof *r->frames);
    r->stacks = calloc(count, sizeof *r->stacks);
    if (r->frames == NULL || r->stacks == NULL) {
        return check(r, CTM_ENOMEM);
    }
    struct ctm_pickle_walk walk = ctm_pickle_walk(&r->pickle, list->node);
    const struct ctm_pickle_value *trace;
    int status = CTM_OK;
    while (status == CTM_OK && (trace = ctm_pickle_next(&walk)) != NULL) {
        status = add_trace(r, trace);
        r->index++;
    }
    return status;
}

/* ---- attributes ---- */

/* The attributes of an object of this class; NULL if it is none, or has none. */
static const struct ctm_pickle_value *get_state(const struct ctm_pickle *pickle,
                                                const struct ctm_pickle_value *object,
                                                enum ctm_pickle_class class)
{
    if (object == NULL || object->kind != CTM_PICKLE_OBJECT || object->class != class) {
        return NULL;
    }
    const struct ctm_pickle_value *state = &pickle->items[pickle->nodes[object->node].start];
    return state->kind == CTM_PICKLE_DICT ? state : NULL;
}

/* The value of a key, NULL if there is none. Of equal keys the last one counts. */
static const struct ctm_pickle_value *find(const struct ctm_pickle *pickle,
                                           const struct ctm_pickle_value *dict, const char *key)
{
    const struct ctm_pickle_value *found = NULL;
    struct ctm_pickle_walk walk = ctm_pickle_walk(pickle, dict->node);
    const struct ctm_pickle_value *name;
    while ((name = ctm_pickle_next(&walk)) != NULL) {
        const struct ctm_pickle_value *value = ctm_pickle_next(&walk);
        found = ctm_pickle_is_text(name, key) ? value : found;
    }
    return found;
}

/* At most CTM_PLAIN_DEPTH deep. NOLINTBEGIN(misc-no-recursion) */

static int put_value(struct reader *r, struct ctm_buffer *out, const struct ctm_pickle_value *value,
                     unsigned depth);

static int put_items(struct reader *r, struct ctm_buffer *out, uint32_t node, unsigned depth)
{
    struct ctm_pickle_walk walk = ctm_pickle_walk(&r->pickle, node);
    const struct ctm_pickle_value *item;
    int status = CTM_OK;
    while (status == CTM_OK && (item = ctm_pickle_next(&walk)) != NULL) {
        status = put_value(r, out, item, depth);
    }
    return status;
}

static int put_container(struct reader *r, struct ctm_buffer *out,
                         const struct ctm_pickle_value *value, unsigned depth)
{
    if (depth == CTM_PLAIN_DEPTH) {
        return fail_attribute(r, "is nested too deep");
    }
    uint64_t count = ctm_pickle_count(&r->pickle, value->node);
    if (value->kind == CTM_PICKLE_LIST) {
        ctm_plain_put_list(out, count);
    } else if (value->kind == CTM_PICKLE_TUPLE) {
        ctm_plain_put_tuple(out, count);
    } else {
        ctm_plain_put_dict(out, count / 2);
    }
    return put_items(r, out, value->node, depth + 1);
}

static int put_value(struct reader *r, struct ctm_buffer *out, const struct ctm_pickle_value *value,
                     unsigned depth)
{
    if (out->length > r->most) {
        return ctm_file_fail(r->error, CTM_ELIMIT, 0,
                             "the attributes take more than the limit of %" PRIu64 " bytes",
                             r->most);
    }
    switch ((enum ctm_pickle_kind)value->kind) {
    case CTM_PICKLE_NONE:
        ctm_plain_put_none(out);
        return CTM_OK;
    case CTM_PICKLE_BOOL:
        ctm_plain_put_bool(out, value->number != 0);
        return CTM_OK;
    case CTM_PICKLE_INT:
        ctm_plain_put_int64(out, value->number);
        return CTM_OK;
    case CTM_PICKLE_LONG_INT:
        ctm_plain_put_int(out, value->bytes, value->length);
        return CTM_OK;
    case CTM_PICKLE_FLOAT:
        ctm_plain_put_float(out, value->real);
        return CTM_OK;
    case CTM_PICKLE_TEXT:
        ctm_plain_put_text(out, (const char *)value->bytes, value->length);
        return CTM_OK;
    case CTM_PICKLE_BYTES:
        ctm_plain_put_bytes(out, value->bytes, value->length);
        return CTM_OK;
    case CTM_PICKLE_LIST:
    case CTM_PICKLE_TUPLE:
    case CTM_PICKLE_DICT:
        return put_container(r, out, value, depth);
    case CTM_PICKLE_CLASS:
    case CTM_PICKLE_OBJECT:
        break;
    }
    return fail_attribute(r, "is not plain data");
}

/* NOLINTEND(misc-no-recursion) */

/* Whether the snapshot's info has room for a traceback_limit. */
static bool is_limit(const struct ctm_pickle_value *value)
{
    return value->kind == CTM_PICKLE_INT && value->number >= 0 && value->number <= UINT32_MAX;
}

/* Whether a snapshot's attribute is the user's, or one of ours that has no place elsewhere. */
static bool is_extra(const struct ctm_pickle_value *name, const struct ctm_pickle_value *value)
{
    return !ctm_pickle_is_text(name, "traces") &&
           !(ctm_pickle_is_text(name, "traceback_limit") && is_limit(value));
}

static int put_extra(struct reader *r, const struct ctm_pickle_value *name,
                     const struct ctm_pickle_value *value, struct ctm_buffer *out)
{
    if (name->kind != CTM_PICKLE_TEXT) {
        return fail(r, "the name of an attribute is not a str");
    }
    r->attribute = name;
    ctm_plain_put_text(out, (const char *)name->bytes, name->length);
    size_t start = out->length;
    int status = put_value(r, out, value, 1);
    size_t offset;
    if (status == CTM_OK && out->error == CTM_OK &&
        ctm_plain_check(out->bytes + start, out->length - start, &offset) != NULL) {
        return fail_attribute(r, "has a key that is not hashable");
    }
    return status;
}

static int put_extras(struct reader *r, const struct ctm_pickle_value *state,
                      struct ctm_buffer *out)
{
    struct ctm_pickle_walk walk = ctm_pickle_walk(&r->pickle, state->node);
    const struct ctm_pickle_value *name;
    uint64_t count = 0;
    while ((name = ctm_pickle_next(&walk)) != NULL) {
        count += is_extra(name, ctm_pickle_next(&walk));
    }
    ctm_plain_put_dict(out, count);
    walk = ctm_pickle_walk(&r->pickle, state->node);
    int status = CTM_OK;
    while (status == CTM_OK && (name = ctm_pickle_next(&walk)) != NULL) {
        const struct ctm_pickle_value *value = ctm_pickle_next(&walk);
        if (is_extra(name, value)) {
            status = put_extra(r, name, value, out);
        }
    }
    return status == CTM_OK ? check(r, out->error) : status;
}

/* ---- the whole ---- */

static int read_snapshot(struct reader *r, struct ctm_snapshot **out, struct ctm_buffer *attributes)
{
    const struct ctm_pickle *pickle = &r->pickle;
    const struct ctm_pickle_value *state = get_state(pickle, &pickle->root, CTM_PICKLE_SNAPSHOT);
    if (state == NULL) {
        return fail(r, "it is something else");
    }
    const struct ctm_pickle_value *traces =
        get_state(pickle, find(pickle, state, "traces"), CTM_PICKLE_TRACES);
    if (traces == NULL) {
        return fail(r, "it has no traces");
    }
    const struct ctm_pickle_value *limit = find(pickle, state, "traceback_limit");
    if (limit == NULL) {
        return fail(r, "it has no traceback_limit");
    }
    struct ctm_info info = {.nframe = is_limit(limit) ? (uint32_t)limit->number : 0};
    int status = check(r, ctm_builder_new(&r->builder));
    if (status == CTM_OK) {
        status = add_traces(r, find(pickle, traces, "_traces"));
    }
    if (status == CTM_OK) {
        status = put_extras(r, state, attributes);
    }
    if (status == CTM_OK) {
        status = check(r, ctm_builder_finish(r->builder, &info, out));
        r->builder = NULL;
    }
    return status;
}

bool ctm_pickle_is_one(const uint8_t *bytes, size_t length)
{
    return length >= 2 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5;
}

int ctm_pickle_read(const uint8_t *bytes, size_t length, struct ctm_limits limits,
                    struct ctm_snapshot **out, struct ctm_metadata *metadata,
                    struct ctm_file_error *error)
{
    struct ctm_buffer attributes = {.length = 0};
    struct reader r = {.most = ctm_limits_raw(&limits, length), .error = error};
    if (!ctm_pickle_is_one(bytes, length)) {
        return ctm_file_fail(error, CTM_EFORMAT, 0, "not a pickle of protocol 2 to 5");
    }
    /* Indices of values are of 32 bits. */
    if (length > limits.file_length || length > UINT32_MAX) {
        return ctm_file_fail(error, CTM_ELIMIT, 0,
                             "the pickle has %zu bytes, more than the limit of %" PRIu64, length,
                             limits.file_length);
    }
    int status = ctm_pickle_parse(bytes, length, &r.pickle, error);
    if (status == CTM_OK) {
        status = read_snapshot(&r, out, &attributes);
    }
    ctm_builder_free(r.builder);
    free(r.frames);
    free(r.stacks);
    ctm_pickle_free(&r.pickle);
    if (status == CTM_OK) {
        *metadata = (struct ctm_metadata){.attributes = attributes};
    } else {
        ctm_buffer_free(&attributes);
    }
    return status;
}
