#include "cpython/hook_chain.h"

#include "cpython/compat.h"
#include "cpython/hooks_state.h"

static const PyMemAllocatorDomain domain_ids[CTM_DOMAINS] = {PYMEM_DOMAIN_RAW, PYMEM_DOMAIN_MEM,
                                                             PYMEM_DOMAIN_OBJ};

static bool is_ours(const PyMemAllocatorEx *allocator, int domain)
{
    return allocator->malloc == ctm_hook_functions[domain].malloc;
}

/* Whether our hooks of a domain are reached from its top. */
static bool is_reached(const PyMemAllocatorEx *top, int domain)
{
    /* A tool may serve small blocks from a cache of its own, or large ones: hardly both. */
    static const size_t sizes[] = {1, (size_t)1 << 20};
    struct ctm_thread_local *self = &ctm_thread_state;
    self->found = false;
    self->inside = true;
    self->probed = (uint8_t)(1 + domain);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && !self->found; i++) {
        top->free(top->ctx, top->malloc(top->ctx, sizes[i]));
    }
    self->probed = 0;
    self->inside = false;
    return self->found;
}

enum ctm_hook_place ctm_chain_place(int domain)
{
    PyMemAllocatorEx top;
    PyMem_GetAllocator(domain_ids[domain], &top);
    if (is_ours(&top, domain)) {
        return CTM_HOOK_ON_TOP;
    }
    if (ctm_inner(domain) == NULL) {
        return CTM_HOOK_ABSENT;
    }
    return is_reached(&top, domain) ? CTM_HOOK_BELOW : CTM_HOOK_ABSENT;
}

/* Put our functions on top of a domain where they are not reached. -1 with MemoryError. */
static int hook_domain(int domain)
{
    PyMemAllocatorEx top;
    PyMem_GetAllocator(domain_ids[domain], &top);
    const PyMemAllocatorEx *before = ctm_inner(domain);
    bool same = before != NULL && before->ctx == top.ctx && before->malloc == top.malloc &&
                before->calloc == top.calloc && before->realloc == top.realloc &&
                before->free == top.free;
    if (!same) {
        /* Not from Python's allocators, which are being changed; never freed, since a call may be
         * in flight: it is a few bytes for each change of allocators. */
        PyMemAllocatorEx *saved = malloc(sizeof *saved);
        if (saved == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        *saved = top;
        atomic_store_explicit(&ctm_wrapped[domain], saved, memory_order_release);
    }
    PyMemAllocatorEx ours = ctm_hook_functions[domain];
    ours.ctx = top.ctx;
    PyMem_SetAllocator(domain_ids[domain], &ours);
    return 0;
}

void ctm_chain_leave(void)
{
    for (int domain = 0; domain < CTM_DOMAINS; domain++) {
        PyMemAllocatorEx top;
        PyMem_GetAllocator(domain_ids[domain], &top);
        if (is_ours(&top, domain)) {
            PyMemAllocatorEx before = *ctm_inner(domain);
            PyMem_SetAllocator(domain_ids[domain], &before);
        }
    }
}

bool ctm_chain_has_ref_tracer(void)
{
    void *data;
    PyRefTracer tracer = PyRefTracer_GetTracer(&data);
    return tracer == ctm_ref_tracer || tracer == ctm_ref_tracer_before_next;
}

/* It is not there, and should be. */
static bool lacks_ref_tracer(void)
{
    return CTM_HAVE_REF_TRACER && ctm_hooks.options.follow_reuse && !ctm_chain_has_ref_tracer();
}

/* The record of a tracer that ours comes in front of. NULL with MemoryError. */
static const struct ctm_next_ref_tracer *next_record(PyRefTracer tracer, void *data)
{
    const struct ctm_next_ref_tracer *newest =
        atomic_load_explicit(&ctm_next_ref_tracers, memory_order_relaxed);
    for (const struct ctm_next_ref_tracer *next = newest; next != NULL; next = next->older) {
        if (next->tracer == tracer && next->data == data) {
            return next;
        }
    }
    /* Kept for ever, as the records of allocators are. */
    struct ctm_next_ref_tracer *next = malloc(sizeof *next);
    if (next == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    bool taken = ctm_next_of_registration(data) != NULL;
    *next = (struct ctm_next_ref_tracer){tracer, data, taken ? (void *)next : data, newest};
    atomic_store_explicit(&ctm_next_ref_tracers, next, memory_order_release);
    return next;
}

static int hook_references(void)
{
    void *data;
    PyRefTracer top = PyRefTracer_GetTracer(&data);
    if (top == NULL) {
        return PyRefTracer_SetTracer(ctm_ref_tracer, NULL);
    }
    const struct ctm_next_ref_tracer *next = next_record(top, data);
    return next == NULL ? -1 : PyRefTracer_SetTracer(ctm_ref_tracer_before_next, next->key);
}

bool ctm_chain_is_whole(void)
{
    bool whole = !lacks_ref_tracer();
    for (int domain = 0; domain < CTM_DOMAINS; domain++) {
        whole = whole && ctm_chain_place(domain) != CTM_HOOK_ABSENT;
    }
    return whole;
}

int ctm_chain_join(void)
{
    for (int domain = 0; domain < CTM_DOMAINS; domain++) {
        if (ctm_chain_place(domain) == CTM_HOOK_ABSENT && hook_domain(domain) < 0) {
            return -1;
        }
    }
    return lacks_ref_tracer() ? hook_references() : 0;
}

void ctm_chain_leave_references(void)
{
    if (!CTM_HAVE_REF_TRACER || !ctm_chain_has_ref_tracer()) {
        return;
    }
    void *key;
    bool in_front = PyRefTracer_GetTracer(&key) == ctm_ref_tracer_before_next;
    const struct ctm_next_ref_tracer *next = in_front ? ctm_next_of_registration(key) : NULL;
    if (PyRefTracer_SetTracer(next == NULL ? NULL : next->tracer,
                              next == NULL ? NULL : next->data) < 0) {
        PyErr_WriteUnraisable(NULL);
    }
}
