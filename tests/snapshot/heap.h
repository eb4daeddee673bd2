/*
 * malloc under control: the build compiles the snapshot floor once more so that it calls the
 * functions of heap.c in place of malloc and its kin. They count what is live, and make one request
 * fail. For one thread.
 */
#ifndef CTM_TESTS_SNAPSHOT_HEAP_H
#define CTM_TESTS_SNAPSHOT_HEAP_H

#include <stddef.h>

struct heap {
    size_t until;   /* requests until one fails, that one included; 0: none fails */
    size_t failed;  /* requests that failed */
    size_t shrinks; /* of them, those to make a block smaller: nobody needs these */
    long live;      /* blocks */
};

extern struct heap heap;

void *failing_malloc(size_t size);
void *failing_calloc(size_t count, size_t size);
void *failing_realloc(void *old, size_t size);
void failing_free(void *address);

#endif
