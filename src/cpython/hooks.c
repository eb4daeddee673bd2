#define Py_BUILD_CORE_MODULE 1

#include "cpython/capture.h"
#include "cpython/hooks_state.h"

_Thread_local struct ctm_thread_local ctm_thread_state __attribute__((tls_model(CTM_TLS_MODEL)));

struct ctm_hooks ctm_hooks = {.options = CTM_START_DEFAULTS};

_Atomic(const PyMemAllocatorEx *) ctm_wrapped[CTM_DOMAINS];

_Atomic(const struct ctm_next_ref_tracer *) ctm_next_ref_tracers;

/* ---- the calling thread ---- */

struct caller {
    PyThreadState *state; /* the attached one; NULL: it has none */
    bool owner;           /* holds the main interpreter's GIL: the gate's owner */
    bool detached;
};

/* A detached thread's own state stands still, and so do its frames. Gate held, since a start makes
 * all threads forget what died unseen. */
static PyThreadState *detached_state(const struct ctm_thread_local *self)
{
    PyThreadState *known = PyGILState_GetThisThreadState();
    if (CTM_ONE_ATTACHED_STATE && known != NULL && self->walker != NULL &&
        ctm_walker_attached(self->walker) != NULL) {
        /* Maybe a subinterpreter's, of which the function above does not know there. */
        return ctm_walker_attached(self->walker);
    }
    return known;
}

/* The state with which the calling thread holds the GIL, NULL if it does not. For callers that may
 * not hold it. */
static inline PyThreadState *own_attached_state(const struct ctm_thread_local *self)
{
    PyThreadState *state = ctm_attached_state();
    if (!CTM_ONE_ATTACHED_STATE || state == NULL) {
        return state;
    }
    /* Maybe another thread's, which frees it at any moment: compared, but never read. */
    bool own = (self->walker != NULL && state == ctm_walker_attached(self->walker)) ||
               state == PyGILState_GetThisThreadState();
    return own ? state : NULL;
}

/* The thread state with which the caller holds a GIL; RAW calls may come without one. */
static inline PyThreadState *attached_state(const struct ctm_thread_local *self, int domain)
{
    return domain == 0 ? own_attached_state(self) : ctm_attached_state();
}

/* `state`: attached_state(). */
static inline struct caller who_calls(int domain, PyThreadState *state)
{
    return (struct caller){
        .state = state,
        .owner = CTM_LIKELY(state != NULL) && ctm_state_has_main_gil(state),
        .detached = state == NULL && domain == 0,
    };
}

/* Once enter_biased has failed. */
static inline enum ctm_pass enter_slow(const struct ctm_thread_local *self, bool owner)
{
    return ctm_gate_enter_slow(&ctm_hooks.gate, owner, ctm_seat_of(self));
}

/* The same for who needs no stack of a detached thread. */
static inline enum ctm_pass enter_slow_without_stack(const struct ctm_thread_local *self,
                                                     PyThreadState *state)
{
    return enter_slow(self, state != NULL && ctm_state_has_main_gil(state));
}

/*
 * The state whose frames may be read. Gate held. The interpreter's end frees the states of detached
 * threads, and their frames, under the threads that still run: it has said so before, under the
 * gate, so that no walk is under way by then.
 */
static PyThreadState *readable_state(const struct ctm_thread_local *self, struct caller caller)
{
    if (!caller.detached) {
        return caller.state;
    }
    PyThreadState *state = detached_state(self);
    bool may_be_gone = (ctm_hooks.ending || ctm_is_finalizing()) && state != ctm_hooks.ending_state;
    return may_be_gone ? NULL : state;
}

/* A walker for a thread that has none. NULL: no memory. Gate held. */
static CTM_NOINLINE struct ctm_walker *adopt_walker(struct ctm_thread_local *self)
{
    struct ctm_walker *walker = ctm_hooks.unused;
    if (walker != NULL) {
        ctm_hooks.unused = walker->next_unused;
        walker->state = NULL;
        ctm_walker_set_attached(walker, NULL);
    } else {
        /* Whole pages a thread: walkers are few, and a page each keeps them off shared lines. */
        walker = ctm_pages_map(&ctm_hooks.walker_pages, sizeof *walker);
        if (walker == NULL) {
            return NULL;
        }
        walker->next = ctm_hooks.walkers;
        ctm_hooks.walkers = walker;
    }
    if (ctm_walker_init(walker, &ctm_hooks.walker_pages, &ctm_hooks.capture) < 0 ||
        pthread_setspecific(ctm_hooks.thread_key, walker) != 0) {
        ctm_set_walker_aside(walker);
        return NULL;
    }
    self->walker = walker;
    return walker;
}

/* The caller's stack, as ctm_capture_hook. Gate held, tracing. */
static CTM_ALWAYS_INLINE const struct ctm_spot *capture(struct ctm_thread_local *self,
                                                        PyThreadState *state)
{
    struct ctm_walker *walker = self->walker;
    if (CTM_UNLIKELY(walker == NULL)) {
        walker = adopt_walker(self);
        if (walker == NULL) {
            return &ctm_no_spot;
        }
    }
    return ctm_capture_hook(walker, state, &ctm_hooks.tracer, &ctm_hooks.capture);
}

/* What to do after a capture whose spot is not known, or a block that is in no array. Not handed
 * over as one: it would be put together on the way past, too. */

static CTM_NOINLINE void note_new(PyThreadState *state, uintptr_t block, size_t size, uint32_t node,
                                  uint32_t site)
{
    /* Not to be asked afterwards. */
    bool known = ctm_tracer_knows_spot(&ctm_hooks.tracer, (struct ctm_spot){node, site});
    ctm_tracer_allocated_slow_hook(&ctm_hooks.tracer, block, size, node);
    if (!known) {
        ctm_capture_learn_hook(state, &ctm_hooks.tracer, node);
    }
}

static CTM_NOINLINE void note_newly_reused(PyThreadState *state, uintptr_t block, uint32_t node)
{
    ctm_tracer_reused_hook(&ctm_hooks.tracer, block, node);
    ctm_capture_learn_hook(state, &ctm_hooks.tracer, node);
}

/* What nearly every call with a GIL is: by the owner, the gate being biased, which it is only while
 * memory is traced. False: the gate is not entered, and the slow way will do. */
static inline bool enter_biased(PyThreadState *state)
{
    return CTM_LIKELY(state != NULL) && CTM_LIKELY(ctm_state_has_main_gil(state)) &&
           CTM_LIKELY(ctm_gate_enter_biased(&ctm_hooks.gate));
}

/* ---- what hooks note ---- */

/* Their slow ways are not marked as cold: a loop over large arrays, which numpy works on without
 * the GIL, goes no other. */

static CTM_ALWAYS_INLINE void note_allocated_inside(struct ctm_thread_local *self, int domain,
                                                    PyThreadState *state, void *block, size_t size)
{
    struct ctm_spot spot = *capture(self, state);
    if (!ctm_tracer_allocated_at_hook(&ctm_hooks.tracer, (uintptr_t)block, size, spot)) {
        note_new(state, (uintptr_t)block, size, spot.node, spot.site);
    }
    self->last_address = (uintptr_t)block;
    self->last_size = size;
    if (CTM_ONE_ATTACHED_STATE && domain != 0 && self->walker != NULL &&
        CTM_UNLIKELY(ctm_walker_attached(self->walker) != state)) {
        ctm_walker_set_attached(self->walker, state);
        self->walker->attached_interp = state == NULL ? NULL : state->interp;
    }
}

static CTM_NOINLINE void note_allocated_slow(struct ctm_thread_local *self, int domain,
                                             PyThreadState *state, void *block, size_t size)
{
    struct caller caller = who_calls(domain, state);
    enum ctm_pass pass = enter_slow(self, caller.owner);
    if (ctm_hooks.tracer.tracing && CTM_LIKELY(self->overlooking == 0)) {
        note_allocated_inside(self, domain, readable_state(self, caller), block, size);
    } else if (ctm_hooks.tracer.tracing) {
        /* What was there before is gone, even if nobody has told. */
        struct ctm_block before;
        (void)ctm_tracer_freed_hook(&ctm_hooks.tracer, (uintptr_t)block, &before);
        self->overlooked = (uintptr_t)block;
    }
    ctm_gate_leave(&ctm_hooks.gate, pass);
}

static CTM_ALWAYS_INLINE void note_allocated(struct ctm_thread_local *self, int domain, void *block,
                                             size_t size)
{
    PyThreadState *state = attached_state(self, domain);
    if (CTM_UNLIKELY(!enter_biased(state))) {
        note_allocated_slow(self, domain, state, block, size);
        return;
    }
    note_allocated_inside(self, domain, state, block, size);
    ctm_gate_leave_biased(&ctm_hooks.gate);
}

/* What a realloc that fails must put back. */
struct removed {
    struct ctm_block block;
    uint64_t era;
    uint64_t given_back;
    bool had_trace;
};

/* Written where it stays: handed back as a value it would be copied at each step. */
static CTM_ALWAYS_INLINE void note_removed_inside(void *block, struct removed *removed)
{
    removed->era = ctm_hooks.tracer.era;
    removed->given_back = ctm_hooks.tracer.reclaim.sites;
    removed->had_trace =
        ctm_tracer_freed_hook(&ctm_hooks.tracer, (uintptr_t)block, &removed->block);
}

static CTM_NOINLINE void note_removed_slow(const struct ctm_thread_local *self,
                                           PyThreadState *state, void *block,
                                           struct removed *removed)
{
    enum ctm_pass pass = enter_slow_without_stack(self, state);
    if (ctm_hooks.tracer.tracing) {
        note_removed_inside(block, removed);
    }
    ctm_gate_leave(&ctm_hooks.gate, pass);
}

/* A block is about to be moved. *removed says that it had no trace. */
static CTM_ALWAYS_INLINE void note_removed(const struct ctm_thread_local *self, int domain,
                                           void *block, struct removed *removed)
{
    PyThreadState *state = attached_state(self, domain);
    if (CTM_UNLIKELY(!enter_biased(state))) {
        note_removed_slow(self, state, block, removed);
        return;
    }
    note_removed_inside(block, removed);
    ctm_gate_leave_biased(&ctm_hooks.gate);
}

static CTM_NOINLINE void note_freed_slow(const struct ctm_thread_local *self, PyThreadState *state,
                                         void *block)
{
    struct ctm_block old;
    enum ctm_pass pass = enter_slow_without_stack(self, state);
    if (ctm_hooks.tracer.tracing) {
        (void)ctm_tracer_freed_hook(&ctm_hooks.tracer, (uintptr_t)block, &old);
    }
    ctm_gate_leave(&ctm_hooks.gate, pass);
}

static CTM_ALWAYS_INLINE void note_freed(const struct ctm_thread_local *self, int domain,
                                         void *block)
{
    struct ctm_block old;
    PyThreadState *state = attached_state(self, domain);
    if (CTM_UNLIKELY(!enter_biased(state))) {
        note_freed_slow(self, state, block);
        return;
    }
    (void)ctm_tracer_freed_hook(&ctm_hooks.tracer, (uintptr_t)block, &old);
    ctm_gate_leave_biased(&ctm_hooks.gate);
}

static CTM_COLD void note_restored(const struct ctm_thread_local *self, int domain, void *block,
                                   const struct removed *removed)
{
    enum ctm_pass pass = enter_slow_without_stack(self, attached_state(self, domain));
    if (ctm_hooks.tracer.tracing && removed->era == ctm_hooks.tracer.era) {
        if (removed->given_back == ctm_hooks.tracer.reclaim.sites) {
            ctm_tracer_restored_hook(&ctm_hooks.tracer, (uintptr_t)block, removed->block);
        } else {
            ctm_hooks.tracer.dropped++; /* its site may have been given back meanwhile */
        }
    }
    ctm_gate_leave(&ctm_hooks.gate, pass);
}

/* ---- the hooks ---- */

/* A call whose block is not to be noted: from inside the wrapped allocator, or a probe's. A tool
 * may ask another domain while it is probed. */
static inline bool passes_through(struct ctm_thread_local *self, int domain)
{
    if (CTM_UNLIKELY(self->inside)) {
        if (self->probed == 1 + domain) {
            self->found = true;
        }
        return true;
    }
    return false;
}

static CTM_ALWAYS_INLINE void *hook_malloc(int domain, size_t size)
{
    struct ctm_thread_local *self = &ctm_thread_state;
    const PyMemAllocatorEx *inner = ctm_inner(domain);
    if (CTM_UNLIKELY(passes_through(self, domain))) {
        return inner->malloc(inner->ctx, size);
    }
    self->inside = true;
    void *block = inner->malloc(inner->ctx, size);
    self->inside = false;
    if (CTM_LIKELY(block != NULL)) {
        note_allocated(self, domain, block, size);
    }
    return block;
}

static CTM_ALWAYS_INLINE void *hook_calloc(int domain, size_t count, size_t size)
{
    struct ctm_thread_local *self = &ctm_thread_state;
    const PyMemAllocatorEx *inner = ctm_inner(domain);
    if (CTM_UNLIKELY(passes_through(self, domain))) {
        return inner->calloc(inner->ctx, count, size);
    }
    self->inside = true;
    void *block = inner->calloc(inner->ctx, count, size);
    self->inside = false;
    if (CTM_LIKELY(block != NULL)) {
        note_allocated(self, domain, block, count * size);
    }
    return block;
}

/* A call that passes through. The block may have a trace all the same: what the wrapped allocator
 * takes for itself while it frees another's, such as a log. What it becomes has none. */
static CTM_NOINLINE void *realloc_inside(const struct ctm_thread_local *self, int domain,
                                         void *block, size_t size)
{
    struct removed removed;
    removed.had_trace = false;
    if (block != NULL) {
        note_removed(self, domain, block, &removed);
    }
    const PyMemAllocatorEx *inner = ctm_inner(domain);
    void *moved = inner->realloc(inner->ctx, block, size);
    if (moved == NULL && removed.had_trace && size != 0) {
        note_restored(self, domain, block, &removed);
    }
    return moved;
}

static CTM_ALWAYS_INLINE void *hook_realloc(int domain, void *block, size_t size)
{
    struct ctm_thread_local *self = &ctm_thread_state;
    if (CTM_UNLIKELY(passes_through(self, domain))) {
        return realloc_inside(self, domain, block, size);
    }
    /* Before the call: after it another thread may own the old address. */
    struct removed removed;
    removed.had_trace = false;
    if (block != NULL) {
        note_removed(self, domain, block, &removed);
    }
    self->inside = true;
    const PyMemAllocatorEx *inner = ctm_inner(domain);
    void *moved = inner->realloc(inner->ctx, block, size);
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
static void forget_state(struct ctm_thread_local *self, const void *block)
{
    struct ctm_walker *walker = self->walker;
    if (walker != NULL && ctm_walker_attached(walker) != NULL &&
        (block == ctm_walker_attached(walker) || block == walker->attached_interp)) {
        ctm_walker_set_attached(walker, NULL);
    }
}

static CTM_ALWAYS_INLINE void hook_free(int domain, void *block)
{
    struct ctm_thread_local *self = &ctm_thread_state;
    /* From inside the wrapped allocator, too: see realloc_inside. */
    (void)passes_through(self, domain);
    if (block == NULL) {
        const PyMemAllocatorEx *inner = ctm_inner(domain);
        inner->free(inner->ctx, block);
        return;
    }
    if (CTM_ONE_ATTACHED_STATE && domain == 0) {
        forget_state(self, block);
    }
    note_freed(self, domain, block);
    /* No flag: what the wrapped allocator frees in turn is noted as well. */
    const PyMemAllocatorEx *inner = ctm_inner(domain);
    inner->free(inner->ctx, block);
}

/* The ctx that comes is not handed on: another tool may have put back a registration of ours from
 * when we wrapped somebody else, and who reads the pair while it is written has one of another's.
 */
#define DEFINE_HOOKS(name, domain)                                                                 \
    static void *name##_malloc(void *ctx, size_t size)                                             \
    {                                                                                              \
        (void)ctx;                                                                                 \
        return hook_malloc(domain, size);                                                          \
    }                                                                                              \
    static void *name##_calloc(void *ctx, size_t count, size_t size)                               \
    {                                                                                              \
        (void)ctx;                                                                                 \
        return hook_calloc(domain, count, size);                                                   \
    }                                                                                              \
    static void *name##_realloc(void *ctx, void *block, size_t size)                               \
    {                                                                                              \
        (void)ctx;                                                                                 \
        return hook_realloc(domain, block, size);                                                  \
    }                                                                                              \
    static void name##_free(void *ctx, void *block)                                                \
    {                                                                                              \
        (void)ctx;                                                                                 \
        hook_free(domain, block);                                                                  \
    }

DEFINE_HOOKS(raw, 0)
DEFINE_HOOKS(mem, 1)
DEFINE_HOOKS(obj, 2)

const PyMemAllocatorEx ctm_hook_functions[CTM_DOMAINS] = {
    {NULL, raw_malloc, raw_calloc, raw_realloc, raw_free},
    {NULL, mem_malloc, mem_calloc, mem_realloc, mem_free},
    {NULL, obj_malloc, obj_calloc, obj_realloc, obj_free},
};

/* The block is in no array. Gate held. */
static CTM_NOINLINE void note_reused_elsewhere(struct ctm_thread_local *self, PyThreadState *state,
                                               uintptr_t block)
{
    struct ctm_block known;
    if (ctm_blocks_get(&ctm_hooks.tracer.blocks, block, &known)) {
        note_newly_reused(state, block, capture(self, state)->node);
    }
}

static CTM_ALWAYS_INLINE void note_reused_inside(struct ctm_thread_local *self,
                                                 PyThreadState *state, uintptr_t block)
{
    struct ctm_dense dense = ctm_blocks_dense(&ctm_hooks.tracer.blocks, block);
    if (CTM_LIKELY(dense.entry != NULL)) {
        struct ctm_spot spot = *capture(self, state);
        if (!ctm_tracer_reused_at_hook(&ctm_hooks.tracer, dense, spot)) {
            note_newly_reused(state, block, spot.node);
        }
    } else if (!ctm_blocks_know_nothing(&ctm_hooks.tracer.blocks, dense)) {
        note_reused_elsewhere(self, state, block);
    }
}

static CTM_NOINLINE int note_reused_slow(struct ctm_thread_local *self, PyThreadState *state,
                                         uintptr_t block)
{
    enum ctm_pass pass = enter_slow_without_stack(self, state);
    if (ctm_hooks.tracer.tracing && CTM_LIKELY(self->overlooking == 0)) {
        note_reused_inside(self, state, block);
    }
    ctm_gate_leave(&ctm_hooks.gate, pass);
    return 0;
}

/* Opaque, so that the caller can jump here: were it known that 0 is returned, it would call, and
 * return 0 itself. */
static CTM_OPAQUE int note_reused(uintptr_t block)
{
    struct ctm_thread_local *self = &ctm_thread_state;
    PyThreadState *state = ctm_attached_state();
    if (CTM_UNLIKELY(!enter_biased(state))) {
        return note_reused_slow(self, state, block);
    }
    note_reused_inside(self, state, block);
    ctm_gate_leave_biased(&ctm_hooks.gate);
    return 0;
}

/*
 * An object was born. In a block of its own that was just allocated: nothing new. In a block from
 * a free list: the block is that of the line that runs now.
 */
int ctm_ref_tracer(PyObject *object, PyRefTracerEvent event, void *data)
{
    (void)data;
    if (event != PyRefTracer_CREATE || object == NULL) {
        return 0;
    }
    struct ctm_thread_local *self = &ctm_thread_state;
    if ((uintptr_t)object - self->last_address < self->last_size) {
        self->last_size = 0;
        return 0;
    }
    return note_reused((uintptr_t)object - ctm_object_preheader(object));
}

const struct ctm_next_ref_tracer *ctm_next_of_registration(const void *key)
{
    const struct ctm_next_ref_tracer *next =
        atomic_load_explicit(&ctm_next_ref_tracers, memory_order_acquire);
    while (next != NULL && next->key != key) {
        next = next->older;
    }
    return next;
}

/*
 * The same where another tool had been told of all births and deaths, and goes on being told; but
 * not of our end, which is its return. A key that is unknown was read while somebody else came or
 * went: then nobody else is told.
 */
int ctm_ref_tracer_before_next(PyObject *object, PyRefTracerEvent event, void *key)
{
    const struct ctm_next_ref_tracer *next = ctm_next_of_registration(key);
    if (next != NULL && object != NULL) {
        /* An older registration of ours may be behind the other tool: the birth is noted once. */
        struct ctm_thread_local *self = &ctm_thread_state;
        uintptr_t last_address = self->last_address;
        size_t last_size = self->last_size;
        self->last_address = (uintptr_t)object;
        self->last_size = 1;
        (void)next->tracer(object, event, next->data);
        self->last_address = last_address;
        self->last_size = last_size;
    }
    return ctm_ref_tracer(object, event, NULL);
}

/* ---- what libraries report ---- */

/* A report may come when the interpreter is gone, so nothing is asked of it unless we trace. A
 * glance without the gate: who reports while tracing starts or ends may be early or late. */
static bool traces_maybe(void)
{
    return __atomic_load_n(&ctm_hooks.tracer.tracing, __ATOMIC_RELAXED);
}

static CTM_ALWAYS_INLINE int track_inside(struct ctm_thread_local *self, PyThreadState *state,
                                          unsigned int domain, uintptr_t address, size_t size)
{
    if (domain == 0 && address == self->last_address) {
        self->last_address = 0; /* freed, and another's now: this one is not to be disowned */
    }
    uint32_t node = capture(self, state)->node;
    return ctm_tracer_track_hook(&ctm_hooks.tracer, domain, address, size, node) < 0 ? -1 : 0;
}

static CTM_NOINLINE int track_slow(struct ctm_thread_local *self, PyThreadState *state,
                                   unsigned int domain, uintptr_t address, size_t size)
{
    struct caller caller = who_calls(0, state);
    enum ctm_pass pass = enter_slow(self, caller.owner);
    int result = ctm_hooks.tracer.tracing
                     ? track_inside(self, readable_state(self, caller), domain, address, size)
                     : -2;
    ctm_gate_leave(&ctm_hooks.gate, pass);
    return result;
}

int ctm_hooks_track(unsigned int domain, uintptr_t address, size_t size)
{
    if (!traces_maybe()) {
        return -2;
    }
    struct ctm_thread_local *self = &ctm_thread_state;
    PyThreadState *state = attached_state(self, 0);
    if (CTM_UNLIKELY(!enter_biased(state))) {
        return track_slow(self, state, domain, address, size);
    }
    int result = track_inside(self, state, domain, address, size);
    ctm_gate_leave_biased(&ctm_hooks.gate);
    return result;
}

/* Apart, since gcc would make captures slower where this is a part of its callers. */
static CTM_NOINLINE void untrack_inside(const struct ctm_thread_local *self, unsigned int domain,
                                        uintptr_t address)
{
    if (domain == 0 && address == self->last_address) {
        ctm_tracer_disown_hook(&ctm_hooks.tracer, address);
    } else {
        ctm_tracer_untrack_hook(&ctm_hooks.tracer, domain, address);
    }
}

static CTM_NOINLINE int untrack_slow(const struct ctm_thread_local *self, PyThreadState *state,
                                     unsigned int domain, uintptr_t address)
{
    int result = -2;
    enum ctm_pass pass = enter_slow_without_stack(self, state);
    if (ctm_hooks.tracer.tracing) {
        untrack_inside(self, domain, address);
        result = 0;
    }
    ctm_gate_leave(&ctm_hooks.gate, pass);
    return result;
}

int ctm_hooks_untrack(unsigned int domain, uintptr_t address)
{
    if (!traces_maybe()) {
        return -2;
    }
    const struct ctm_thread_local *self = &ctm_thread_state;
    PyThreadState *state = attached_state(self, 0);
    if (CTM_UNLIKELY(!enter_biased(state))) {
        return untrack_slow(self, state, domain, address);
    }
    untrack_inside(self, domain, address);
    ctm_gate_leave_biased(&ctm_hooks.gate);
    return 0;
}
