/* Keys that traces are grouped by, between their names in Python and what they see of frames. */
#ifndef CTM_CPYTHON_KEY_TEXTS_H
#define CTM_CPYTHON_KEY_TEXTS_H

#include <Python.h>

#include "cpython/trace_types.h"
#include "snapshot/group.h"

/* By the name that the API gives it. 0, or -1 with a ValueError. */
CTM_MUST_CHECK int ctm_key_parse(const char *name, enum ctm_key *key);

/* What a key, not TRACEBACK, sees of a frame. All NULL: nothing. */
struct ctm_key_texts {
    PyObject *filename; /* or the name of a module */
    PyObject *name;     /* of the function; NULL: the key does not see it */
};

/* New references, given back by ctm_key_texts_clear. 0, or -1 with an exception. */
CTM_MUST_CHECK int ctm_key_texts_init(struct ctm_key_texts *texts, struct ctm_tuples *tuples,
                                      enum ctm_key key, struct ctm_frame frame);
void ctm_key_texts_clear(struct ctm_key_texts *texts);

/* The module's function module_name(filename). */
PyObject *ctm_module_name_function(PyObject *module, PyObject *filename);
extern const char ctm_module_name_doc[];

#endif
