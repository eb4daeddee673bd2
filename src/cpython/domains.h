/*
 * Memory that is not the allocators': what libraries report of their own.
 *
 * They call PyTraceMalloc_Track and PyTraceMalloc_Untrack, functions of the interpreter with a
 * table of its own. Those calls are led to us, and by us to the interpreter, whose tracer may be on
 * as well; or they use the API that we offer, in C by a capsule.
 */
#ifndef CTM_CPYTHON_DOMAINS_H
#define CTM_CPYTHON_DOMAINS_H

#include <Python.h>
#include <stdbool.h>
#include <stddef.h>

struct ctm_relay_info {
    size_t slots;   /* calls of loaded libraries that were led to us */
    size_t refused; /* those that could not be */
    bool later;     /* libraries loaded from now on are led to us by the loader */
};

/*
 * Lead the calls of all libraries here, those loaded later included. It stays for the life of the
 * process: while we do not trace, the calls pass through. To be called at each start; costs a call
 * of the loader if nothing was loaded since. With the GIL held.
 */
void ctm_domains_relay(void);

struct ctm_relay_info ctm_domains_info(void);

/* Add track, untrack and C_API to the module. 0, or -1 with an exception. */
int ctm_domains_add(PyObject *module);

#endif
