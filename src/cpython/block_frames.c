#include "cpython/block_frames.h"

#include "cpython/hooks.h"
#include "cpython/trace_types.h"
#include "cpython/types.h"

PyObject *ctm_block_frames(uint32_t domain, uintptr_t address)
{
    struct ctm_snapshot *snapshot;
    int error = ctm_hooks_block(domain, address, &snapshot);
    if (error < 0) {
        return ctm_raise(error);
    }
    PyObject *frames = NULL;
    if (snapshot->row_count == 0) {
        frames = Py_NewRef(Py_None);
    } else {
        struct ctm_tuples *tuples = ctm_tuples_new(snapshot);
        if (tuples != NULL) {
            frames = ctm_tuples_stack(tuples, snapshot->rows[0].stack);
            ctm_tuples_unref(tuples);
        }
    }
    ctm_snapshot_unref(snapshot);
    return frames;
}
