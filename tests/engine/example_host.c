/*
 * How to use the engine from a host other than CPython: a small program that traces its own malloc.
 *
 * A host has to do four things. (1) Call the tracer's hooks around its allocator, inside the gate:
 * after an allocation, before a free, and around a realloc. (2) Say what stack asked for a block,
 * as a node: names to ids, frames to ids, and one child for each frame, the oldest first. (3) Tell
 * the gate who is its owner: the one thread at a time that comes without an atomic instruction.
 * (4) Never allocate by its own traced allocator while inside the gate; the engine itself takes
 * pages from the OS.
 *
 * Here each function keeps a record of its call on a stack of its own; an interpreter would walk
 * its frames. The main thread is the gate's owner; any other thread is not.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/tracer.h"
#include "gate_enter.h"

static struct ctm_gate gate;
static struct ctm_tracer tracer; /* guarded by the gate */

/* ---- the host's stack ---- */

struct call {
    const struct call *caller;
    const char *function;
    uint32_t line;
};

static _Thread_local const struct call *newest_call;
static _Thread_local bool is_main;

static struct call enter(const char *function)
{
    struct call call = {.caller = newest_call, .function = function};
    return call;
}

static void at_line(struct call *call, int line)
{
    call->line = (uint32_t)line;
    newest_call = call;
}

static void leave(const struct call *call)
{
    newest_call = call->caller;
}

/* The node of a call and its callers, or CTM_NO_CONTEXT where there is no memory. Gate held. */
static uint32_t node_of(const struct call *call)
{
    if (call == NULL) {
        return CTM_UNKNOWN_NODE;
    }
    uint32_t parent = ctm_stacks_root(0);
    if (call->caller != NULL) {
        parent = node_of(call->caller);
        if (parent == CTM_NO_CONTEXT) {
            return CTM_NO_CONTEXT;
        }
    }
    struct ctm_location_frame frame = {.line = call->line};
    uint32_t id;
    uint32_t node;
    if (ctm_names_intern(&tracer.names, __FILE__, strlen(__FILE__), &frame.file) < 0 ||
        ctm_names_intern(&tracer.names, call->function, strlen(call->function), &frame.name) < 0 ||
        ctm_stacks_frame(&tracer.stacks, frame, &id) < 0 ||
        ctm_stacks_child(&tracer.stacks, parent, id, &node) < 0) {
        return CTM_NO_CONTEXT;
    }
    return node;
}

/* ---- the host's allocator ---- */

static void note_allocated(const void *block, size_t size)
{
    enum ctm_pass pass = test_gate_enter(&gate, is_main, NULL);
    if (tracer.tracing) {
        ctm_tracer_allocated_hook(&tracer, (uintptr_t)block, size, node_of(newest_call));
    }
    ctm_gate_leave(&gate, pass);
}

/* Before the block is really freed: after it, another thread may own the address at once. */
static bool note_freed(const void *block, struct ctm_block *old)
{
    bool had_trace = false;
    enum ctm_pass pass = test_gate_enter(&gate, is_main, NULL);
    if (tracer.tracing) {
        had_trace = ctm_tracer_freed_hook(&tracer, (uintptr_t)block, old);
    }
    ctm_gate_leave(&gate, pass);
    return had_trace;
}

static void *host_malloc(size_t size)
{
    void *block = malloc(size);
    if (block != NULL) {
        note_allocated(block, size);
    }
    return block;
}

static void host_free(void *block)
{
    struct ctm_block old;
    if (block != NULL) {
        (void)note_freed(block, &old);
    }
    free(block);
}

static void *host_realloc(void *block, size_t size)
{
    struct ctm_block old;
    bool had_trace = block != NULL && note_freed(block, &old);
    void *moved = realloc(block, size);
    if (moved != NULL) {
        note_allocated(moved, size);
    } else if (had_trace) {
        /* It failed: the block is as it was. (This host never clears the tracer meanwhile.) */
        enum ctm_pass pass = test_gate_enter(&gate, is_main, NULL);
        ctm_tracer_restored_hook(&tracer, (uintptr_t)block, old);
        ctm_gate_leave(&gate, pass);
    }
    return moved;
}

/* ---- the program that is traced ---- */

struct item {
    struct item *next;
    char *text;
};

static struct item *make_item(struct item *next)
{
    struct call call = enter("make_item");
    at_line(&call, __LINE__ + 1);
    struct item *item = host_malloc(sizeof *item);
    at_line(&call, __LINE__ + 1);
    char *text = host_malloc(10);
    leave(&call);
    if (item == NULL || text == NULL) {
        abort();
    }
    *item = (struct item){next, text};
    return item;
}

static struct item *make_list(int length)
{
    struct call call = enter("make_list");
    struct item *list = NULL;
    for (int i = 0; i < length; i++) {
        at_line(&call, __LINE__ + 1);
        list = make_item(list);
    }
    leave(&call);
    return list;
}

static void drop_list(struct item *list)
{
    while (list != NULL) {
        struct item *next = list->next;
        host_free(list->text);
        host_free(list);
        list = next;
    }
}

/* A buffer that grows far and is given back: what the peak is made of. */
static void grow_buffer(void)
{
    struct call call = enter("grow_buffer");
    char *buffer = NULL;
    for (size_t size = 1000; size <= 64000; size *= 2) {
        at_line(&call, __LINE__ + 1);
        char *grown = host_realloc(buffer, size);
        if (grown == NULL) {
            abort();
        }
        buffer = grown;
    }
    host_free(buffer);
    leave(&call);
}

static void *work(void *list)
{
    struct call call = enter("work");
    at_line(&call, __LINE__ + 1);
    *(struct item **)list = make_list(50);
    leave(&call);
    return NULL;
}

/* ---- what the tracer knows ---- */

static const struct ctm_location_frame *frame_of(uint32_t node)
{
    return &tracer.stacks.frames[tracer.stacks.nodes[node].frame];
}

static void print_stack(uint32_t node)
{
    while (!ctm_stacks_is_root(node)) {
        /* Names are bytes and a length: they may hold anything, and end in nothing. */
        const struct ctm_name *name = &tracer.names.items[frame_of(node)->name];
        printf("        %.*s, line %u\n", (int)name->length, name->bytes, frame_of(node)->line);
        node = tracer.stacks.nodes[node].parent;
    }
}

static void print_sites(void)
{
    for (uint32_t id = 1; id < tracer.sites.length; id++) {
        const struct ctm_site *site = &tracer.sites.items[id];
        printf("%8llu bytes in %llu blocks, %llu bytes at the peak\n",
               (unsigned long long)ctm_site_live_bytes(site),
               (unsigned long long)ctm_site_live_blocks(site),
               (unsigned long long)ctm_site_peak_bytes(&tracer.sites, id));
        print_stack(ctm_site_node(site));
    }
}

static uint64_t sum_at_peak(const char *function)
{
    uint64_t bytes = 0;
    for (uint32_t id = 1; id < tracer.sites.length; id++) {
        const struct ctm_site *site = &tracer.sites.items[id];
        const struct ctm_name *name = &tracer.names.items[frame_of(ctm_site_node(site))->name];
        if (name->length == strlen(function) && memcmp(name->bytes, function, name->length) == 0) {
            bytes += ctm_site_peak_bytes(&tracer.sites, id);
        }
    }
    return bytes;
}

int main(void)
{
    is_main = true;
    ctm_gate_init(&gate);
    ctm_tracer_init(&tracer);
    enum ctm_pass pass = ctm_gate_enter_mutex(&gate, is_main, NULL);
    int error = ctm_tracer_start(&tracer);
    ctm_gate_allow_bias(&gate, error == CTM_OK);
    ctm_gate_leave(&gate, pass);
    if (error < 0) {
        fputs("no memory to trace with\n", stderr);
        return 1;
    }

    struct call call = enter("main");
    struct item *theirs = NULL;
    pthread_t thread;
    at_line(&call, __LINE__ + 1);
    struct item *ours = make_list(100);
    if (pthread_create(&thread, NULL, work, &theirs) != 0) {
        fputs("no thread\n", stderr);
        return 1;
    }
    pthread_join(thread, NULL);
    at_line(&call, __LINE__ + 1);
    grow_buffer();
    drop_list(theirs);

    pass = test_gate_enter(&gate, is_main, NULL);
    print_sites();
    const uint64_t item_bytes = sizeof(struct item) + 10;
    bool right = ctm_sites_current_bytes(&tracer.sites) == 100 * item_bytes &&
                 ctm_sites_live_blocks(&tracer.sites) == 200 &&
                 tracer.sites.peak_bytes == 150 * item_bytes + 64000 &&
                 sum_at_peak("make_item") == 150 * item_bytes &&
                 sum_at_peak("grow_buffer") == 64000 && tracer.dropped == 0 &&
                 tracer.missed_frees == 0;
    ctm_gate_leave(&gate, pass);
    if (!right) {
        fputs("the tracer's figures are wrong\n", stderr);
    }

    leave(&call);
    drop_list(ours);
    right = right && ctm_sites_live_blocks(&tracer.sites) == 0;
    ctm_tracer_stop(&tracer);
    return right ? 0 : 1;
}
