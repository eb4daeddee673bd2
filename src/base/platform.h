/*
 * What the engine asks of the operating system, and nothing else.
 *
 * No function here knows Python, and none but ctm_os_at_fork calls malloc, so that each other one
 * may be called inside an allocator hook. One implementation per system, chosen by the build.
 */
#ifndef CTM_BASE_PLATFORM_H
#define CTM_BASE_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Bytes of a page: a power of two. */
size_t ctm_os_page_size(void);

/* Map `size` bytes (a multiple of the page size) of zeroed memory. NULL when there is none. */
void *ctm_os_map(size_t size);

/* Give a mapping of ctm_os_map back. */
void ctm_os_unmap(void *address, size_t size);

/*
 * Resize a mapping; it may move, its content stays, a new part is zero. NULL when there is no
 * memory: the old mapping is then as it was.
 */
void *ctm_os_remap(void *address, size_t old_size, size_t new_size);

/* Take the memory behind [address, address + size) back, of a mapping of ctm_os_map: whole pages,
 * which are zeroed when they are touched again. */
void ctm_os_forget(void *address, size_t size);

/* Make [address, address + size), whole pages, resident in one go, which costs less than page after
 * page. A courtesy: where the kernel cannot, nothing has changed. */
void ctm_os_populate(void *address, size_t size);

/* Bytes of [address, address + size) that are resident, counted in whole pages. */
size_t ctm_os_resident(const void *address, size_t size);

/*
 * Prepare ctm_os_barrier for this process; to be called again in the child of a fork. False: the
 * kernel has no such barrier.
 */
bool ctm_os_barrier_init(void);

/*
 * Every other running thread of the process passes a full memory barrier before this returns.
 * Costs microseconds here and nothing in the code it is paired with. False: the kernel refuses,
 * which it can at any time, once the process has restricted its own system calls.
 */
CTM_MUST_CHECK bool ctm_os_barrier(void);

/* As pthread_atfork: 0, or an error number. It may call malloc: not inside a hook. */
CTM_MUST_CHECK int ctm_os_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void));

/* Let another thread run. */
void ctm_os_yield(void);

/* Nanoseconds since 1970. */
uint64_t ctm_os_wall_clock(void);

/* The id of this process. */
uint32_t ctm_os_process(void);

/*
 * Let this process have `more` open files than its own limit says, as far as the system's limit
 * goes; negative: fewer. By how many the limit was changed.
 */
long ctm_os_allow_files(long more);

/* A number that others cannot know; one that they can only guess where the kernel has none yet. */
uint64_t ctm_os_random(void);

#endif
