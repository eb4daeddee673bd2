/*
 * The capture of the calling thread's stack, as far as it is done at once: most captures with a
 * limit of one frame, and the begin of those with more. Inline, since on this path a call costs as
 * much as a dozen instructions.
 *
 * For sources that define Py_BUILD_CORE_MODULE before they include anything.
 */
#ifndef CTM_CPYTHON_CAPTURE_H
#define CTM_CPYTHON_CAPTURE_H

#include "cpython/frames.h"
#include "cpython/interpreter_frame.h"

/* Frames that the public API would show of the state's stack, whose newest frame is one of them; 0:
 * that takes a look at frames. */
static inline uint32_t ctm_depth_at_once(const struct ctm_walker *walker, PyThreadState *state)
{
    uint32_t depth = (uint32_t)ctm_recursion_depth(state);
    bool known = CTM_LIKELY(depth - 1 < walker->sure_depth) && CTM_LIKELY(walker->state == state) &&
                 CTM_LIKELY(walker->chunk == state->datastack_chunk);
    return known ? depth : 0;
}

/* To be called with the depth of each stack that is captured, if none of its frames is hidden. A
 * stack of one frame more has none either, if its newest is not: see frames.c. */
static inline void ctm_note_depth(struct ctm_walker *walker, uint32_t depth)
{
    walker->sure_depth = depth + 1;
}

/*
 * Functions below hand a spot out where it is remembered: it is valid until the gate is left, or
 * another stack is captured.
 */

/* What is handed out where there is no memory. */
extern const struct ctm_spot ctm_no_spot;

/* The node of a location under a parent that is not the one that it was last seen under. */
const struct ctm_spot *ctm_capture_child_hook(struct ctm_tracer *tracer,
                                              struct ctm_location *location, uint32_t parent);

/* Any stack. `location` is that of the newest frame, NULL where it is not known yet. */
const struct ctm_spot *ctm_capture_any_hook(struct ctm_walker *walker, PyThreadState *state,
                                            struct ctm_tracer *tracer,
                                            const struct ctm_capture_options *options,
                                            struct ctm_location *location);

/* A stack of `depth` frames, `location` being that of the newest, with a limit of more than one. */
const struct ctm_spot *ctm_capture_window_hook(struct ctm_walker *walker, struct ctm_tracer *tracer,
                                               const struct ctm_capture_options *options,
                                               const ctm_frame *newest,
                                               struct ctm_location *location, uint32_t depth);

/*
 * The calling thread's stack. `state` NULL: no thread state, the unknown node. Of the node
 * CTM_NO_CONTEXT when there is no memory.
 */
static CTM_ALWAYS_INLINE const struct ctm_spot *
ctm_capture_hook(struct ctm_walker *walker, PyThreadState *state, struct ctm_tracer *tracer,
                 const struct ctm_capture_options *options)
{
    const ctm_frame *newest = state == NULL ? NULL : ctm_newest_frame(state);
    if (CTM_UNLIKELY(newest == NULL)) {
        return ctm_capture_any_hook(walker, state, tracer, options, NULL);
    }
    /* A plain location tells that the frame is shown, without a look at it, and that the stack is
     * as deep as the counter says, if it was; and only such a location has a parent. */
    struct ctm_location *location =
        ctm_locations_find(&tracer->locations, ctm_frame_instruction(newest));
    if (CTM_UNLIKELY(location == NULL)) {
        return ctm_capture_any_hook(walker, state, tracer, options, NULL);
    }
    if (CTM_LIKELY(options->kind == CTM_CAPTURE_NEWEST_AND_DEPTH)) {
        uint32_t depth = ctm_depth_at_once(walker, state);
        uint32_t parent = ctm_stacks_root(depth - 1);
        if (CTM_LIKELY(depth != 0) && CTM_LIKELY(location->parent == parent)) {
            ctm_note_depth(walker, depth);
            return &location->spot;
        }
        if (depth != 0 && location->plain) {
            ctm_note_depth(walker, depth);
            return ctm_capture_child_hook(tracer, location, parent);
        }
        return ctm_capture_any_hook(walker, state, tracer, options, location);
    }
    if (options->kind == CTM_CAPTURE_NEWEST) {
        return CTM_LIKELY(location->parent == ctm_stacks_root(0))
                   ? &location->spot
                   : ctm_capture_any_hook(walker, state, tracer, options, location);
    }
    uint32_t depth = location->plain ? ctm_depth_at_once(walker, state) : 0;
    if (CTM_UNLIKELY(depth == 0)) {
        return ctm_capture_any_hook(walker, state, tracer, options, location);
    }
    ctm_note_depth(walker, depth);
    return ctm_capture_window_hook(walker, tracer, options, newest, location, depth);
}

#endif
