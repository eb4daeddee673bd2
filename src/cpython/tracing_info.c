#include "cpython/hook_chain.h"
#include "cpython/hooks_state.h"
#include "engine/check.h"
#include "snapshot/take.h"

enum { TOTAL_NFRAME_LIMIT = UINT16_MAX };

void ctm_hooks_reset_peak(void)
{
    enum ctm_pass pass = ctm_hooks_enter();
    if (ctm_hooks.tracer.tracing) {
        ctm_sites_new_peak(&ctm_hooks.tracer.sites);
    }
    ctm_gate_leave(&ctm_hooks.gate, pass);
}

void ctm_hooks_reset_churn(void)
{
    enum ctm_pass pass = ctm_hooks_enter();
    if (ctm_hooks.tracer.tracing) {
        ctm_tracer_reset_churn(&ctm_hooks.tracer);
    }
    ctm_gate_leave(&ctm_hooks.gate, pass);
}

struct ctm_memory ctm_hooks_memory(void)
{
    enum ctm_pass pass = ctm_hooks_enter();
    struct ctm_memory memory = {ctm_sites_current_bytes(&ctm_hooks.tracer.sites),
                                ctm_hooks.tracer.sites.peak_bytes};
    ctm_gate_leave(&ctm_hooks.gate, pass);
    return memory;
}

size_t ctm_hooks_tracer_memory(void)
{
    enum ctm_pass pass = ctm_hooks_enter();
    size_t bytes = 0;
    if (ctm_hooks.tracer.tracing) {
        bytes = ctm_pages_resident(&ctm_hooks.tracer.pages) +
                ctm_pages_resident(&ctm_hooks.walker_pages);
    }
    ctm_gate_leave(&ctm_hooks.gate, pass);
    return bytes;
}

uint64_t ctm_hooks_dropped(void)
{
    enum ctm_pass pass = ctm_hooks_enter();
    uint64_t dropped = ctm_hooks.tracer.dropped;
    ctm_gate_leave(&ctm_hooks.gate, pass);
    return dropped;
}

uint64_t ctm_hooks_lost(void)
{
    enum ctm_pass pass = ctm_hooks_enter();
    uint64_t lost = ctm_hooks.tracer.lost;
    ctm_gate_leave(&ctm_hooks.gate, pass);
    return lost;
}

struct ctm_hooks_info ctm_hooks_info(void)
{
    struct ctm_hooks_info info = {.ref_tracer = CTM_HAVE_REF_TRACER && ctm_chain_has_ref_tracer()};
    for (int domain = 0; domain < CTM_DOMAINS; domain++) {
        info.domains[domain] = ctm_chain_place(domain);
    }
    return info;
}

struct ctm_tables_info ctm_hooks_tables_info(void)
{
    struct ctm_tables_info info = {.folded_exact = true};
    enum ctm_pass pass = ctm_hooks_enter();
    const struct ctm_tracer *tracer = &ctm_hooks.tracer;
    if (tracer->tracing) {
        info = (struct ctm_tables_info){
            .sites = tracer->sites.length,
            .nodes = tracer->stacks.node_index.used,
            .frames = tracer->stacks.frame_index.used,
            .names = tracer->names.index.used,
            .reclaims = tracer->reclaim.cycles,
            .folded_lines = tracer->folded.lines,
            .folded_files = tracer->folded.files,
            .folded_exact = tracer->folded.exact,
        };
    }
    ctm_gate_leave(&ctm_hooks.gate, pass);
    return info;
}

static struct ctm_take_options take_options(void)
{
    return (struct ctm_take_options){.nframe = ctm_hooks.options.nframe,
                                     .total_nframe = ctm_hooks.options.total_nframe,
                                     .total_limit = TOTAL_NFRAME_LIMIT};
}

int ctm_hooks_snapshot(enum ctm_kind kind, struct ctm_snapshot **out)
{
    struct ctm_take_options options = take_options();
    struct ctm_moment *moment = NULL;
    enum ctm_pass pass = ctm_hooks_enter();
    int error = CTM_EINVAL;
    if (ctm_hooks.tracer.tracing) {
        error = kind == CTM_KIND_LIVE ? ctm_take_moment(&ctm_hooks.tracer, &options, &moment)
                                      : ctm_take_totals(&ctm_hooks.tracer, &options, kind, out);
    }
    ctm_gate_leave(&ctm_hooks.gate, pass);
    if (moment != NULL) {
        /* The moment is over: other threads need not wait for the rest. */
        Py_BEGIN_ALLOW_THREADS
        error = ctm_moment_snapshot(moment, out);
        Py_END_ALLOW_THREADS
    }
    return error;
}

int ctm_hooks_block(uint32_t domain, uintptr_t address, struct ctm_snapshot **out)
{
    struct ctm_take_options options = take_options();
    enum ctm_pass pass = ctm_hooks_enter();
    int error = ctm_hooks.tracer.tracing
                    ? ctm_take_block(&ctm_hooks.tracer, &options, domain, address, out)
                    : CTM_EINVAL;
    ctm_gate_leave(&ctm_hooks.gate, pass);
    return error;
}

/* The mappings on record, and that of the record. Returns how many. */
static size_t copy_mappings(const struct ctm_pages *pages, struct ctm_mapping *copy)
{
    for (size_t i = 0; i < pages->length; i++) {
        copy[i] = pages->mappings[i];
    }
    if (pages->mappings == NULL) {
        return 0;
    }
    copy[pages->length] =
        (struct ctm_mapping){pages->mappings, pages->capacity * sizeof *pages->mappings};
    return pages->length + 1;
}

int ctm_hooks_mappings(struct ctm_mapping **items, size_t *length)
{
    const struct ctm_pages *tables = &ctm_hooks.tracer.pages;
    const struct ctm_pages *walkers = &ctm_hooks.walker_pages;
    enum ctm_pass pass = ctm_hooks_enter();
    struct ctm_mapping *copy = malloc((tables->length + walkers->length + 2) * sizeof *copy);
    *length = 0;
    if (copy != NULL) {
        *length = copy_mappings(tables, copy);
        *length += copy_mappings(walkers, copy + *length);
    }
    ctm_gate_leave(&ctm_hooks.gate, pass);
    *items = copy;
    return copy == NULL ? CTM_ENOMEM : CTM_OK;
}

#ifdef CTM_DEBUG
const char *ctm_hooks_check(void)
{
    enum ctm_pass pass = ctm_hooks_enter();
    const char *broken = ctm_tracer_check(&ctm_hooks.tracer);
    ctm_gate_leave(&ctm_hooks.gate, pass);
    return broken;
}
#endif
