/*
 * Preloaded by test_layout.py: what another interpreter would say of its frames.
 *
 * A copy of the extension, in which one name begins with Qy for Py, asks here for it.
 */
#define Py_BUILD_CORE_MODULE 1

#include <Python.h>
#if PY_VERSION_HEX >= 0x030D0000
#include <internal/pycore_runtime.h>
#endif

const unsigned long Qy_Version = 0x03630000;

PyCodeObject *QyFrame_GetCode(PyFrameObject *frame)
{
    (void)frame;
    return PyCode_NewEmpty("another.py", "another", 1);
}

int QyCode_Addr2Line(PyCodeObject *code, int offset)
{
    return PyCode_Addr2Line(code, offset) + 1;
}

int QyFrame_GetLasti(PyFrameObject *frame)
{
    return PyFrame_GetLasti(frame) + 2;
}

/* As if the oldest frame came early. */
PyFrameObject *QyFrame_GetBack(PyFrameObject *frame)
{
    (void)frame;
    return NULL;
}

#if PY_VERSION_HEX >= 0x030D0000
struct _Py_DebugOffsets _QyRuntime;
const unsigned offset_words = sizeof _QyRuntime / sizeof(uint64_t);

__attribute__((constructor)) static void copy_offsets(void)
{
    _QyRuntime = _PyRuntime.debug_offsets;
}
#endif
