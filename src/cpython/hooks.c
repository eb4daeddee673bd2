#define Py_BUILD_CORE_MODULE 1

#include "cpython/hooks.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/gate.h"
#include "base/platform.h"
#include "cpython/capture.h"
#include "cpython/compat.h"
#include "cpython/frames.h"
#include "engine/check.h"
#include "engine/tracer.h"
#include "snapshot/take.h"

enum { DOMAINS = 3, TOTAL_NFRAME_LIMIT = UINT16_MAX };

/* Small and plain, since it is looked at in every call; anything large hangs on `walker`. */
struct thread_local_state {
    struct ctm_walker *walker;
    /* The block allocated last, for whose object's birth is not a reuse. */
    uintptr_t last_address;
    size_t last_size;
    /* Inside the wrapped allocator: what it allocates in turn is part of the same block. */
    bool inside;
    /* Inside too, but the thread looks for our hooks: they answer by setting `found`. */
    bool probing;
    bool found;
    /* So often told to overlook: what the thread allocates leaves no trace. Asked for
     * on the slow ways only, since the gate is not biased meanwhile. */
    uint32_t overlooking;
    uintptr_t overlooked; /* the last of these blocks */
};

static _Thread_local struct thread_local_state thread_state
    __attribute__((tls_model(CTM_TLS_MODEL)));

/* The process has one set of allocators, so there is one tracer. Guarded by the gate, apart from
 * `gate` itself and what says otherwise. */
static struct {
    struct ctm_gate gate;
    struct ctm_tracer tracer;
    struct ctm_capture_options capture;
    struct ctm_pages walker_pages;
    struct ctm_walker *walkers; /* all of them */
    struct ctm_walker *unused;  /* of threads that are gone */
    uint32_t overlookers;       /* threads that are told to overlook */
    /* By the GIL: */
    struct ctm_start_options options;
    bool initialised;
    bool checked;         /* the frame walk, once */
    bool exit_registered; /* with this life of the interpreter */
    /* Set under the gate, for the rest of this life: */
    bool ending;
    PyThreadState *ending_state; /* of the thread that ends it */
    pthread_key_t thread_key;
    PyRefTracer next_ref_tracer;
    void *next_ref_data;
} hooks = {.options = CTM_START_DEFAULTS};

/* What each domain's functions wrap; read without the gate, never freed. */
static _Atomic(const PyMemAllocatorEx *) wrapped[DOMAINS];

static const PyMemAllocatorDomain domain_ids[DOMAINS] = {PYMEM_DOMAIN_RAW, PYMEM_DOMAIN_MEM,
                                                         PYMEM_DOMAIN_OBJ};

static inline const PyMemAllocatorEx *inner(int domain)
{
    return atomic_load_explicit(&wrapped[domain], memory_order_acquire);
}

/* ---- the calling thread ---- */

struct caller {
    PyThreadState *state; /* whose frames are the caller's; NULL: it has none */
    bool owner;           /* holds the main interpreter's GIL: the gate's owner */
    bool detached;
};

/* A detached thread's own state stands still, and so do its frames. */
static PyThreadState *detached_state(const struct thread_local_state *self)
{
    if (CTM_ONE_ATTACHED_STATE && self->walker != NULL && self->walker->attached != NULL) {
        /* Maybe a subinterpreter's, of which the function below does not know there. */
        return self->walker->attached;
    }
    return PyGILState_GetThisThreadState();
}

/* The state with which the calling thread holds the GIL, NULL if it does not. For callers that may
 * not hold it. */
static inline PyThreadState *own_attached_state(const struct thread_local_state *self)
{
    PyThreadState *state = ctm_attached_state();
    if (!CTM_ONE_ATTACHED_STATE || state == NULL) {
        return state;
    }
    /* Maybe another thread's, which frees it at any moment: compared, but never read. */
    bool own = (self->walker != NULL && state == self->walker->attached) ||
               state == PyGILState_GetThisThreadState();
    return own ? state : NULL;
}

/* The thread state with which the caller holds a GIL; RAW calls may come without one. */
static inline PyThreadState *attached_state(const struct thread_local_state *self, int domain)
{
    return domain == 0 ? own_attached_state(self) : ctm_attached_state();
}

/* `state`: attached_state(). */
static inline struct caller who_calls(const struct thread_local_state *self, int domain,
                                      PyThreadState *state)
{
    if (CTM_LIKELY(state != NULL)) {
        return (struct caller){state, ctm_state_has_main_gil(state), false};
    }
    return domain == 0 ? (struct caller){detached_state(self), false, true}
                       : (struct caller){NULL, false, false};
}

static inline struct ctm_seat *seat_of(const struct thread_local_state *self)
{
    return self->walker == NULL ? NULL : &self->walker->seat;
}

/* Once enter_biased has failed. */
static inline enum ctm_pass enter_slow(const struct thread_local_state *self, bool owner)
{
    return ctm_gate_enter_slow(&hooks.gate, owner, seat_of(self));
}

/* The same for who needs no stack of a detached thread. */
static inline enum ctm_pass enter_slow_without_stack(const struct thread_local_state *self,
                                                     PyThreadState *state)
{
    return enter_slow(self, state != NULL && ctm_state_has_main_gil(state));
}

/*
 * The state whose frames may be read. Gate held. The interpreter's end frees the states of detached
 * threads, and their frames, under the threads that still run: it has said so before, under the
 * gate, so that no walk is under way by then.
 */
static PyThreadState *readable_state(struct caller caller)
{
    bool may_be_gone = caller.detached && (hooks.ending || ctm_is_finalizing()) &&
                       caller.state != hooks.ending_state;
    return may_be_gone ? NULL : caller.state;
}

/* A walker for a thread that has none. NULL: no memory. Gate held. */
static CTM_NOINLINE struct ctm_walker *adopt_walker(struct thread_local_state *self)
{
    struct ctm_walker *walker = hooks.unused;
    if (walker != NULL) {
        hooks.unused = walker->next_unused;
        walker->state = NULL;
        walker->attached = NULL;
    } else {
        /* Whole pages a thread: walkers are few, and a page each keeps them off shared lines. */
        walker = ctm_pages_map(&hooks.walker_pages, sizeof *walker);
        if (walker == NULL) {
            return NULL;
        }
        walker->next = hooks.walkers;
        hooks.walkers = walker;
    }
    if (ctm_walker_init(walker, &hooks.walker_pages, &hooks.capture) < 0 ||
        pthread_setspecific(hooks.thread_key, walker) != 0) {
        walker->next_unused = hooks.unused;
        hooks.unused = walker;
        return NULL;
    }
    self->walker = walker;
    return walker;
}

/* The caller's stack, as ctm_capture_hook. Gate held, tracing. */
static CTM_ALWAYS_INLINE const struct ctm_spot *capture(struct thread_local_state *self,
                                                        PyThreadState *state)
{
    struct ctm_walker *walker = self->walker;
    if (CTM_UNLIKELY(walker == NULL)) {
        walker = adopt_walker(self);
        if (walker == NULL) {
            return &ctm_no_spot;
        }
    }
    return ctm_capture_hook(walker, state, &hooks.tracer, &hooks.capture);
}

/* What to do after a capture whose spot is not known, or a block that is in no array. Not handed
 * over as one: it would be put together on the way past, too. */

static CTM_NOINLINE void note_new(PyThreadState *state, uintptr_t block, size_t size, uint32_t node,
                                  uint32_t site)
{
    /* Not to be asked afterwards. */
    bool known = ctm_tracer_knows_spot(&hooks.tracer, (struct ctm_spot){node, site});
    ctm_tracer_allocated_slow_hook(&hooks.tracer, block, size, node);
    if (!known) {
        ctm_capture_learn_hook(state, &hooks.tracer, node);
    }
}

static CTM_NOINLINE void note_newly_reused(PyThreadState *state, uintptr_t block, uint32_t node)
{
    ctm_tracer_reused_hook(&hooks.tracer, block, node);
    ctm_capture_learn_hook(state, &hooks.tracer, node);
}

/* What nearly every call with a GIL is: by the owner, the gate being biased, which it is only while
 * memory is traced. False: the gate is not entered, and the slow way will do. */
static inline bool enter_biased(PyThreadState *state)
{
    return CTM_LIKELY(state != NULL) && CTM_LIKELY(ctm_state_has_main_gil(state)) &&
           CTM_LIKELY(ctm_gate_enter_biased(&hooks.gate));
}

/* ---- what hooks note ---- */

/* Their slow ways are not marked as cold: a loop over large arrays, which numpy works on without
 * the GIL, goes no other. */

static CTM_ALWAYS_INLINE void note_allocated_inside(struct thread_local_state *self, int domain,
                                                    PyThreadState *state, void *block, size_t size)
{
    struct ctm_spot spot = *capture(self, state);
    if (!ctm_tracer_allocated_at_hook(&hooks.tracer, (uintptr_t)block, size, spot)) {
        note_new(state, (uintptr_t)block, size, spot.node, spot.site);
    }
    self->last_address = (uintptr_t)block;
    self->last_size = size;
    if (CTM_ONE_ATTACHED_STATE && domain != 0 && self->walker != NULL &&
        CTM_UNLIKELY(self->walker->attached != state)) {
        self->walker->attached = state;
        self->walker->attached_interp = state == NULL ? NULL : state->interp;
    }
}

static CTM_NOINLINE void note_allocated_slow(struct thread_local_state *self, int domain,
                                             PyThreadState *state, void *block, size_t size)
{
    struct caller caller = who_calls(self, domain, state);
    enum ctm_pass pass = enter_slow(self, caller.owner);
    if (hooks.tracer.tracing && CTM_LIKELY(self->overlooking == 0)) {
        note_allocated_inside(self, domain, readable_state(caller), block, size);
    } else if (hooks.tracer.tracing) {
        /* What was there before is gone, even if nobody has told. */
        struct ctm_block before;
        (void)ctm_tracer_freed_hook(&hooks.tracer, (uintptr_t)block, &before);
        self->overlooked = (uintptr_t)block;
    }
    ctm_gate_leave(&hooks.gate, pass);
}

static CTM_ALWAYS_INLINE void note_allocated(struct thread_local_state *self, int domain,
                                             void *block, size_t size)
{
    PyThreadState *state = attached_state(self, domain);
    if (CTM_UNLIKELY(!enter_biased(state))) {
        note_allocated_slow(self, domain, state, block, size);
        return;
    }
    note_allocated_inside(self, domain, state, block, size);
    ctm_gate_leave_biased(&hooks.gate);
}

/* What a realloc that fails must put back. */
struct removed {
    struct ctm_block block;
    uint64_t era;
    uint64_t given_back;
    bool had_trace;
};

static CTM_ALWAYS_INLINE struct removed note_removed_inside(void *block)
{
    struct removed removed = {.era = hooks.tracer.era, .given_back = hooks.tracer.reclaim.sites};
    removed.had_trace = ctm_tracer_freed_hook(&hooks.tracer, (uintptr_t)block, &removed.block);
    return removed;
}

static CTM_NOINLINE struct removed note_removed_slow(const struct thread_local_state *self,
                                                     PyThreadState *state, void *block)
{
    struct removed removed = {.had_trace = false};
    enum ctm_pass pass = enter_slow_without_stack(self, state);
    if (hooks.tracer.tracing) {
        removed = note_removed_inside(block);
    }
    ctm_gate_leave(&hooks.gate, pass);
    return removed;
}

/* A block is about to be moved. */
static CTM_ALWAYS_INLINE struct removed note_removed(const struct thread_local_state *self,
                                                     int domain, void *block)
{
    PyThreadState *state = attached_state(self, domain);
    if (CTM_UNLIKELY(!enter_biased(state))) {
        return note_removed_slow(self, state, block);
    }
    struct removed removed = note_removed_inside(block);
    ctm_gate_leave_biased(&hooks.gate);
    return removed;
}

static CTM_NOINLINE void note_freed_slow(const struct thread_local_state *self,
                                         PyThreadState *state, void *block)
{
    struct ctm_block old;
    enum ctm_pass pass = enter_slow_without_stack(self, state);
    if (hooks.tracer.tracing) {
        (void)ctm_tracer_freed_hook(&hooks.tracer, (uintptr_t)block, &old);
    }
    ctm_gate_leave(&hooks.gate, pass);
}

static CTM_ALWAYS_INLINE void note_freed(const struct thread_local_state *self, int domain,
                                         void *block)
{
    struct ctm_block old;
    PyThreadState *state = attached_state(self, domain);
    if (CTM_UNLIKELY(!enter_biased(state))) {
        note_freed_slow(self, state, block);
        return;
    }
    (void)ctm_tracer_freed_hook(&hooks.tracer, (uintptr_t)block, &old);
    ctm_gate_leave_biased(&hooks.gate);
}

static CTM_COLD void note_restored(const struct thread_local_state *self, int domain, void *block,
                                   const struct removed *removed)
{
    enum ctm_pass pass = enter_slow_without_stack(self, attached_state(self, domain));
    if (hooks.tracer.tracing && removed->era == hooks.tracer.era) {
        if (removed->given_back == hooks.tracer.reclaim.sites) {
            ctm_tracer_restored_hook(&hooks.tracer, (uintptr_t)block, removed->block);
        } else {
            hooks.tracer.dropped++; /* its site may have been given back meanwhile */
        }
    }
    ctm_gate_leave(&hooks.gate, pass);
}

/* ---- the hooks ---- */

/* A call that is not to be noted: from inside the wrapped allocator, or a probe's. */
static inline bool passes_through(struct thread_local_state *self)
{
    if (CTM_UNLIKELY(self->inside)) {
        self->found = self->probing;
        return true;
    }
    return false;
}

static CTM_ALWAYS_INLINE void *hook_malloc(int domain, void *ctx, size_t size)
{
    struct thread_local_state *self = &thread_state;
    if (CTM_UNLIKELY(passes_through(self))) {
        return inner(domain)->malloc(ctx, size);
    }
    self->inside = true;
    void *block = inner(domain)->malloc(ctx, size);
    self->inside = false;
    if (CTM_LIKELY(block != NULL)) {
        note_allocated(self, domain, block, size);
    }
    return block;
}

static CTM_ALWAYS_INLINE void *hook_calloc(int domain, void *ctx, size_t count, size_t size)
{
    struct thread_local_state *self = &thread_state;
    if (CTM_UNLIKELY(passes_through(self))) {
        return inner(domain)->calloc(ctx, count, size);
    }
    self->inside = true;
    void *block = inner(domain)->calloc(ctx, count, size);
    self->inside = false;
    if (CTM_LIKELY(block != NULL)) {
        note_allocated(self, domain, block, count * size);
    }
    return block;
}

static CTM_ALWAYS_INLINE void *hook_realloc(int domain, void *ctx, void *block, size_t size)
{
    struct thread_local_state *self = &thread_state;
    if (CTM_UNLIKELY(passes_through(self))) {
        return inner(domain)->realloc(ctx, block, size);
    }
    /* Before the call: after it another thread may own the old address. */
    struct removed removed = {.had_trace = false};
    if (block != NULL) {
        removed = note_removed(self, domain, block);
    }
    self->inside = true;
    void *moved = inner(domain)->realloc(ctx, block, size);
    self->inside = false;
    if (CTM_LIKELY(moved != NULL)) {
        note_allocated(self, domain, moved, size);
    } else if (removed.had_trace && size != 0) {
        /* An allocator that takes size 0 for a free may have freed it: then better no trace. */
        note_restored(self, domain, block, &removed);
    }
    return moved;
}

/* A thread's state, alone or inside its interpreter's, may be what is being freed. Compared, but
 * never read: the interpreter's end may have freed it. */
static void forget_state(struct thread_local_state *self, const void *block)
{
    struct ctm_walker *walker = self->walker;
    if (walker != NULL && walker->attached != NULL &&
        (block == walker->attached || block == walker->attached_interp)) {
        walker->attached = NULL;
    }
}

static CTM_ALWAYS_INLINE void hook_free(int domain, void *ctx, void *block)
{
    struct thread_local_state *self = &thread_state;
    if (CTM_UNLIKELY(passes_through(self)) || block == NULL) {
        inner(domain)->free(ctx, block);
        return;
    }
    if (CTM_ONE_ATTACHED_STATE && domain == 0) {
        forget_state(self, block);
    }
    note_freed(self, domain, block);
    /* No flag: what the wrapped allocator frees in turn has no trace. */
    inner(domain)->free(ctx, block);
}

#define DEFINE_HOOKS(name, domain)                                                                 \
    static void *name##_malloc(void *ctx, size_t size)                                             \
    {                                                                                              \
        return hook_malloc(domain, ctx, size);                                                     \
    }                                                                                              \
    static void *name##_calloc(void *ctx, size_t count, size_t size)                               \
    {                                                                                              \
        return hook_calloc(domain, ctx, count, size);                                              \
    }                                                                                              \
    static void *name##_realloc(void *ctx, void *block, size_t size)                               \
    {                                                                                              \
        return hook_realloc(domain, ctx, block, size);                                             \
    }                                                                                              \
    static void name##_free(void *ctx, void *block)                                                \
    {                                                                                              \
        hook_free(domain, ctx, block);                                                             \
    }

DEFINE_HOOKS(raw, 0)
DEFINE_HOOKS(mem, 1)
DEFINE_HOOKS(obj, 2)

static const PyMemAllocatorEx our_functions[DOMAINS] = {
    {NULL, raw_malloc, raw_calloc, raw_realloc, raw_free},
    {NULL, mem_malloc, mem_calloc, mem_realloc, mem_free},
    {NULL, obj_malloc, obj_calloc, obj_realloc, obj_free},
};

/* The block is in no array. Gate held. */
static CTM_NOINLINE void note_reused_elsewhere(struct thread_local_state *self,
                                               PyThreadState *state, uintptr_t block)
{
    struct ctm_block known;
    if (ctm_blocks_get(&hooks.tracer.blocks, block, &known)) {
        note_newly_reused(state, block, capture(self, state)->node);
    }
}

static CTM_ALWAYS_INLINE void note_reused_inside(struct thread_local_state *self,
                                                 PyThreadState *state, uintptr_t block)
{
    struct ctm_dense dense = ctm_blocks_dense(&hooks.tracer.blocks, block);
    if (CTM_LIKELY(dense.entry != NULL)) {
        struct ctm_spot spot = *capture(self, state);
        if (!ctm_tracer_reused_at_hook(&hooks.tracer, dense, spot)) {
            note_newly_reused(state, block, spot.node);
        }
    } else if (!ctm_blocks_know_nothing(&hooks.tracer.blocks, dense)) {
        note_reused_elsewhere(self, state, block);
    }
}

static CTM_NOINLINE int note_reused_slow(struct thread_local_state *self, PyThreadState *state,
                                         uintptr_t block)
{
    enum ctm_pass pass = enter_slow_without_stack(self, state);
    if (hooks.tracer.tracing && CTM_LIKELY(self->overlooking == 0)) {
        note_reused_inside(self, state, block);
    }
    ctm_gate_leave(&hooks.gate, pass);
    return 0;
}

/* Opaque, so that the caller can jump here: were it known that 0 is returned, it would call, and
 * return 0 itself. */
static CTM_OPAQUE int note_reused(uintptr_t block)
{
    struct thread_local_state *self = &thread_state;
    PyThreadState *state = ctm_attached_state();
    if (CTM_UNLIKELY(!enter_biased(state))) {
        return note_reused_slow(self, state, block);
    }
    note_reused_inside(self, state, block);
    ctm_gate_leave_biased(&hooks.gate);
    return 0;
}

/*
 * An object was born. In a block of its own that was just allocated: nothing new. In a block from
 * a free list: the block is that of the line that runs now.
 */
static int ref_tracer(PyObject *object, PyRefTracerEvent event, void *data)
{
    (void)data;
    if (event != PyRefTracer_CREATE || object == NULL) {
        return 0;
    }
    struct thread_local_state *self = &thread_state;
    if ((uintptr_t)object - self->last_address < self->last_size) {
        self->last_size = 0;
        return 0;
    }
    return note_reused((uintptr_t)object - ctm_object_preheader(object));
}

/* The same where another tool had been told of all births and deaths, and goes on being told. */
static int ref_tracer_before_next(PyObject *object, PyRefTracerEvent event, void *data)
{
    (void)hooks.next_ref_tracer(object, event, hooks.next_ref_data);
    return ref_tracer(object, event, data);
}

/* ---- what libraries report ---- */

/* A report may come when the interpreter is gone, so nothing is asked of it unless we trace. A
 * glance without the gate: who reports while tracing starts or ends may be early or late. */
static bool traces_maybe(void)
{
    return __atomic_load_n(&hooks.tracer.tracing, __ATOMIC_RELAXED);
}

static CTM_ALWAYS_INLINE int track_inside(struct thread_local_state *self, PyThreadState *state,
                                          unsigned int domain, uintptr_t address, size_t size)
{
    uint32_t node = capture(self, state)->node;
    return ctm_tracer_track_hook(&hooks.tracer, domain, address, size, node) < 0 ? -1 : 0;
}

static CTM_NOINLINE int track_slow(struct thread_local_state *self, PyThreadState *state,
                                   unsigned int domain, uintptr_t address, size_t size)
{
    struct caller caller = who_calls(self, 0, state);
    enum ctm_pass pass = enter_slow(self, caller.owner);
    int result = hooks.tracer.tracing
                     ? track_inside(self, readable_state(caller), domain, address, size)
                     : -2;
    ctm_gate_leave(&hooks.gate, pass);
    return result;
}

int ctm_hooks_track(unsigned int domain, uintptr_t address, size_t size)
{
    if (!traces_maybe()) {
        return -2;
    }
    struct thread_local_state *self = &thread_state;
    PyThreadState *state = attached_state(self, 0);
    if (CTM_UNLIKELY(!enter_biased(state))) {
        return track_slow(self, state, domain, address, size);
    }
    int result = track_inside(self, state, domain, address, size);
    ctm_gate_leave_biased(&hooks.gate);
    return result;
}

static CTM_NOINLINE int untrack_slow(const struct thread_local_state *self, PyThreadState *state,
                                     unsigned int domain, uintptr_t address)
{
    int result = -2;
    enum ctm_pass pass = enter_slow_without_stack(self, state);
    if (hooks.tracer.tracing) {
        ctm_tracer_untrack_hook(&hooks.tracer, domain, address);
        result = 0;
    }
    ctm_gate_leave(&hooks.gate, pass);
    return result;
}

int ctm_hooks_untrack(unsigned int domain, uintptr_t address)
{
    if (!traces_maybe()) {
        return -2;
    }
    const struct thread_local_state *self = &thread_state;
    PyThreadState *state = attached_state(self, 0);
    if (CTM_UNLIKELY(!enter_biased(state))) {
        return untrack_slow(self, state, domain, address);
    }
    ctm_tracer_untrack_hook(&hooks.tracer, domain, address);
    ctm_gate_leave_biased(&hooks.gate);
    return 0;
}

/* ---- taking our place, and leaving it ---- */

static bool is_ours(const PyMemAllocatorEx *allocator, int domain)
{
    return allocator->malloc == our_functions[domain].malloc;
}

static void *domain_malloc(int domain)
{
    return domain == 0 ? PyMem_RawMalloc(1) : domain == 1 ? PyMem_Malloc(1) : PyObject_Malloc(1);
}

static void domain_free(int domain, void *block)
{
    if (domain == 0) {
        PyMem_RawFree(block);
    } else if (domain == 1) {
        PyMem_Free(block);
    } else {
        PyObject_Free(block);
    }
}

/*
 * Where our functions are in a domain's chain. If somebody hooked after us they are not on top, and
 * only a call can tell whether they are still reached.
 */
static enum ctm_hook_place place_of(int domain)
{
    PyMemAllocatorEx top;
    PyMem_GetAllocator(domain_ids[domain], &top);
    if (is_ours(&top, domain)) {
        return CTM_HOOK_ON_TOP;
    }
    if (inner(domain) == NULL) {
        return CTM_HOOK_ABSENT;
    }
    struct thread_local_state *self = &thread_state;
    self->found = false;
    self->inside = true;
    self->probing = true;
    domain_free(domain, domain_malloc(domain));
    self->probing = false;
    self->inside = false;
    return self->found ? CTM_HOOK_BELOW : CTM_HOOK_ABSENT;
}

/* Put our functions on top of a domain where they are not reached. -1 with MemoryError. */
static int hook_domain(int domain)
{
    PyMemAllocatorEx top;
    PyMem_GetAllocator(domain_ids[domain], &top);
    const PyMemAllocatorEx *before = inner(domain);
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
        atomic_store_explicit(&wrapped[domain], saved, memory_order_release);
    }
    PyMemAllocatorEx ours = our_functions[domain];
    ours.ctx = top.ctx;
    PyMem_SetAllocator(domain_ids[domain], &ours);
    return 0;
}

static int hook_domains(void)
{
    for (int domain = 0; domain < DOMAINS; domain++) {
        if (place_of(domain) == CTM_HOOK_ABSENT && hook_domain(domain) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Leave the domains where we are on top; elsewhere our functions stay and pass through. */
static void unhook_domains(void)
{
    for (int domain = 0; domain < DOMAINS; domain++) {
        if (place_of(domain) == CTM_HOOK_ON_TOP) {
            PyMemAllocatorEx before = *inner(domain);
            PyMem_SetAllocator(domain_ids[domain], &before);
        }
    }
}

static bool have_ref_tracer(void)
{
    void *data;
    PyRefTracer tracer = PyRefTracer_GetTracer(&data);
    return tracer == ref_tracer || tracer == ref_tracer_before_next;
}

static int hook_references(void)
{
    if (!CTM_HAVE_REF_TRACER || !hooks.options.follow_reuse || have_ref_tracer()) {
        return 0;
    }
    void *data;
    PyRefTracer next = PyRefTracer_GetTracer(&data);
    hooks.next_ref_data = data;
    hooks.next_ref_tracer = next;
    return PyRefTracer_SetTracer(next == NULL ? ref_tracer : ref_tracer_before_next, NULL);
}

static void unhook_references(void)
{
    if (!CTM_HAVE_REF_TRACER || !have_ref_tracer()) {
        return;
    }
    if (PyRefTracer_SetTracer(hooks.next_ref_tracer, hooks.next_ref_data) < 0) {
        PyErr_WriteUnraisable(NULL);
        return;
    }
    hooks.next_ref_tracer = NULL;
}

/* ---- threads and forks ---- */

static void thread_ended(void *walker_pointer)
{
    struct ctm_walker *walker = walker_pointer;
    enum ctm_pass pass = ctm_gate_enter_mutex(&hooks.gate, false, NULL);
    thread_state.walker = NULL;
    walker->next_unused = hooks.unused;
    hooks.unused = walker;
    ctm_gate_leave(&hooks.gate, pass);
}

/* To be called whenever what it depends on has changed. Gate held, by mutex. */
static void allow_bias(void)
{
    ctm_gate_allow_bias(&hooks.gate, hooks.tracer.tracing && hooks.overlookers == 0);
}

static void before_fork(void)
{
    ctm_gate_fork_prepare(&hooks.gate);
}

static void after_fork_in_parent(void)
{
    ctm_gate_fork_parent(&hooks.gate);
}

static void after_fork_in_child(void)
{
    ctm_gate_fork_child(&hooks.gate);
    /* Of all threads only this one is left. */
    hooks.unused = NULL;
    for (struct ctm_walker *walker = hooks.walkers; walker != NULL; walker = walker->next) {
        if (walker != thread_state.walker) {
            walker->next_unused = hooks.unused;
            hooks.unused = walker;
        }
    }
    enum ctm_pass pass = ctm_gate_enter_mutex(&hooks.gate, false, NULL);
    hooks.overlookers = thread_state.overlooking != 0 ? 1 : 0;
    allow_bias();
    ctm_gate_leave(&hooks.gate, pass);
}

/* Gate held, by mutex. */
static void stop_tracer(void)
{
    ctm_tracer_stop(&hooks.tracer);
    allow_bias();
}

/* After the interpreter's end nobody may call into it from our hooks. */
static void at_exit(void)
{
    hooks.exit_registered = false;
    hooks.ending = false;
    hooks.ending_state = NULL;
    for (int domain = 0; domain < DOMAINS; domain++) {
        PyMemAllocatorEx top;
        PyMem_GetAllocator(domain_ids[domain], &top);
        if (is_ours(&top, domain)) {
            PyMemAllocatorEx before = *inner(domain);
            PyMem_SetAllocator(domain_ids[domain], &before);
        }
    }
    enum ctm_pass pass = ctm_gate_enter_mutex(&hooks.gate, false, NULL);
    stop_tracer();
    ctm_gate_leave(&hooks.gate, pass);
}

int ctm_hooks_init(void)
{
    if (hooks.initialised) {
        return 0;
    }
    ctm_gate_init(&hooks.gate);
    ctm_tracer_init(&hooks.tracer);
    ctm_pages_init(&hooks.walker_pages);
    ctm_capture_options_init(&hooks.capture, 1, true);
    ctm_frames_init();
    int error = pthread_key_create(&hooks.thread_key, thread_ended);
    if (error == 0) {
        error = ctm_os_at_fork(before_fork, after_fork_in_parent, after_fork_in_child);
    }
    if (error != 0) {
        errno = error;
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    hooks.initialised = true;
    return 0;
}

/* ---- what the module offers ---- */

/* The GIL is held, so the caller is the owner unless its interpreter has a GIL of its own. The
 * mutex, not the bias: who waits for a long call should sleep. */
static enum ctm_pass enter(void)
{
    return ctm_gate_enter_mutex(&hooks.gate, ctm_state_has_main_gil(PyThreadState_Get()),
                                seat_of(&thread_state));
}

static int start_tracer(const struct ctm_start_options *options)
{
    enum ctm_pass pass = enter();
    ctm_capture_options_init(&hooks.capture, options->nframe, options->total_nframe);
    int error = CTM_OK;
    for (struct ctm_walker *walker = hooks.walkers; walker != NULL && error == CTM_OK;
         walker = walker->next) {
        error = ctm_walker_init(walker, &hooks.walker_pages, &hooks.capture);
    }
    if (error == CTM_OK) {
        hooks.tracer.churn_lines = options->churn_lines;
        error = ctm_tracer_start(&hooks.tracer);
    }
    allow_bias();
    ctm_gate_leave(&hooks.gate, pass);
    if (error < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

/* Run by `atexit`, while all states of threads are still there. */
static PyObject *note_ending(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    enum ctm_pass pass = enter();
    hooks.ending = true;
    hooks.ending_state = PyThreadState_Get();
    ctm_gate_leave(&hooks.gate, pass);
    Py_RETURN_NONE;
}

/* In a subinterpreter its own end would be told. */
static int register_ending(void)
{
    static PyMethodDef method = {"_note_ending", note_ending, METH_NOARGS, NULL};
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        return 0;
    }
    PyObject *atexit = PyImport_ImportModule("atexit");
    PyObject *function = atexit == NULL ? NULL : PyCFunction_New(&method, NULL);
    PyObject *result =
        function == NULL ? NULL : PyObject_CallMethod(atexit, "register", "O", function);
    int status = result == NULL ? -1 : 0;
    Py_XDECREF(result);
    Py_XDECREF(function);
    Py_XDECREF(atexit);
    return status;
}

int ctm_hooks_start(const struct ctm_start_options *options)
{
    if (hooks.tracer.tracing) {
        return 0;
    }
    if (!hooks.checked) {
        if (ctm_frames_check() < 0) {
            return -1;
        }
        hooks.checked = true;
    }
    if (!hooks.exit_registered) {
        if (register_ending() < 0) {
            return -1;
        }
        if (Py_AtExit(at_exit) < 0) {
            PyErr_SetString(PyExc_RuntimeError,
                            "ctracemalloc: Py_AtExit has no free slot; start tracing earlier");
            return -1;
        }
        hooks.exit_registered = true;
    }
    hooks.options = *options;
    if (start_tracer(options) < 0) {
        return -1;
    }
    if (hook_domains() < 0 || hook_references() < 0) {
        ctm_hooks_stop();
        return -1;
    }
    return 0;
}

void ctm_hooks_stop(void)
{
    if (!hooks.tracer.tracing) {
        return;
    }
    unhook_references();
    unhook_domains();
    enum ctm_pass pass = enter();
    stop_tracer();
    ctm_gate_leave(&hooks.gate, pass);
}

static void count_overlooker(bool begins)
{
    enum ctm_pass pass = enter();
    hooks.overlookers = begins ? hooks.overlookers + 1 : hooks.overlookers - 1;
    allow_bias();
    ctm_gate_leave(&hooks.gate, pass);
}

bool ctm_hooks_overlooked_last(uintptr_t block)
{
    return thread_state.overlooked == block;
}

bool ctm_hooks_has_trace(uintptr_t block)
{
    struct ctm_block found;
    enum ctm_pass pass = enter();
    bool has = hooks.tracer.tracing && ctm_blocks_get(&hooks.tracer.blocks, block, &found);
    ctm_gate_leave(&hooks.gate, pass);
    return has;
}

void ctm_hooks_begin_overlooking(void)
{
    if (thread_state.overlooking++ == 0) {
        count_overlooker(true);
    }
}

void ctm_hooks_end_overlooking(void)
{
    if (--thread_state.overlooking == 0) {
        count_overlooker(false);
    }
}

bool ctm_hooks_tracing(void)
{
    return hooks.tracer.tracing;
}

struct ctm_start_options ctm_hooks_options(void)
{
    return hooks.options;
}

int ctm_hooks_clear_traces(void)
{
    enum ctm_pass pass = enter();
    int error = CTM_OK;
    if (hooks.tracer.tracing) {
        error = ctm_tracer_clear(&hooks.tracer);
        allow_bias();
    }
    for (struct ctm_walker *walker = hooks.walkers; walker != NULL; walker = walker->next) {
        /* Maybe the hooks had been taken away, and captures were missed. */
        walker->sure_depth = 0;
    }
    ctm_gate_leave(&hooks.gate, pass);
    if (error < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

int ctm_hooks_restore(void)
{
    if (!hooks.tracer.tracing) {
        return 0;
    }
    bool complete = !CTM_HAVE_REF_TRACER || !hooks.options.follow_reuse || have_ref_tracer();
    for (int domain = 0; domain < DOMAINS; domain++) {
        complete = complete && place_of(domain) != CTM_HOOK_ABSENT;
    }
    if (complete) {
        return 0;
    }
    enum ctm_pass pass = enter();
    uint64_t blocks = ctm_sites_live_blocks(&hooks.tracer.sites);
    hooks.tracer.lost += blocks;
    ctm_gate_leave(&hooks.gate, pass);
    if (ctm_hooks_clear_traces() < 0 || hook_domains() < 0 || hook_references() < 0) {
        return -1;
    }
    return PyErr_WarnFormat(PyExc_RuntimeWarning, 1,
                            "another tool had removed ctracemalloc's hooks: %llu traces were "
                            "dropped, tracing begins anew",
                            (unsigned long long)blocks);
}

void ctm_hooks_reset_peak(void)
{
    enum ctm_pass pass = enter();
    if (hooks.tracer.tracing) {
        ctm_sites_reset_peak(&hooks.tracer.sites);
    }
    ctm_gate_leave(&hooks.gate, pass);
}

void ctm_hooks_reset_churn(void)
{
    enum ctm_pass pass = enter();
    if (hooks.tracer.tracing) {
        ctm_tracer_reset_churn(&hooks.tracer);
    }
    ctm_gate_leave(&hooks.gate, pass);
}

struct ctm_memory ctm_hooks_memory(void)
{
    enum ctm_pass pass = enter();
    struct ctm_memory memory = {ctm_sites_current_bytes(&hooks.tracer.sites),
                                hooks.tracer.sites.peak_bytes};
    ctm_gate_leave(&hooks.gate, pass);
    return memory;
}

size_t ctm_hooks_tracer_memory(void)
{
    enum ctm_pass pass = enter();
    size_t bytes = 0;
    if (hooks.tracer.tracing) {
        bytes = ctm_pages_resident(&hooks.tracer.pages) + ctm_pages_resident(&hooks.walker_pages);
    }
    ctm_gate_leave(&hooks.gate, pass);
    return bytes;
}

uint64_t ctm_hooks_dropped(void)
{
    return hooks.tracer.dropped;
}

uint64_t ctm_hooks_lost(void)
{
    return hooks.tracer.lost;
}

struct ctm_hooks_info ctm_hooks_info(void)
{
    struct ctm_hooks_info info = {.ref_tracer = CTM_HAVE_REF_TRACER && have_ref_tracer()};
    for (int domain = 0; domain < DOMAINS; domain++) {
        info.domains[domain] = place_of(domain);
    }
    return info;
}

struct ctm_tables_info ctm_hooks_tables_info(void)
{
    struct ctm_tables_info info = {.folded_exact = true};
    enum ctm_pass pass = enter();
    const struct ctm_tracer *tracer = &hooks.tracer;
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
    ctm_gate_leave(&hooks.gate, pass);
    return info;
}

static struct ctm_take_options take_options(void)
{
    return (struct ctm_take_options){.nframe = hooks.options.nframe,
                                     .total_nframe = hooks.options.total_nframe,
                                     .total_limit = TOTAL_NFRAME_LIMIT};
}

int ctm_hooks_snapshot(enum ctm_kind kind, struct ctm_snapshot **out)
{
    struct ctm_take_options options = take_options();
    struct ctm_moment *moment = NULL;
    enum ctm_pass pass = enter();
    int error = CTM_EINVAL;
    if (hooks.tracer.tracing) {
        error = kind == CTM_KIND_LIVE ? ctm_take_moment(&hooks.tracer, &options, &moment)
                                      : ctm_take_totals(&hooks.tracer, &options, kind, out);
    }
    ctm_gate_leave(&hooks.gate, pass);
    if (moment != NULL) {
        /* The moment is over: other threads need not wait for the rest. */
        Py_BEGIN_ALLOW_THREADS error = ctm_moment_snapshot(moment, out);
        Py_END_ALLOW_THREADS
    }
    return error;
}

int ctm_hooks_block(uint32_t domain, uintptr_t address, struct ctm_snapshot **out)
{
    struct ctm_take_options options = take_options();
    enum ctm_pass pass = enter();
    int error = hooks.tracer.tracing ? ctm_take_block(&hooks.tracer, &options, domain, address, out)
                                     : CTM_EINVAL;
    ctm_gate_leave(&hooks.gate, pass);
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
    const struct ctm_pages *tables = &hooks.tracer.pages;
    const struct ctm_pages *walkers = &hooks.walker_pages;
    enum ctm_pass pass = enter();
    struct ctm_mapping *copy = malloc((tables->length + walkers->length + 2) * sizeof *copy);
    *length = 0;
    if (copy != NULL) {
        *length = copy_mappings(tables, copy);
        *length += copy_mappings(walkers, copy + *length);
    }
    ctm_gate_leave(&hooks.gate, pass);
    *items = copy;
    return copy == NULL ? CTM_ENOMEM : CTM_OK;
}

#ifdef CTM_DEBUG
const char *ctm_hooks_check(void)
{
    enum ctm_pass pass = enter();
    const char *broken = ctm_tracer_check(&hooks.tracer);
    ctm_gate_leave(&hooks.gate, pass);
    return broken;
}
#endif
