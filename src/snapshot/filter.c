#include "snapshot/filter.h"

#include <stdlib.h>
#include <string.h>

#include "snapshot/array.h"
#include "snapshot/store.h"

/* What a frame, a node, a stack or a whole domain says of a trace. */
enum verdict {
    INCLUDE_NEWEST = 1, /* an inclusive filter wants a trace of which this is the newest frame */
    EXCLUDE_NEWEST = 2,
    INCLUDE_ANY = 4, /* an inclusive filter wants a trace in which this is any frame */
    EXCLUDE_ANY = 8,
    INCLUDE = INCLUDE_NEWEST | INCLUDE_ANY,
    EXCLUDE = EXCLUDE_NEWEST | EXCLUDE_ANY,
    ANY = INCLUDE_ANY | EXCLUDE_ANY,
};

/*
 * The filters are gone through once for each domain that some filter names, and once for all other
 * domains: within such a class a filter's domain either fits all rows or none.
 */
struct work {
    const struct ctm_snapshot *s;
    const struct ctm_filter *filters;
    size_t filter_count;
    bool any_inclusive;
    uint32_t *domains; /* named by filters, each once */
    size_t domain_count;
    uint8_t *frames; /* verdicts by frame id, in the class at hand */
    uint8_t *nodes;
    uint8_t *stacks;
    uint8_t *keep; /* by row: nonzero stays */
};

static bool names_domain(const struct work *w, uint32_t domain)
{
    for (size_t i = 0; i < w->domain_count; i++) {
        if (w->domains[i] == domain) {
            return true;
        }
    }
    return false;
}

static int work_init(struct work *w, const struct ctm_snapshot *s, const struct ctm_filter *filters,
                     size_t filter_count)
{
    memset(w, 0, sizeof *w);
    w->s = s;
    w->filters = filters;
    w->filter_count = filter_count;
    w->domains = ctm_array_new(filter_count, sizeof *w->domains);
    w->frames = ctm_array_new(s->tables->frame_count, 1);
    w->nodes = ctm_array_new(s->tables->node_count, 1);
    w->stacks = ctm_array_new(s->tables->stack_count, 1);
    w->keep = ctm_array_zeroed(s->row_count, 1);
    if (w->domains == NULL || w->frames == NULL || w->nodes == NULL || w->stacks == NULL ||
        w->keep == NULL) {
        return CTM_ENOMEM;
    }
    for (size_t i = 0; i < filter_count; i++) {
        const struct ctm_filter *filter = &filters[i];
        w->any_inclusive |= filter->inclusive;
        if (!filter->any_domain && filter->domain <= UINT32_MAX &&
            !names_domain(w, (uint32_t)filter->domain)) {
            w->domains[w->domain_count++] = (uint32_t)filter->domain;
        }
    }
    return CTM_OK;
}

static void work_deinit(struct work *w)
{
    free(w->domains);
    free(w->frames);
    free(w->nodes);
    free(w->stacks);
    free(w->keep);
}

static void judge_frames(const struct work *w, const struct ctm_filter *filter)
{
    const struct ctm_tables *t = w->s->tables;
    enum verdict verdict = filter->all_frames
                               ? (filter->inclusive ? INCLUDE_ANY : EXCLUDE_ANY)
                               : (filter->inclusive ? INCLUDE_NEWEST : EXCLUDE_NEWEST);
    for (size_t i = 0; i < t->frame_count; i++) {
        struct ctm_frame frame = t->frames[i];
        if (filter->file_matches[frame.file] != 0 &&
            (filter->name_matches == NULL || filter->name_matches[frame.name] != 0) &&
            (filter->any_line || filter->line == frame.line)) {
            w->frames[i] |= (uint8_t)verdict;
        }
    }
}

/* From frames to stacks, by way of the tree: callers come before their callees. */
static void judge_stacks(const struct work *w, uint8_t whole_domain)
{
    const struct ctm_tables *t = w->s->tables;
    for (size_t i = 0; i < t->node_count; i++) {
        struct ctm_node node = t->nodes[i];
        uint8_t callers = node.parent == CTM_NO_NODE ? 0 : w->nodes[node.parent] & ANY;
        w->nodes[i] = w->frames[node.frame] | callers;
    }
    for (size_t i = 0; i < t->stack_count; i++) {
        uint32_t node = t->stacks[i].node;
        w->stacks[i] = whole_domain | (node == CTM_NO_NODE ? 0 : w->nodes[node]);
    }
}

/* `named`: the class is `domain` alone. Otherwise it is every domain that no filter names. */
static void judge_class(const struct work *w, bool named, uint32_t domain)
{
    uint8_t whole_domain = 0;
    memset(w->frames, 0, w->s->tables->frame_count);
    for (size_t i = 0; i < w->filter_count; i++) {
        const struct ctm_filter *filter = &w->filters[i];
        if (!filter->any_domain && (!named || filter->domain != domain)) {
            continue;
        }
        if (filter->file_matches != NULL) {
            judge_frames(w, filter);
        } else {
            whole_domain |= filter->inclusive ? INCLUDE : EXCLUDE;
        }
    }
    judge_stacks(w, whole_domain);
    for (size_t i = 0; i < w->s->row_count; i++) {
        const struct ctm_row *row = &w->s->rows[i];
        if (named ? row->domain == domain : !names_domain(w, row->domain)) {
            uint8_t verdict = w->stacks[row->stack];
            bool included = !w->any_inclusive || (verdict & INCLUDE) != 0;
            w->keep[i] = included && (verdict & EXCLUDE) == 0;
        }
    }
}

static int take_kept(const struct work *w, struct ctm_snapshot **out)
{
    const struct ctm_snapshot *s = w->s;
    size_t count = 0;
    for (size_t i = 0; i < s->row_count; i++) {
        count += w->keep[i];
    }
    struct ctm_row *rows = ctm_array_new(count, sizeof *rows);
    if (rows == NULL) {
        return CTM_ENOMEM;
    }
    uint64_t trace_count = 0;
    size_t filled = 0;
    for (size_t i = 0; i < s->row_count; i++) {
        if (w->keep[i] != 0) {
            trace_count += s->rows[i].count;
            rows[filled++] = s->rows[i];
        }
    }
    return ctm_snapshot_adopt(ctm_store_ref(ctm_store_of(s)), rows, count, trace_count, &s->info,
                              out);
}

int ctm_filter(struct ctm_snapshot *s, const struct ctm_filter *filters, size_t filter_count,
               struct ctm_snapshot **out)
{
    struct work w;
    int status = work_init(&w, s, filters, filter_count);
    if (status == CTM_OK) {
        judge_class(&w, false, 0);
        for (size_t i = 0; i < w.domain_count; i++) {
            judge_class(&w, true, w.domains[i]);
        }
        status = take_kept(&w, out);
    }
    work_deinit(&w);
    return status;
}
