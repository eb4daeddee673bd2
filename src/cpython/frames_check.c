#define Py_BUILD_CORE_MODULE 1

#include <Python.h>
#include <frameobject.h>

#include "cpython/frames.h"
#include "cpython/interpreter_frame.h"

#if PY_VERSION_HEX >= 0x030D0000
#include <internal/pycore_interp.h>
#include <internal/pycore_runtime.h>
#endif

#if PY_VERSION_HEX >= 0x030D0000
static int check_offset(const char *what, uint64_t published, size_t compiled)
{
    if (published == compiled) {
        return 0;
    }
    PyErr_Format(PyExc_RuntimeError,
                 "ctracemalloc was compiled for another layout of CPython: %s is at offset %llu of "
                 "the running interpreter, %zu was expected; build ctracemalloc with this "
                 "interpreter's own headers",
                 what, (unsigned long long)published, compiled);
    return -1;
}

static int check_offsets(void)
{
    const struct _Py_DebugOffsets *published = &_PyRuntime.debug_offsets;
#define CHECK(group, field, type, member)                                                          \
    check_offset(#group "." #field, published->group.field, offsetof(type, member))
    if (CHECK(thread_state, current_frame, PyThreadState, current_frame) < 0 ||
        CHECK(thread_state, datastack_chunk, PyThreadState, datastack_chunk) < 0 ||
        CHECK(thread_state, interp, PyThreadState, interp) < 0 ||
        CHECK(interpreter_frame, previous, ctm_frame, previous) < 0 ||
        CHECK(interpreter_frame, executable, ctm_frame, f_executable) < 0 ||
        CHECK(interpreter_frame, instr_ptr, ctm_frame, instr_ptr) < 0 ||
        CHECK(interpreter_frame, owner, ctm_frame, owner) < 0 ||
        CHECK(code_object, filename, PyCodeObject, co_filename) < 0 ||
        CHECK(code_object, qualname, PyCodeObject, co_qualname) < 0 ||
        CHECK(code_object, linetable, PyCodeObject, co_linetable) < 0 ||
        CHECK(code_object, firstlineno, PyCodeObject, co_firstlineno) < 0 ||
        CHECK(code_object, co_code_adaptive, PyCodeObject, co_code_adaptive) < 0) {
        return -1;
    }
#undef CHECK
    return 0;
}
#else
static int check_offsets(void)
{
    return 0;
}
#endif

static int check_version(void)
{
    unsigned long running = Py_Version >> 16;
    if (running == PY_VERSION_HEX >> 16) {
        return 0;
    }
    PyErr_Format(PyExc_RuntimeError,
                 "ctracemalloc was compiled for CPython %d.%d, this is %lu.%lu; install the build "
                 "for this version",
                 PY_MAJOR_VERSION, PY_MINOR_VERSION, running >> 8, running & 0xff);
    return -1;
}

static int walk_error(unsigned level, const char *what)
{
    PyErr_Format(PyExc_RuntimeError,
                 "ctracemalloc cannot walk this interpreter's frames: %s differs from the public "
                 "frame API at level %u; build ctracemalloc with this interpreter's own headers",
                 what, level);
    return -1;
}

/* Compare one frame of ours with one of the public API's. */
static int check_frame(unsigned level, const ctm_frame *ours, PyFrameObject *public_frame)
{
    PyCodeObject *code = PyFrame_GetCode(public_frame);
    Py_DECREF(code);
    if (ours == NULL || ctm_frame_code(ours) != code) {
        return walk_error(level, "the code object");
    }
    if (PyCode_Addr2Line(code, -1) != code->co_firstlineno) {
        return walk_error(level, "the first line");
    }
    /* No line: of a frame that is being traced the interpreter has one of its own. */
    int offset = (int)(ctm_frame_instruction(ours) - ctm_code_bytecode(code));
    if ((offset < 0 ? -1 : offset) != PyFrame_GetLasti(public_frame)) {
        return walk_error(level, "the instruction");
    }
    return 0;
}

static int check_walk(void)
{
    PyThreadState *state = PyThreadState_Get();
    const ctm_frame *ours = ctm_frame_first_shown(ctm_newest_frame(state));
    PyFrameObject *public_frame = PyThreadState_GetFrame(state);
    int result = 0;
    for (unsigned level = 0; public_frame != NULL && result == 0; level++) {
        result = check_frame(level, ours, public_frame);
        if (result == 0) {
            ours = ctm_frame_first_shown(ours->previous);
            PyFrameObject *caller = PyFrame_GetBack(public_frame);
            Py_DECREF(public_frame);
            public_frame = caller;
            if (public_frame == NULL && ours != NULL) {
                result = walk_error(level + 1, "the length of the stack");
            }
        }
    }
    Py_XDECREF(public_frame);
    return result;
}

int ctm_frames_check(void)
{
    if (check_version() < 0 || check_offsets() < 0) {
        return -1;
    }
    return check_walk();
}
