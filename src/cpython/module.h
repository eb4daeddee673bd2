/* The state of one interpreter's `ctracemalloc._engine`. */
#ifndef CTM_CPYTHON_MODULE_H
#define CTM_CPYTHON_MODULE_H

#include "cpython/types.h"

struct ctm_module_state {
    struct ctm_types types;
    PyObject *withheld; /* a list: see free_lists.h */
};

#endif
