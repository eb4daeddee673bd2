/*
 * Our functions' place in the chains of what CPython's allocators of each domain are wrapped in,
 * and of what is told of each object's birth and death. Any tool may have a place there too, and
 * may come and go before or after us.
 *
 * With the GIL held.
 */
#ifndef CTM_CPYTHON_HOOK_CHAIN_H
#define CTM_CPYTHON_HOOK_CHAIN_H

#include "cpython/hooks.h"

/*
 * Where our functions are in a domain's chain. If somebody hooked after us they are not on top, and
 * only a call can tell whether they are still reached.
 */
enum ctm_hook_place ctm_chain_place(int domain);

/* Whether our tracer of references is told, alone or in front of another's. */
bool ctm_chain_has_ref_tracer(void);

/* Whether our functions are reached wherever the options of the start want them: in all domains,
 * and where the interpreter tells of references if reuse is to be followed. */
bool ctm_chain_is_whole(void);
/* Put them on top where they are not reached. 0, or -1 with an exception. */
int ctm_chain_join(void);
/* Leave the domains where we are on top; elsewhere our functions stay and pass through. */
void ctm_chain_leave(void);
/* The same for references, which needs the interpreter. */
void ctm_chain_leave_references(void);

#endif
