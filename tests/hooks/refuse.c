/*
 * Preloaded by test_faults.py: refuses memory that the tracer asks for, and none that others do.
 *
 * Of the system, pages: the tracer's mappings are known by MAP_NORESERVE, which neither the
 * interpreter nor the C library asks for through this function, and by their addresses when they
 * grow. Of the C library, blocks: those that code of the extension's file asks for.
 */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct requests {
    long asked;
    long first;
    long count;
};

static struct requests pages;
static struct requests blocks;

/* Of the extension's code; an empty range before it is known. */
static uintptr_t code_begin;
static uintptr_t code_end;

/* From the `nth` request on, refuse so many. 0: none. Requests are counted anew. */
static void refuse_from(struct requests *requests, long nth, long how_many)
{
    *requests = (struct requests){.first = nth, .count = how_many};
}

static bool refused(struct requests *requests)
{
    long nth = ++requests->asked;
    if (requests->first == 0 || nth < requests->first || nth - requests->first >= requests->count) {
        return false;
    }
    errno = ENOMEM;
    return true;
}

/* ---- pages ---- */

void refuse_pages(long nth, long how_many)
{
    refuse_from(&pages, nth, how_many);
}

long refuse_pages_asked(void)
{
    return pages.asked;
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    if ((flags & MAP_NORESERVE) != 0 && (flags & MAP_ANONYMOUS) != 0 && refused(&pages)) {
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, address, size, protection, flags, fd, offset);
}

/* As it is called where offsets have 64 bits. */
void *mmap64(void *address, size_t size, int protection, int flags, int fd, off_t offset)
    __attribute__((alias("mmap")));

void *mremap(void *address, size_t old_size, size_t new_size, int flags, ...)
{
    void *target = NULL;
    if ((flags & MREMAP_FIXED) != 0) {
        va_list more;
        va_start(more, flags);
        target = va_arg(more, void *);
        va_end(more);
    }
    if (refused(&pages)) {
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mremap, address, old_size, new_size, flags, target);
}

/* ---- blocks; a sanitizer's runtime stands before us, and they are never asked for here ---- */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void __libc_free(void *block);

enum { HELD = 1 << 16 };

/* The blocks that the extension has: a hash table. */
static void *held[HELD];
static long held_count;

static int find_code(struct dl_phdr_info *info, size_t size, void *name)
{
    (void)size;
    if (strstr(info->dlpi_name, name) == NULL) {
        return 0;
    }
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_LOAD && (info->dlpi_phdr[i].p_flags & PF_X) != 0) {
            code_begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            code_end = code_begin + info->dlpi_phdr[i].p_memsz;
        }
    }
    return 1;
}

/* 1 if the file with this in its name is loaded. */
int refuse_blocks_of(char *name)
{
    return dl_iterate_phdr(find_code, name);
}

void refuse_blocks(long nth, long how_many)
{
    refuse_from(&blocks, nth, how_many);
}

long refuse_blocks_asked(void)
{
    return blocks.asked;
}

long refuse_blocks_held(void)
{
    return held_count;
}

static bool is_ours(const void *caller)
{
    uintptr_t address = (uintptr_t)caller;
    return address >= code_begin && address < code_end;
}

static void **held_place(const void *block)
{
    size_t i = ((uintptr_t)block >> 4) * 2654435761U % HELD;
    while (held[i] != NULL && held[i] != block) {
        i = (i + 1) % HELD;
    }
    return &held[i];
}

/* For one thread: the tests have no other that would ask. */
static void *hold(void *block)
{
    if (block != NULL && held_count < HELD / 2) {
        *held_place(block) = block;
        held_count++;
    }
    return block;
}

static void let_go(const void *block)
{
    void **place = held_count == 0 || block == NULL ? NULL : held_place(block);
    if (place == NULL || *place == NULL) {
        return;
    }
    *place = NULL;
    held_count--;
    /* What stands behind it may have been displaced by it. */
    for (size_t i = (size_t)(place - held + 1) % HELD; held[i] != NULL; i = (i + 1) % HELD) {
        void *moved = held[i];
        held[i] = NULL;
        *held_place(moved) = moved;
    }
}

void *malloc(size_t size)
{
    if (!is_ours(__builtin_return_address(0))) {
        return __libc_malloc(size);
    }
    return refused(&blocks) ? NULL : hold(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    if (!is_ours(__builtin_return_address(0))) {
        return __libc_calloc(count, size);
    }
    return refused(&blocks) ? NULL : hold(__libc_calloc(count, size));
}

void *realloc(void *block, size_t size)
{
    if (!is_ours(__builtin_return_address(0))) {
        return __libc_realloc(block, size);
    }
    if (refused(&blocks)) {
        return NULL;
    }
    let_go(block);
    return hold(__libc_realloc(block, size));
}

void free(void *block)
{
    let_go(block);
    __libc_free(block);
}
