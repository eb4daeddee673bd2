/*
 * The allocator hooks, and the one tracer of the process.
 *
 * Our functions wrap the allocators of CPython's three domains. They are static, one set for each
 * domain, and registered with the very ctx of the allocator that is wrapped, so that a reader who
 * sees one half of a PyMemAllocatorEx from before and one from after still calls valid code with a
 * valid ctx: ours take any. What is wrapped is published before our functions are, and never freed
 * or changed.
 *
 * All functions here are called with the GIL held, unless they say otherwise.
 */
#ifndef CTM_CPYTHON_HOOKS_H
#define CTM_CPYTHON_HOOKS_H

#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/pages.h"
#include "engine/folded.h"
#include "snapshot/snapshot.h"

struct ctm_start_options {
    uint32_t nframe; /* 1 to 65535 */
    bool total_nframe;
    bool follow_reuse;    /* where the interpreter has PyRefTracer */
    uint32_t churn_lines; /* 0 to CTM_FOLDED_LINES_LARGEST: see engine/folded.h */
};

#define CTM_START_DEFAULTS                                                                         \
    {                                                                                              \
        .nframe = 1, .total_nframe = true, .follow_reuse = true, .churn_lines = CTM_FOLDED_LINES   \
    }

/* How much the tracer's tables hold, and what they gave back. All 0 while memory is not traced. */
struct ctm_tables_info {
    uint32_t sites; /* places for them: some may be free */
    uint32_t nodes;
    uint32_t frames;
    uint32_t names;
    uint64_t reclaims;
    uint32_t folded_lines;
    uint32_t folded_files;
    bool folded_exact;
};

struct ctm_memory {
    uint64_t current;
    uint64_t peak;
};

/* For whoever asks what is in place. */
enum ctm_hook_place { CTM_HOOK_ABSENT, CTM_HOOK_ON_TOP, CTM_HOOK_BELOW };

struct ctm_hooks_info {
    enum ctm_hook_place domains[3]; /* raw, mem, obj */
    bool ref_tracer;
};

/* Once in the life of the process, before anything else here. 0, or -1 with an exception. */
int ctm_hooks_init(void);

/* Start to trace. Already tracing: nothing changes. 0, or -1 with an exception. */
int ctm_hooks_start(const struct ctm_start_options *options);
/* Stop and forget all traces. Not tracing: nothing. */
void ctm_hooks_stop(void);
bool ctm_hooks_tracing(void);
/*
 * Between the two, which may be nested, blocks that this thread allocates have no trace; those that
 * it frees or moves lose theirs, and those that it takes from free lists keep it as it is. What
 * other threads do is traced.
 */
void ctm_hooks_begin_overlooking(void);
void ctm_hooks_end_overlooking(void);
/* Whether a block is the last that was overlooked so. */
bool ctm_hooks_overlooked_last(uintptr_t block);
/* Whether a block of domain 0 has a trace. */
bool ctm_hooks_has_trace(uintptr_t block);
/* The options of the last start. */
struct ctm_start_options ctm_hooks_options(void);

/*
 * Find out whether somebody took our hooks away, and if so warn, throw the traces away and set the
 * hooks anew. To be called at the begin of what reads traces. 0, or -1 if the warning became an
 * exception.
 */
int ctm_hooks_restore(void);

/* 0, or -1 with an exception (MemoryError: tracing has stopped). */
int ctm_hooks_clear_traces(void);
void ctm_hooks_reset_peak(void);
void ctm_hooks_reset_churn(void);
struct ctm_memory ctm_hooks_memory(void);
/* Resident bytes of the tracer's own mappings. */
size_t ctm_hooks_tracer_memory(void);
uint64_t ctm_hooks_dropped(void);
uint64_t ctm_hooks_lost(void);
struct ctm_hooks_info ctm_hooks_info(void);
struct ctm_tables_info ctm_hooks_tables_info(void);

/*
 * A block that no allocator of Python's handed out is live, or gone. By any thread, with the GIL or
 * without. 0; -1: no memory for the trace; -2: memory is not traced.
 */
int ctm_hooks_track(unsigned int domain, uintptr_t address, size_t size);
int ctm_hooks_untrack(unsigned int domain, uintptr_t address);

/* The caller owns *out. 0 or CTM_E...; no exception is set. The GIL is released once all is known
 * of the moment. */
CTM_MUST_CHECK int ctm_hooks_snapshot(enum ctm_kind kind, struct ctm_snapshot **out);
CTM_MUST_CHECK int ctm_hooks_block(uint32_t domain, uintptr_t address, struct ctm_snapshot **out);

/* The tracer's mappings, copied: the caller frees *items. CTM_ENOMEM. */
CTM_MUST_CHECK int ctm_hooks_mappings(struct ctm_mapping **items, size_t *length);

#ifdef CTM_DEBUG
/* Walk all invariants of the tracer: NULL, or which one does not hold. */
const char *ctm_hooks_check(void);
#endif

#endif
