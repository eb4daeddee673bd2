/*
 * The frame walk: from a thread state to a node of the engine's stacks.
 *
 * The only part that knows how CPython lays out its frames. A walker belongs to one thread and
 * remembers the levels of the stack that it saw last; most of them are still there at the next
 * capture and are then only verified: a comparison of two pointers each. A pointer is followed
 * only after it was found in the chain that starts at the thread state, so nothing that died is
 * ever read.
 *
 * Functions ending in _hook are called with the tracer's gate held, by the thread whose state it
 * is, attached or not: a detached thread stands still and so do its frames. They touch no
 * reference count and call nothing of Python's.
 */
#ifndef CTM_CPYTHON_FRAMES_H
#define CTM_CPYTHON_FRAMES_H

#include <Python.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/gate.h"
#include "engine/tracer.h"

enum ctm_capture_kind {
    CTM_CAPTURE_NEWEST,           /* one frame */
    CTM_CAPTURE_NEWEST_AND_DEPTH, /* one frame, with total_nframe */
    CTM_CAPTURE_WINDOW,           /* more */
};

struct ctm_capture_options {
    uint32_t nframe;   /* newest frames to keep, 1 to 65535 */
    uint32_t stride;   /* the window's lower end moves in steps of so many levels, a power of two */
    bool total_nframe; /* nodes know the depth of the whole stack */
    enum ctm_capture_kind kind; /* follows from the others: hooks look at one thing */
};

/* One level of a remembered stack, in two halves: what every capture verifies, and what is known of
 * it. */
struct ctm_frame_place {
    const void *frame;
    uintptr_t instruction;
};

struct ctm_level {
    uint32_t frame_id;
    uint32_t node;
};

/* What a capture at a depth verifies: worked out once for all captures there that find nothing
 * changed. */
struct ctm_aim {
    const struct ctm_frame_place *newest; /* of the callers, which lie below in one row */
    const struct ctm_frame_place *end;    /* below the last */
    uint32_t count;                       /* of them */
    uint32_t depth;                       /* of the stack; 0: all this is void */
    uint32_t parent;                      /* of the newest frame's node */
    bool whole;                           /* the last is the oldest of all */
};

struct ctm_walker {
    struct ctm_walker *next; /* in the list of all walkers */
    struct ctm_walker *next_unused;
    struct ctm_frame_place *places; /* a ring, twice; level 0 is the oldest frame of the thread */
    struct ctm_level *levels;       /* a ring of the same length, in the same mapping */
    uint32_t mask;                  /* of a ring */
    uint32_t low;                   /* levels [low, high) are remembered, nodes rooted at low */
    uint32_t high;
    struct ctm_aim aim;
    uint64_t generation; /* of the tracer, when they were */
    const void *below;   /* what the oldest frame of all had for a caller: no frame that is shown */
    /* Depth of the stack, by the recursion counter of `state` where that can be trusted. */
    const void *state;
    const void *chunk;      /* newest chunk of the data stack at the last capture */
    const void *root_chunk; /* the oldest one */
    uint32_t sure_depth;    /* a stack of at most so many frames, of which the newest is shown, has
                               none that is counted but not shown, or shown but not counted; 0:
                               that is not known */
    bool count_frames;      /* the counter is not to be trusted here */
    /* Where CTM_ONE_ATTACHED_STATE: the state that this thread was last attached with; NULL once
     * this thread has freed it, or a start of tracing has forgotten it. Its own thread looks at it
     * without the gate, too, and then only compares. */
    _Atomic(PyThreadState *) attached;
    const PyInterpreterState *attached_interp; /* whose it is: `attached` may be gone */
    struct ctm_seat seat;                      /* of the thread at the hooks' gate */
};

static inline PyThreadState *ctm_walker_attached(const struct ctm_walker *walker)
{
    return atomic_load_explicit(&walker->attached, memory_order_relaxed);
}

static inline void ctm_walker_set_attached(struct ctm_walker *walker, PyThreadState *state)
{
    atomic_store_explicit(&walker->attached, state, memory_order_relaxed);
}

void ctm_capture_options_init(struct ctm_capture_options *options, uint32_t nframe,
                              bool total_nframe);

/* Make a walker fit for these options, after a time without captures; its memory is from `pages`.
 * CTM_ENOMEM. */
CTM_MUST_CHECK int ctm_walker_init(struct ctm_walker *walker, struct ctm_pages *pages,
                                   const struct ctm_capture_options *options);

/* After a capture (capture.h) of which the site was not the node's: remember the one that it has by
 * now. */
void ctm_capture_learn_hook(PyThreadState *state, struct ctm_tracer *tracer, uint32_t node);

/* Whether who is attached with this state holds the main interpreter's GIL. */
bool ctm_state_has_main_gil(PyThreadState *state);

/* Remember the main interpreter's GIL: to be called once, before the above. */
void ctm_frames_init(void);

/*
 * Compare the layout that this was compiled for with the running interpreter: its version, the
 * offsets it publishes, and a walk of the calling thread's stack against the public frame API.
 * With the GIL held. 0, or -1 with a RuntimeError that says what differs.
 */
int ctm_frames_check(void);

#endif
