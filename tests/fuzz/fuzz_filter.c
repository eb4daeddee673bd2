/*
 * Traces and filters made of any bytes: what the filter keeps against what the plain model says.
 *
 * Patterns are not matched here: whether a name matches is the model's, as it is Python's fnmatch
 * that the extension asks.
 */
#include "fuzz.h"
#include "model.h"

/* Bytes in their order; zeros where there are no more. */
struct input {
    const uint8_t *bytes;
    size_t length;
};

static uint32_t below(struct input *in, uint32_t limit)
{
    if (in->length == 0) {
        return 0;
    }
    in->length--;
    return *in->bytes++ % limit;
}

static void make_trace(struct input *in, struct model_trace *trace)
{
    static const uint32_t domains[] = {0, 1, 389047, UINT32_MAX};

    trace->domain = domains[below(in, 4)];
    trace->size = below(in, 256);
    trace->count = 1 + below(in, 3);
    trace->total_nframe = CTM_TOTAL_UNKNOWN;
    trace->traceback.length = below(in, MODEL_DEPTH + 1);
    for (size_t i = 0; i < trace->traceback.length; i++) {
        struct model_frame *frame = &trace->traceback.frames[i];
        frame->file = model_file(below(in, MODEL_FILES));
        frame->line = below(in, 5) == 4 ? UINT32_MAX : below(in, 4);
        trace->names[i] = below(in, 2) == 0 ? "" : "f";
    }
}

static void make_filter(struct input *in, struct model_filter *filter)
{
    static const uint64_t domains[] = {0, 1, 389047, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX};
    uint32_t flags = below(in, 32);
    uint32_t files = below(in, 256) | below(in, 256) << 8;

    filter->inclusive = flags & 1;
    filter->any_file = flags & 2;
    filter->any_line = flags & 4;
    filter->all_frames = flags & 8;
    filter->any_domain = flags & 16;
    for (size_t i = 0; i < MODEL_FILES; i++) {
        filter->files[i] = files >> i & 1;
    }
    /* One bit is left of those for files. */
    filter->any_name = (files >> MODEL_FILES & 1) == 0;
    for (size_t i = 0; i < MODEL_NAMES; i++) {
        filter->names[i] = i % 2 != 0;
    }
    filter->line = below(in, 5) == 4 ? UINT64_C(1) << 32 : below(in, 4);
    filter->domain = domains[below(in, 6)];
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static struct model traces;
    struct model_filter filters[MODEL_FILTERS];
    struct input in = {.bytes = bytes, .length = length};
    size_t count = below(&in, MODEL_FILTERS + 1);
    bool merge = below(&in, 2) != 0;

    for (size_t i = 0; i < count; i++) {
        make_filter(&in, &filters[i]);
    }
    traces.length = 0;
    while (in.length != 0 && traces.length < MODEL_TRACES) {
        make_trace(&in, &traces.traces[traces.length++]);
    }
    struct ctm_snapshot *s = model_snapshot(&traces, merge);
    model_check_filter(s, filters, count);
    ctm_snapshot_unref(s);
    return 0;
}
