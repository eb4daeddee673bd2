/*
 * The interpreter's frames, as far as their layout differs between versions: private structures, of
 * which a running interpreter's are compared with these before the first start (ctm_frames_check).
 *
 * For sources that define Py_BUILD_CORE_MODULE before they include anything.
 */
#ifndef CTM_CPYTHON_INTERPRETER_FRAME_H
#define CTM_CPYTHON_INTERPRETER_FRAME_H

#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#include <internal/pycore_frame.h>
#include <opcode.h>
#if PY_VERSION_HEX >= 0x030E0000
#include <internal/pycore_interpframe.h>
#endif

typedef _PyInterpreterFrame ctm_frame;

static inline PyCodeObject *ctm_frame_code(const ctm_frame *frame)
{
#if PY_VERSION_HEX >= 0x030E0000
    /* The low bits of a stack reference are tags. */
    return (PyCodeObject *)(frame->f_executable.bits & ~(uintptr_t)7);
#elif PY_VERSION_HEX >= 0x030D0000
    return (PyCodeObject *)frame->f_executable;
#else
    return frame->f_code;
#endif
}

static inline uintptr_t ctm_frame_instruction(const ctm_frame *frame)
{
#if PY_VERSION_HEX >= 0x030D0000
    return (uintptr_t)frame->instr_ptr;
#else
    return (uintptr_t)frame->prev_instr;
#endif
}

/* A frame of the interpreter's own, between Python frames, that no user should see. */
static inline bool ctm_frame_is_shim(const ctm_frame *frame)
{
#if PY_VERSION_HEX >= 0x030E0000
    return frame->owner >= FRAME_OWNED_BY_INTERPRETER;
#elif PY_VERSION_HEX >= 0x030C0000
    return frame->owner == FRAME_OWNED_BY_CSTACK;
#else
    (void)frame;
    return false;
#endif
}

static inline const ctm_frame *ctm_newest_frame(PyThreadState *state)
{
#if PY_VERSION_HEX >= 0x030D0000
    return state->current_frame;
#else
    return state->cframe == NULL ? NULL : state->cframe->current_frame;
#endif
}

/* Whether generators and coroutines that are suspended stand at the instruction. While they run
 * nothing is allocated there, but by what is thrown into them and by handlers of signals. */
static inline bool ctm_suspends_at(uintptr_t instruction)
{
    const uint8_t *unit = (const uint8_t *)instruction;
#if PY_VERSION_HEX >= 0x030D0000
    bool resumes = unit[0] == RESUME || unit[0] == RESUME_CHECK || unit[0] == INSTRUMENTED_RESUME;
#if PY_VERSION_HEX >= 0x030F0000
    resumes = resumes || unit[0] == RESUME_CHECK_JIT;
#endif
    enum { PLACE = 3 }; /* what of the argument says where; 0: where a function begins */
    return resumes && (unit[1] & PLACE) != 0;
#elif PY_VERSION_HEX >= 0x030C0000
    /* Whoever asks to be told of lines or of instructions has another one put over it. */
    return unit[0] == YIELD_VALUE || unit[0] == INSTRUMENTED_YIELD_VALUE ||
           unit[0] == INSTRUMENTED_LINE || unit[0] == INSTRUMENTED_INSTRUCTION;
#else
    (void)unit;
    return false;
#endif
}

static inline uintptr_t ctm_code_bytecode(const PyCodeObject *code)
{
    return (uintptr_t)code->co_code_adaptive;
}

static inline uintptr_t ctm_code_first_traceable(const PyCodeObject *code)
{
    return ctm_code_bytecode(code) + (uintptr_t)code->_co_firsttraceable * sizeof(_Py_CODEUNIT);
}

/* Pushed, but not yet at its first traceable instruction: the public API hides it, so do we. */
static inline bool ctm_frame_is_incomplete(const ctm_frame *frame)
{
    return frame->owner != FRAME_OWNED_BY_GENERATOR &&
           ctm_frame_instruction(frame) < ctm_code_first_traceable(ctm_frame_code(frame));
}

static inline bool ctm_frame_is_hidden(const ctm_frame *frame)
{
    return ctm_frame_is_shim(frame) || ctm_frame_is_incomplete(frame);
}

/* The first frame from here that the public API would show. */
static inline const ctm_frame *ctm_frame_first_shown(const ctm_frame *frame)
{
    while (frame != NULL && ctm_frame_is_hidden(frame)) {
        frame = frame->previous;
    }
    return frame;
}

/*
 * Frames on the stack, incomplete ones included, by the interpreter's own count; 0 or less where it
 * does not keep one that counts Python frames alone.
 */
static inline int ctm_recursion_depth(PyThreadState *state)
{
#if PY_VERSION_HEX >= 0x030C0000
    return state->py_recursion_limit - state->py_recursion_remaining;
#else
    (void)state;
    return 0;
#endif
}

#endif
