/*
 * A tracer and beside it the simplest model that could be right: a list of places with what lives
 * there, and sums that are copied at each new peak.
 *
 * Every call does the same to both and compares what can be compared at once; world_compare
 * compares all. Where memory is being refused (`faults`), a trace may be missing in the tracer
 * when it says that it dropped it: the model then drops it, too. A wrong trace fails in any case.
 */
#ifndef CTM_TESTS_ENGINE_WORLD_H
#define CTM_TESTS_ENGINE_WORLD_H

#include "support.h"

#include "engine/tracer.h"

/* The domains of the model: 0 and two others. */
enum { WORLD_DOMAINS = 3 };
extern const uint32_t world_domains[WORLD_DOMAINS];

struct world_place {
    uintptr_t address;
    uint32_t domain; /* index into world_domains */
    bool live;
    bool watched; /* an owner of instructions */
    uint64_t size;
    uint32_t stack;
};

struct world_sum {
    uint64_t bytes;
    uint64_t blocks;
};

struct world {
    struct ctm_tracer tracer;
    struct test_refusal refusal;
    bool faults;     /* memory may be refused: drops are allowed */
    bool long_names; /* some file names are longer than the arena's pieces */
    struct world_place *places;
    size_t place_count;
    size_t place_capacity;
    uint32_t stack_count;
    uint32_t *nodes; /* by stack; CTM_NO_CONTEXT: not in the tracer's tables yet */
    size_t sum_count;
    struct world_sum *live; /* these three by domain * stack_count + stack */
    struct world_sum *peak;
    struct world_sum *total;
    struct world_sum *reused;
    uint32_t *changed; /* the sums in which `live` may differ from `peak`: no others are copied */
    bool *is_changed;
    size_t changed_count;
    struct world_sum current;
    struct world_sum at_peak;
    uint64_t dropped;
    uint64_t missed_frees;
    uint32_t reclaim_least; /* nodes; 0: as the tracer does by itself */
    uint32_t pace;          /* entries that a step of giving back visits; 0: as the tracer does */
    bool may_lose_nodes;    /* the next step may be one of the pass that gives nodes back */
};

/* A world whose tracer does not trace yet, with stacks numbered 0 to stack_count - 1. */
void world_open(struct world *w, uint32_t stack_count);
void world_close(struct world *w);

/* A new place: the number to call it by. No two places have the same domain and address. */
size_t world_add_place(struct world *w, uint32_t domain, uintptr_t address);

/* As the functions of the tracer; false: no memory. */
bool world_start(struct world *w);
bool world_clear(struct world *w);
void world_stop(struct world *w);
void world_reset_peak(struct world *w);
void world_reset_churn(struct world *w);
void world_reclaim(struct world *w);

/* Of domain 0: */
void world_allocate(struct world *w, size_t place, uint64_t size, uint32_t stack);
void world_free(struct world *w, size_t place);
void world_reallocate(struct world *w, size_t from, size_t to, uint64_t size, uint32_t stack);
void world_reuse(struct world *w, size_t place, uint32_t stack);
void world_watch(struct world *w, size_t place);

/* A realloc that fails: the block is taken, others may come and go, the block is put back. */
struct world_held {
    size_t place;
    struct ctm_block block;
    uint64_t given_back;
    bool had_trace;
    struct world_place model;
};
struct world_held world_begin_realloc(struct world *w, size_t place);
void world_fail_realloc(struct world *w, const struct world_held *held);

/* Of any domain: */
void world_track(struct world *w, size_t place, uint64_t size, uint32_t stack);
void world_untrack(struct world *w, size_t place);
/* A block of domain 0 is allocated, and at once disowned and tracked in another domain; before that
 * a block is gone that lived there, maybe. */
void world_hand_over(struct world *w, size_t own, size_t gone, size_t other, uint64_t size,
                     uint32_t stack);

/* What a stack is made of: its frames, those that were left out with them, a frame of some age. */
uint32_t world_depth(uint32_t stack);
uint32_t world_total(uint32_t stack);
bool world_frame_is(const struct world *w, uint32_t stack, uint32_t age, struct ctm_name file,
                    struct ctm_name name, uint32_t line);

/* The counters and what each site had at the peak. */
void world_compare_sites(const struct world *w);
/* All: every place, every site, every name, every invariant. */
void world_compare(const struct world *w);

#endif
