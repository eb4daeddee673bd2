#define Py_BUILD_CORE_MODULE 1

#include "cpython/frames.h"

#include "cpython/capture.h"
#include "cpython/code_locations.h"
#include "cpython/interpreter_frame.h"

#include <internal/pycore_interp.h>

/* ---- the GIL ---- */

#if PY_VERSION_HEX >= 0x030C0000
static const void *main_gil;

static const void *gil_of(PyInterpreterState *interpreter)
{
    return interpreter->ceval.gil;
}

bool ctm_state_has_main_gil(PyThreadState *state)
{
    return gil_of(state->interp) == main_gil;
}

void ctm_frames_init(void)
{
    main_gil = gil_of(PyInterpreterState_Main());
}
#else
bool ctm_state_has_main_gil(PyThreadState *state)
{
    (void)state;
    return true;
}

void ctm_frames_init(void)
{
}
#endif

/* ---- locations ---- */

/* What is known of the instruction at which a frame stands. NULL: no memory. */
static inline struct ctm_location *locate(struct ctm_tracer *tracer, const ctm_frame *frame,
                                          uintptr_t instruction)
{
    struct ctm_location *location = ctm_locations_find(&tracer->locations, instruction);
    return CTM_LIKELY(location != NULL)
               ? location
               : ctm_code_locate_hook(tracer, ctm_frame_code(frame), instruction);
}

const struct ctm_spot ctm_no_spot = {CTM_NO_CONTEXT, CTM_NO_SITE};

/* A spot that no location remembers. */
static const struct ctm_spot *hand_out(struct ctm_spot spot)
{
    static struct ctm_spot handed_out; /* guarded by the gate */
    handed_out = spot;
    return &handed_out;
}

/* Not to become a part of each hook, which would have more registers to save. */
CTM_NOINLINE const struct ctm_spot *
ctm_capture_child_hook(struct ctm_tracer *tracer, struct ctm_location *location, uint32_t parent)
{
    struct ctm_spot spot;
    if (ctm_stacks_spot(&tracer->stacks, parent, location->frame, &spot) < 0) {
        return &ctm_no_spot;
    }
    if (!location->plain) {
        return hand_out(spot);
    }
    location->parent = parent;
    location->spot = spot;
    return &location->spot;
}

/* Where a location under a parent leads: nearly always where it led last time. */
static inline const struct ctm_spot *child_of(struct ctm_tracer *tracer,
                                              struct ctm_location *location, uint32_t parent)
{
    return CTM_LIKELY(location->parent == parent)
               ? &location->spot
               : ctm_capture_child_hook(tracer, location, parent);
}

/* ---- depth ---- */

/*
 * The interpreter's recursion counter makes it needless to walk the whole stack, but it counts
 * hidden frames too: the newest one before its first traceable instruction, and the helper frame
 * below an __init__ that a specialised call of a class enters directly. The former is always on
 * top. The latter is pushed right after the new object was allocated, which is a capture, by the
 * frame that is the newest one then: so since the last capture, at a depth of n, at most one was
 * pushed, as number n. All hidden frames are therefore where the last capture found one, or at that
 * number, and those below the lesser of the two are not hidden. The frame at it is not either, if
 * it is the newest of all and known to be shown.
 *
 * What it does not count are generators and coroutines that wait for another one into which
 * something is thrown through them: they are put on the stack, but not run. The one that it is
 * thrown into is run next, and the first thing that happens there is an entry of a traceback: an
 * allocation, by a frame that stands where it was suspended. So after a capture there all of the
 * stack is compared with the counter, and as long as that does not agree its frames are counted.
 */

static uint32_t count_frames(const ctm_frame *frame)
{
    uint32_t count = 0;
    while (frame != NULL) {
        count++;
        frame = ctm_frame_first_shown(frame->previous);
    }
    return count;
}

/*
 * Count the hidden frames among those with the numbers [low, end), from `frame` on down, the oldest
 * frame's number being 0, and find the lowest, if there is one. False: the stack is not as long as
 * the counter says.
 */
static bool count_hidden(const ctm_frame *frame, uint32_t end, uint32_t low, uint32_t *hidden,
                         uint32_t *lowest)
{
    uint32_t number = end;
    for (; frame != NULL && number > low; frame = frame->previous) {
        if (!ctm_frame_is_shim(frame)) {
            number--;
            if (ctm_frame_is_incomplete(frame)) {
                (*hidden)++;
                *lowest = number;
            }
        }
    }
    while (low == 0 && frame != NULL && ctm_frame_is_shim(frame)) {
        frame = frame->previous;
    }
    return number == low && (low != 0 || frame == NULL);
}

/* Hidden frames from the top down to the first that is shown. */
static uint32_t hidden_above(const ctm_frame *top, const ctm_frame *newest)
{
    uint32_t count = 0;
    for (; top != newest; top = top->previous) {
        count += ctm_frame_is_shim(top) ? 0 : 1;
    }
    return count;
}

/*
 * Called when the newest chunk of the data stack is another than last time. Greenlets each have a
 * data stack of their own and begin with their starter's recursion depth: once a thread was seen on
 * a second data stack, its frames are counted one by one.
 */
static CTM_NOINLINE void check_data_stack(struct ctm_walker *walker, PyThreadState *state)
{
    if (walker->state != state) {
        walker->state = state;
        walker->root_chunk = NULL;
        walker->count_frames = false;
        walker->sure_depth = 0;
    }
    const _PyStackChunk *root = state->datastack_chunk;
    walker->chunk = root;
    while (root != NULL && root->previous != NULL) {
        root = root->previous;
    }
    if (root != walker->root_chunk) {
        walker->count_frames = walker->count_frames || walker->root_chunk != NULL;
        walker->root_chunk = root;
        /* As if the last capture had been on an empty stack: all frames will be looked at. */
        walker->sure_depth = 0;
    }
}

/* Frames that the public API would show of any stack, of which `newest` is the first. */
static uint32_t depth_of(struct ctm_walker *walker, PyThreadState *state, const ctm_frame *newest)
{
    int by_counter = ctm_recursion_depth(state);
    if (by_counter <= 0) {
        return count_frames(newest);
    }
    if (walker->state != state || walker->chunk != state->datastack_chunk) {
        check_data_stack(walker, state);
    }
    if (walker->count_frames) {
        return count_frames(newest);
    }
    uint32_t depth = (uint32_t)by_counter - hidden_above(ctm_newest_frame(state), newest);
    uint32_t low = walker->sure_depth == 0 ? 0 : walker->sure_depth - 1;
    uint32_t hidden = 0;
    uint32_t lowest = depth;
    bool counted = depth - 1 < walker->sure_depth ||
                   count_hidden(newest->previous, depth - 1, low, &hidden, &lowest);
    if (!counted) {
        walker->sure_depth = 0;
        return count_frames(newest);
    }
    ctm_note_depth(walker, lowest);
    return depth - hidden;
}

/* ---- capture ---- */

static inline bool remembers(const struct ctm_walker *walker, uint32_t level)
{
    return level - walker->low < walker->high - walker->low;
}

static inline struct ctm_frame_place *place_at(const struct ctm_walker *walker, uint32_t level)
{
    return &walker->places[level & walker->mask];
}

static inline struct ctm_level *level_at(const struct ctm_walker *walker, uint32_t level)
{
    return &walker->levels[level & walker->mask];
}

/*
 * What is remembered of a level, those below it being in one row from there down. A level that lies
 * past the ring's end stands a second time behind it, so that no depth has a row in two pieces.
 */
static inline struct ctm_frame_place *row_from(const struct ctm_walker *walker, uint32_t level)
{
    struct ctm_frame_place *place = place_at(walker, level);
    return CTM_LIKELY(level <= walker->mask) ? place : place + walker->mask + 1;
}

static inline void set_place(struct ctm_walker *walker, uint32_t level, const ctm_frame *frame,
                             uintptr_t instruction)
{
    struct ctm_frame_place *place = place_at(walker, level);
    *place = (struct ctm_frame_place){frame, instruction};
    if (CTM_UNLIKELY(level > walker->mask)) {
        place[walker->mask + 1] = *place;
    }
}

/* The lowest level of which the node must be found anew. */
struct change {
    uint32_t level;
    /* What is known of the instruction there, if it was looked up; else NULL. */
    struct ctm_location *location;
};

/* Note what stands at a level; if its frame id changed, then so in *change. CTM_ENOMEM. */
static inline int note_level(struct ctm_walker *walker, struct ctm_tracer *tracer, uint32_t level,
                             const ctm_frame *frame, uintptr_t instruction, struct change *change)
{
    struct ctm_level *known = level_at(walker, level);
    bool remembered = remembers(walker, level);
    bool same = remembered && place_at(walker, level)->instruction == instruction;
    set_place(walker, level, frame, instruction);
    if (same) {
        return CTM_OK;
    }
    struct ctm_location *location = locate(tracer, frame, instruction);
    if (location == NULL) {
        return CTM_ENOMEM;
    }
    change->location = NULL; /* it may just have moved */
    if (!remembered || known->frame_id != location->frame) {
        known->frame_id = location->frame;
        if (level <= change->level) {
            *change = (struct change){level, location};
        }
    }
    return CTM_OK;
}

/* Whether one frame, and that a hidden one, is between `frame` and `caller`. */
static inline bool is_called_through(const ctm_frame *frame, const ctm_frame *caller)
{
    /* Read anew: nearly always it was only compared, which needs no register. */
    const ctm_frame *between = *(ctm_frame *const volatile *)&frame->previous;
    return between != NULL && between->previous == caller && ctm_frame_is_hidden(between);
}

/* Whether the next frame that is shown is `caller`. Never wrong when true; false too where more
 * than one is hidden in between, which is rare. */
static inline bool is_called_by(const ctm_frame *frame, const ctm_frame *caller)
{
    return CTM_LIKELY(frame->previous == caller) || is_called_through(frame, caller);
}

/* Whether `callee` was called by what is remembered at `place`. */
static inline bool is_under(const ctm_frame *callee, const struct ctm_frame_place *place)
{
    return is_called_by(callee, place->frame) &&
           CTM_LIKELY(place->instruction == ctm_frame_instruction(place->frame));
}

/* Whether the callers of `callee` are as remembered at `place` and below, over two and four levels.
 * Loads through the remembered pointer once it is verified, not through the one just read: then the
 * loads of many levels run at the same time. */
static CTM_ALWAYS_INLINE bool are_2_under(const ctm_frame *callee,
                                          const struct ctm_frame_place *place)
{
    return is_under(callee, place) && is_under(place->frame, place - 1);
}

static CTM_ALWAYS_INLINE bool are_4_under(const ctm_frame *callee,
                                          const struct ctm_frame_place *place)
{
    return are_2_under(callee, place) && are_2_under(place[-1].frame, place - 2);
}

/* From `frame` at *level down to the first level of [stop, *level) below which something changed,
 * all of them being remembered: becomes *level. Returns the frame there. */
static inline const ctm_frame *skip_unchanged(const struct ctm_walker *walker, uint32_t stop,
                                              const ctm_frame *frame, uint32_t *level)
{
    uint32_t left = *level - stop;
    const struct ctm_frame_place *place = row_from(walker, *level - 1);
    /* Several levels a turn, since the end of a loop costs as much as half a level. */
    for (; left >= 4 && are_4_under(frame, place); left -= 4) {
        frame = place[-3].frame;
        place -= 4;
    }
    for (; left > 0 && is_under(frame, place); left--) {
        frame = place->frame;
        place--;
    }
    *level = stop + left;
    return frame;
}

/*
 * The same for callers that are other frames than those remembered, but stand at the same
 * instructions, as those of coroutines in turn do: so much for their nodes. Ends at a frame that is
 * remembered, too: from there on the above is faster.
 */
static inline const ctm_frame *replace_frames(struct ctm_walker *walker, uint32_t stop,
                                              const ctm_frame *frame, uint32_t *level)
{
    while (*level > stop) {
        const ctm_frame *caller = frame->previous;
        const struct ctm_frame_place *place = place_at(walker, *level - 1);
        if (caller == NULL || caller == place->frame ||
            place->instruction != ctm_frame_instruction(caller) || ctm_frame_is_hidden(caller)) {
            break;
        }
        (*level)--;
        set_place(walker, *level, caller, place->instruction);
        frame = caller;
    }
    return frame;
}

/* How a walk over the levels below the newest frame ended. */
enum walk_end { WALK_DONE, WALK_WRONG_DEPTH, WALK_NO_MEMORY };

/*
 * Verify the levels [floor, level), `frame` standing at `level`, and renew those that changed;
 * *change becomes the lowest of them, if that is lower than what it is.
 */
static enum walk_end walk_levels(struct ctm_walker *walker, struct ctm_tracer *tracer,
                                 const ctm_frame *frame, uint32_t level, uint32_t floor,
                                 struct change *change)
{
    uint32_t stop = walker->low < floor ? floor : walker->low;
    while (level > floor) {
        if (remembers(walker, level - 1)) {
            frame = skip_unchanged(walker, stop, frame, &level);
            frame = replace_frames(walker, stop, frame, &level);
            if (level == floor) {
                break;
            }
        }
        frame = ctm_frame_first_shown(frame->previous);
        if (frame == NULL) {
            return WALK_WRONG_DEPTH;
        }
        level--;
        if (note_level(walker, tracer, level, frame, ctm_frame_instruction(frame), change) < 0) {
            return WALK_NO_MEMORY;
        }
    }
    if (floor == 0) {
        if (ctm_frame_first_shown(frame->previous) != NULL) {
            return WALK_WRONG_DEPTH;
        }
        walker->below = frame->previous;
    }
    return WALK_DONE;
}

static inline uint32_t root_of(const struct ctm_capture_options *options, uint32_t left_out)
{
    return ctm_stacks_root(options->total_nframe ? left_out : 0);
}

/* Find the nodes of the levels from the lowest that changed to below `top` anew. */
static bool renew_nodes(struct ctm_walker *walker, struct ctm_tracer *tracer, uint32_t root,
                        uint32_t base, struct change change, uint32_t top)
{
    uint32_t level = change.level;
    uint32_t parent = level == base ? root : level_at(walker, level - 1)->node;
    if (change.location != NULL && change.location->parent == parent) {
        /* A call as the last one from there, which spares a look into a large table. */
        parent = change.location->spot.node;
        level_at(walker, level)->node = parent;
        level++;
    }
    for (; level < top; level++) {
        struct ctm_level *known = level_at(walker, level);
        if (ctm_stacks_child(&tracer->stacks, parent, known->frame_id, &known->node) < 0) {
            return false;
        }
        parent = known->node;
    }
    return true;
}

static void forget(struct ctm_walker *walker)
{
    walker->low = 0;
    walker->high = 0;
    walker->aim.depth = 0;
}

/*
 * Verify the levels [lowest, level), `frame` standing at `level`, those from there to `top` being
 * verified, and find the nodes of those that changed. WALK_DONE: all nodes from `lowest` to below
 * `top` are right, and those from `base` on are there. Else nothing is remembered any more.
 */
static enum walk_end renew_levels(struct ctm_walker *walker, struct ctm_tracer *tracer,
                                  uint32_t root, const ctm_frame *frame, uint32_t level,
                                  uint32_t base, uint32_t lowest, uint32_t top)
{
    bool same_base = walker->low == base && walker->high > base;
    struct change change = {same_base ? (walker->high < top ? walker->high : top) : base, NULL};
    uint32_t floor = same_base && walker->high >= lowest ? lowest : base;
    enum walk_end end = walk_levels(walker, tracer, frame, level, floor, &change);
    if (end == WALK_DONE && change.level < top &&
        !renew_nodes(walker, tracer, root, base, change, top)) {
        end = WALK_NO_MEMORY;
    }
    if (end != WALK_DONE) {
        forget(walker);
        return end;
    }
    if (!same_base || change.level < top) {
        /* What was remembered above is no longer true. */
        walker->high = top;
    }
    walker->low = base;
    return WALK_DONE;
}

/* The oldest level that is kept of a stack of `depth` frames. */
static inline uint32_t base_of(const struct ctm_capture_options *options, uint32_t depth)
{
    return depth <= options->nframe ? 0 : (depth - options->nframe) & ~(options->stride - 1);
}

/*
 * The oldest level that a trace of a stack of `depth` frames shows. Those from the base to here are
 * not verified: they are cut off when a snapshot is taken, so any path that leads to the right root
 * will do.
 */
static inline uint32_t lowest_of(const struct ctm_capture_options *options, uint32_t depth)
{
    return depth <= options->nframe ? 0 : depth - options->nframe;
}

/*
 * Prepare to verify the callers in a stack of `depth` frames, as often as there are captures at
 * this depth. False: not all of them are remembered.
 */
static inline bool aim(struct ctm_walker *walker, const struct ctm_tracer *tracer,
                       const struct ctm_capture_options *options, uint32_t depth)
{
    uint32_t base = base_of(options, depth);
    uint32_t top = depth - 1;
    uint32_t count = top - lowest_of(options, depth);
    if (walker->generation != tracer->generation || walker->low != base || walker->high < top) {
        return false;
    }
    walker->aim.depth = depth;
    walker->aim.count = count;
    walker->aim.newest = count == 0 ? walker->places : row_from(walker, top - 1);
    walker->aim.end = walker->aim.newest - count;
    walker->aim.whole = count == top;
    walker->aim.parent = top == base ? root_of(options, base) : level_at(walker, top - 1)->node;
    return true;
}

/*
 * The spot of a stack of `depth` frames, those from `level` to the newest being as remembered and
 * `frame` standing there, but not all of the others.
 *
 * Only callers are remembered. What was remembered at the newest frame's level and above stays: it
 * is verified when calls lead there again, and is then still right if the frames stand where they
 * stood.
 */
static CTM_NOINLINE const struct ctm_spot *
capture_changed(struct ctm_walker *walker, struct ctm_tracer *tracer,
                const struct ctm_capture_options *options, const ctm_frame *newest,
                const ctm_frame *frame, uint32_t level, uint32_t depth)
{
    uint32_t base = base_of(options, depth);
    uint32_t top = depth - 1;
    walker->aim.depth = 0;
    if (walker->generation != tracer->generation) {
        walker->generation = tracer->generation;
        forget(walker);
    }
    enum walk_end end = renew_levels(walker, tracer, root_of(options, base), frame, level, base,
                                     lowest_of(options, depth), top);
    if (end == WALK_WRONG_DEPTH) {
        walker->sure_depth = 0;
        uint32_t right = count_frames(newest);
        return capture_changed(walker, tracer, options, newest, newest, right - 1, right);
    }
    if (end == WALK_NO_MEMORY) {
        return &ctm_no_spot;
    }
    /* Found now: it moves when others are added. */
    struct ctm_location *location =
        ctm_locations_find(&tracer->locations, ctm_frame_instruction(newest));
    uint32_t parent = top == base ? root_of(options, base) : level_at(walker, top - 1)->node;
    return child_of(tracer, location, parent);
}

/* Of a stack of another depth than the last. */
static CTM_NOINLINE const struct ctm_spot *
capture_elsewhere(struct ctm_walker *walker, struct ctm_tracer *tracer,
                  const struct ctm_capture_options *options, const ctm_frame *newest,
                  struct ctm_location *location, uint32_t depth)
{
    return aim(walker, tracer, options, depth)
               ? ctm_capture_window_hook(walker, tracer, options, newest, location, depth)
               : capture_changed(walker, tracer, options, newest, newest, depth - 1, depth);
}

/* Of a stack as aimed at, of which the callers above `place` are as remembered and `frame` is the
 * last of them, but not all of the others. */
static CTM_NOINLINE const struct ctm_spot *
capture_from(struct ctm_walker *walker, struct ctm_tracer *tracer,
             const struct ctm_capture_options *options, const ctm_frame *newest,
             const ctm_frame *frame, const struct ctm_frame_place *place)
{
    uint32_t depth = walker->aim.depth;
    uint32_t level = depth - 1 - (uint32_t)(walker->aim.newest - place);
    return capture_changed(walker, tracer, options, newest, frame, level, depth);
}

/* Whether all callers that were aimed at are as remembered, *frame being the newest of all. *frame
 * and *place become those of the oldest, or of one above those that are not. */
static CTM_ALWAYS_INLINE bool are_as_aimed(const struct ctm_aim *aim, const ctm_frame **frame,
                                           const struct ctm_frame_place **place)
{
    if ((aim->count & 1) != 0) {
        if (!is_under(*frame, *place)) {
            return false;
        }
        *frame = (*place)->frame;
        *place -= 1;
    }
    if ((aim->count & 2) != 0) {
        if (!are_2_under(*frame, *place)) {
            return false;
        }
        *frame = (*place)[-1].frame;
        *place -= 2;
    }
    for (; *place != aim->end; *place -= 4) {
        if (!are_4_under(*frame, *place)) {
            return false;
        }
        *frame = (*place)[-3].frame;
    }
    return true;
}

/* Where nothing changed it calls no function, and so has no registers to save: who must, does the
 * rest. */
const struct ctm_spot *ctm_capture_window_hook(struct ctm_walker *walker, struct ctm_tracer *tracer,
                                               const struct ctm_capture_options *options,
                                               const ctm_frame *newest,
                                               struct ctm_location *location, uint32_t depth)
{
    if (CTM_UNLIKELY(walker->aim.depth != depth || walker->generation != tracer->generation)) {
        return capture_elsewhere(walker, tracer, options, newest, location, depth);
    }
    const ctm_frame *frame = newest;
    const struct ctm_frame_place *place = walker->aim.newest;
    if (CTM_UNLIKELY(!are_as_aimed(&walker->aim, &frame, &place)) ||
        (walker->aim.whole && CTM_UNLIKELY(frame->previous != walker->below))) {
        return capture_from(walker, tracer, options, newest, frame, place);
    }
    return child_of(tracer, location, walker->aim.parent);
}

const struct ctm_spot *ctm_capture_any_hook(struct ctm_walker *walker, PyThreadState *state,
                                            struct ctm_tracer *tracer,
                                            const struct ctm_capture_options *options,
                                            struct ctm_location *location)
{
    const ctm_frame *newest = state == NULL ? NULL : ctm_newest_frame(state);
    if (location == NULL || !location->plain) {
        newest = ctm_frame_first_shown(newest);
        location = NULL;
    }
    if (newest == NULL) {
        return hand_out(ctm_tracer_spot(tracer, CTM_UNKNOWN_NODE));
    }
    if (location == NULL) {
        location = locate(tracer, newest, ctm_frame_instruction(newest));
        if (location == NULL) {
            /* Not a capture at a depth that is noted: any frame may be hidden by the next. */
            walker->sure_depth = 0;
            return &ctm_no_spot;
        }
    }
    if (!location->plain) {
        walker->sure_depth = 0;
    }
    if (options->nframe == 1) {
        uint32_t left_out = options->total_nframe ? depth_of(walker, state, newest) - 1 : 0;
        return child_of(tracer, location, root_of(options, left_out));
    }
    return ctm_capture_window_hook(walker, tracer, options, newest, location,
                                   depth_of(walker, state, newest));
}

void ctm_capture_learn_hook(PyThreadState *state, struct ctm_tracer *tracer, uint32_t node)
{
    if (node == CTM_NO_CONTEXT) {
        return;
    }
    ctm_stacks_learn_site(&tracer->stacks, node);
    const ctm_frame *newest = state == NULL ? NULL : ctm_newest_frame(state);
    struct ctm_location *location =
        newest == NULL ? NULL
                       : ctm_locations_find(&tracer->locations, ctm_frame_instruction(newest));
    if (location != NULL && location->plain && location->parent != CTM_NO_CONTEXT &&
        location->spot.node == node) {
        location->spot = ctm_tracer_spot(tracer, node);
    }
}

/* ---- set-up ---- */

enum {
    LARGEST_STRIDE = 16,
    LEAST_RING = 256, /* levels: most stacks have none past the ring's end */
};

/* The largest power of two that neither the window nor LARGEST_STRIDE is below. */
static uint32_t stride_for(uint32_t nframe)
{
    uint32_t stride = 1;
    while (stride < LARGEST_STRIDE && stride * 2 <= nframe) {
        stride *= 2;
    }
    return stride;
}

void ctm_capture_options_init(struct ctm_capture_options *options, uint32_t nframe,
                              bool total_nframe)
{
    options->nframe = nframe;
    options->stride = stride_for(nframe);
    options->total_nframe = total_nframe;
    options->kind = nframe > 1     ? CTM_CAPTURE_WINDOW
                    : total_nframe ? CTM_CAPTURE_NEWEST_AND_DEPTH
                                   : CTM_CAPTURE_NEWEST;
}

static size_t rings_size(uint32_t mask)
{
    return ((size_t)mask + 1) * (2 * sizeof(struct ctm_frame_place) + sizeof(struct ctm_level));
}

int ctm_walker_init(struct ctm_walker *walker, struct ctm_pages *pages,
                    const struct ctm_capture_options *options)
{
    walker->sure_depth = 0;
    uint32_t window = options->nframe + options->stride;
    if (walker->places != NULL && walker->mask >= window) {
        return CTM_OK;
    }
    uint32_t mask = LEAST_RING - 1;
    while (mask < window) {
        mask = mask * 2 + 1;
    }
    struct ctm_frame_place *places = ctm_pages_map(pages, rings_size(mask));
    if (places == NULL) {
        return CTM_ENOMEM;
    }
    ctm_pages_unmap(pages, walker->places, rings_size(walker->mask));
    walker->places = places;
    walker->levels = (struct ctm_level *)(places + 2 * ((size_t)mask + 1));
    walker->mask = mask;
    forget(walker);
    return CTM_OK;
}
