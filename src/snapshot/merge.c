#include "snapshot/merge.h"

#include <stdlib.h>
#include <string.h>

#include "snapshot/array.h"

/* Ids of one snapshot's tables in the builder's. */
struct mapping {
    const struct ctm_tables *tables;
    struct ctm_builder *builder;
    uint32_t *strings; /* UNSEEN: not asked for yet */
    uint32_t *frames;
    uint32_t *nodes; /* before they are mapped: 0 where no row needs the node */
    uint32_t *stacks;
};

#define UNSEEN UINT32_MAX

static uint32_t *new_ids(uint32_t count, int byte)
{
    uint32_t *ids = ctm_array_new(count, sizeof *ids);
    if (ids != NULL) {
        memset(ids, byte, count * sizeof *ids);
    }
    return ids;
}

static int mapping_init(struct mapping *m, const struct ctm_tables *tables,
                        struct ctm_builder *builder)
{
    m->tables = tables;
    m->builder = builder;
    m->strings = new_ids(tables->string_count, 0xff);
    m->frames = new_ids(tables->frame_count, 0xff);
    m->nodes = new_ids(tables->node_count, 0);
    m->stacks = new_ids(tables->stack_count, 0xff);
    bool complete =
        m->strings != NULL && m->frames != NULL && m->nodes != NULL && m->stacks != NULL;
    return complete ? CTM_OK : CTM_ENOMEM;
}

static void mapping_deinit(struct mapping *m)
{
    free(m->strings);
    free(m->frames);
    free(m->nodes);
    free(m->stacks);
}

static int map_string(struct mapping *m, uint32_t string, uint32_t *id)
{
    uint32_t *known = &m->strings[string];
    if (*known == UNSEEN) {
        struct ctm_string text = m->tables->strings[string];
        int status = ctm_builder_string(m->builder, text.bytes, text.length, known);
        if (status != CTM_OK) {
            return status;
        }
    }
    *id = *known;
    return CTM_OK;
}

static int map_frame(struct mapping *m, uint32_t frame, uint32_t *id)
{
    uint32_t *known = &m->frames[frame];
    if (*known == UNSEEN) {
        struct ctm_frame mapped = m->tables->frames[frame];
        int status = map_string(m, mapped.file, &mapped.file);
        if (status == CTM_OK) {
            status = map_string(m, mapped.name, &mapped.name);
        }
        if (status == CTM_OK) {
            status = ctm_builder_frame(m->builder, mapped, known);
        }
        if (status != CTM_OK) {
            return status;
        }
    }
    *id = *known;
    return CTM_OK;
}

/* Callers come before their callees: marked from the end, mapped from the start. */
static int map_nodes(struct mapping *m, const struct ctm_snapshot *s)
{
    const struct ctm_tables *t = m->tables;
    for (size_t i = 0; i < s->row_count; i++) {
        uint32_t node = t->stacks[s->rows[i].stack].node;
        if (node != CTM_NO_NODE) {
            m->nodes[node] = 1;
        }
    }
    for (size_t i = t->node_count; i-- > 0;) {
        if (m->nodes[i] != 0 && t->nodes[i].parent != CTM_NO_NODE) {
            m->nodes[t->nodes[i].parent] = 1;
        }
    }
    for (size_t i = 0; i < t->node_count; i++) {
        if (m->nodes[i] == 0) {
            continue;
        }
        uint32_t parent = t->nodes[i].parent;
        uint32_t frame;
        int status = map_frame(m, t->nodes[i].frame, &frame);
        if (status == CTM_OK) {
            status =
                ctm_builder_node(m->builder, parent == CTM_NO_NODE ? CTM_NO_NODE : m->nodes[parent],
                                 frame, &m->nodes[i]);
        }
        if (status != CTM_OK) {
            return status;
        }
    }
    return CTM_OK;
}

static int map_stack(struct mapping *m, uint32_t stack, uint32_t *id)
{
    uint32_t *known = &m->stacks[stack];
    if (*known == UNSEEN) {
        struct ctm_stack mapped = m->tables->stacks[stack];
        if (mapped.node != CTM_NO_NODE) {
            mapped.node = m->nodes[mapped.node];
        }
        int status = ctm_builder_stack(m->builder, mapped, known);
        if (status != CTM_OK) {
            return status;
        }
    }
    *id = *known;
    return CTM_OK;
}

static int add_snapshot(struct ctm_builder *builder, const struct ctm_snapshot *s)
{
    struct mapping m;
    int status = mapping_init(&m, s->tables, builder);
    if (status == CTM_OK) {
        status = map_nodes(&m, s);
    }
    for (size_t i = 0; status == CTM_OK && i < s->row_count; i++) {
        struct ctm_row row = s->rows[i];
        status = map_stack(&m, row.stack, &row.stack);
        if (status == CTM_OK) {
            status = ctm_builder_row(builder, row);
        }
    }
    mapping_deinit(&m);
    return status;
}

/* ---- what is said of the moment ---- */

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static bool add(uint64_t *sum, uint64_t more)
{
    return __builtin_add_overflow(*sum, more, sum);
}

static int merge_info(struct ctm_snapshot *const *snapshots, size_t count, struct ctm_info *out)
{
    bool current_known = true;
    bool peak_known = true;
    *out = snapshots[0]->info;
    for (size_t i = 0; i < count; i++) {
        const struct ctm_info *info = &snapshots[i]->info;
        bool traces = snapshots[i]->trace_count != 0;
        if (info->kind != out->kind) {
            return CTM_EINVAL;
        }
        current_known &= !traces || info->current_blocks != 0;
        peak_known &= !traces || info->peak_bytes != 0;
        if (i == 0) {
            continue;
        }
        if (add(&out->current_bytes, info->current_bytes) ||
            add(&out->current_blocks, info->current_blocks) ||
            add(&out->peak_bytes, info->peak_bytes) || add(&out->dropped, info->dropped) ||
            add(&out->lost, info->lost)) {
            return CTM_ELIMIT;
        }
        out->time_ns = larger(out->time_ns, info->time_ns);
        out->nframe = out->nframe > info->nframe ? out->nframe : info->nframe;
        out->pid = out->pid == info->pid ? out->pid : 0;
    }
    if (!current_known) {
        out->current_bytes = 0;
        out->current_blocks = 0;
    }
    if (!peak_known) {
        out->peak_bytes = 0;
    }
    return CTM_OK;
}

int ctm_merge(struct ctm_snapshot *const *snapshots, size_t count, struct ctm_snapshot **out)
{
    struct ctm_info info;
    struct ctm_builder *builder;
    if (count == 0) {
        return CTM_EINVAL;
    }
    int status = merge_info(snapshots, count, &info);
    if (status != CTM_OK) {
        return status;
    }
    status = ctm_builder_new(&builder);
    if (status != CTM_OK) {
        return status;
    }
    for (size_t i = 0; status == CTM_OK && i < count; i++) {
        status = add_snapshot(builder, snapshots[i]);
    }
    if (status == CTM_OK) {
        status = ctm_builder_merge_rows(builder);
    }
    if (status != CTM_OK) {
        ctm_builder_free(builder);
        return status;
    }
    return ctm_builder_finish(builder, &info, out);
}
