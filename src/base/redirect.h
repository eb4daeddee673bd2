/*
 * Send the calls of one exported function to another, in this process alone.
 *
 * Two places of ELF hold the address of a function of another object. Slots (GOT entries, pointers
 * in data) of objects that are already loaded; and the symbol table of the object that defines it,
 * from which the loader fills the slots of what is loaded later and answers dlsym(). No instruction
 * is changed, and nothing needs to be remembered: a slot of an object that is unloaded goes with
 * it. Calls that the linker has bound inside the defining object are out of reach.
 *
 * Any thread may call through a slot meanwhile: it sees the old address or the new one.
 */
#ifndef CTM_BASE_REDIRECT_H
#define CTM_BASE_REDIRECT_H

#include <stddef.h>
#include <stdint.h>

struct ctm_redirect {
    const char *name;
    uintptr_t from; /* the function itself: no stub of it */
    uintptr_t to;   /* a function of an object that stays loaded */
};

struct ctm_redirected {
    /* The sums over all calls of ctm_redirect_calls. */
    size_t slots;   /* slots that were changed */
    size_t symbols; /* symbols that were changed */
    /* Of the last call: slots left as they are, as the OS did not let us write their page, or
     * as they lie across words. */
    size_t refused;
};

/*
 * Change what holds the addresses now: first the symbols, then the slots. What was changed before
 * is left alone, so that it may be called again. Adds to *done. Takes the loader's lock; reads the
 * relocations of all objects.
 */
void ctm_redirect_calls(const struct ctm_redirect *redirects, size_t count,
                        struct ctm_redirected *done);

/*
 * The function itself, of which somebody sees `address`. A program that is bound to its place and
 * takes a function's address gives its own stub (PLT) to all others; the stub jumps by a slot as
 * any other. `address`, where it is no stub. Takes the loader's lock.
 */
uintptr_t ctm_redirect_target(const char *name, uintptr_t address);

/* How many objects were ever loaded: when it has not changed, there are no new slots. */
uint64_t ctm_redirect_loads(void);

#endif
