/*
 * A library that reports memory, as numpy does, and no module of Python's: it may be loaded at any
 * time. Built by test_domains.py in several ways of calling another object's function.
 */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int PyTraceMalloc_Track(unsigned int domain, uintptr_t address, size_t size);
int PyTraceMalloc_Untrack(unsigned int domain, uintptr_t address);

int report(unsigned int domain, uintptr_t address, size_t size)
{
    return PyTraceMalloc_Track(domain, address, size);
}

int withdraw(unsigned int domain, uintptr_t address)
{
    return PyTraceMalloc_Untrack(domain, address);
}

/* The same by an address that the loader writes into data. */
int (*const volatile report_pointer)(unsigned int, uintptr_t, size_t) = PyTraceMalloc_Track;

int report_by_pointer(unsigned int domain, uintptr_t address, size_t size)
{
    return report_pointer(domain, address, size);
}

/* The same by an address across words of data. */
static struct {
    char first;
    int (*volatile pointer)(unsigned int, uintptr_t, size_t);
} __attribute__((packed)) packed = {0, PyTraceMalloc_Track};

int report_by_packed_pointer(unsigned int domain, uintptr_t address, size_t size)
{
    return packed.pointer(domain, address, size);
}

/* As numpy allocates an array's data. */
void *PyMem_RawMalloc(size_t size);

void *allocate_and_hand_over(unsigned int domain, size_t size)
{
    void *block = PyMem_RawMalloc(size);
    if (block != NULL) {
        (void)PyTraceMalloc_Untrack(0, (uintptr_t)block);
        (void)PyTraceMalloc_Track(domain, (uintptr_t)block, size);
    }
    return block;
}

void PyMem_RawFree(void *block);

/* Memory of the library's own, where a block of Python's was a moment before. */
void report_where_a_block_was(size_t size)
{
    uintptr_t address = (uintptr_t)PyMem_RawMalloc(size);
    PyMem_RawFree((void *)address);
    (void)PyTraceMalloc_Track(0, address, size);
    (void)PyTraceMalloc_Untrack(0, address);
}

/* ---- from threads of C that Python never saw ---- */

struct job {
    unsigned int domain;
    uintptr_t base;
    size_t calls;
    int worst; /* the lowest result of all */
};

/* Half of the addresses are left tracked, with the size 3. */
static void *hammer(void *argument)
{
    struct job *job = argument;
    enum { ADDRESSES = 64 };
    for (size_t i = 0; i < job->calls; i++) {
        uintptr_t address = job->base + 16 * (i % ADDRESSES);
        int result = PyTraceMalloc_Track(job->domain, address, 1 + i % 1000);
        job->worst = result < job->worst ? result : job->worst;
        result = PyTraceMalloc_Untrack(job->domain, address);
        job->worst = result < job->worst ? result : job->worst;
    }
    for (size_t i = 0; i < ADDRESSES; i += 2) {
        (void)PyTraceMalloc_Track(job->domain, job->base + 16 * i, 3);
    }
    return NULL;
}

int hammer_in_threads(unsigned int domain, size_t threads, size_t calls)
{
    enum { MOST = 16 };
    pthread_t ids[MOST];
    struct job jobs[MOST];
    int worst = 0;
    for (size_t i = 0; i < threads && i < MOST; i++) {
        jobs[i] = (struct job){domain, (i + 1) << 20, calls, 0};
        if (pthread_create(&ids[i], NULL, hammer, &jobs[i]) != 0) {
            return -100;
        }
    }
    for (size_t i = 0; i < threads && i < MOST; i++) {
        (void)pthread_join(ids[i], NULL);
        worst = jobs[i].worst < worst ? jobs[i].worst : worst;
    }
    return worst;
}

/* ---- after the interpreter's end ---- */

static void report_late(void)
{
    enum { ADDRESS = 0x7000, MORE = 0x8000 };
    /* The block that a destructor frees at last, and one that it frees without having said so. */
    (void)PyTraceMalloc_Untrack(7, ADDRESS);
    (void)PyTraceMalloc_Untrack(7, MORE);
    (void)PyTraceMalloc_Track(7, MORE, 1);
    (void)report_pointer(7, MORE, 2);
}

/* 0, once the process will report when all else is over. */
int report_at_exit(void)
{
    return atexit(report_late);
}
