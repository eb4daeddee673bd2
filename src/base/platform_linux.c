#include "base/platform.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* since Linux 5.14 */
#endif

size_t ctm_os_page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

void *ctm_os_map(size_t size)
{
    void *address = mmap(NULL, size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED) {
        return NULL;
    }
    /* A kernel that cannot name mappings says EINVAL: the name is a courtesy to the reader of
     * smaps. */
    (void)prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, address, size, "ctracemalloc");
    return address;
}

void ctm_os_unmap(void *address, size_t size)
{
    (void)munmap(address, size);
}

void *ctm_os_remap(void *address, size_t old_size, size_t new_size)
{
    void *moved = mremap(address, old_size, new_size, MREMAP_MAYMOVE);
    return moved == MAP_FAILED ? NULL : moved;
}

void ctm_os_forget(void *address, size_t size)
{
    (void)madvise(address, size, MADV_DONTNEED);
}

void ctm_os_populate(void *address, size_t size)
{
    (void)madvise(address, size, MADV_POPULATE_WRITE);
}

size_t ctm_os_resident(const void *address, size_t size)
{
    size_t page = ctm_os_page_size();
    size_t resident = 0;
    unsigned char present[512];
    for (size_t done = 0; done < size;) {
        size_t step = size - done;
        if (step > page * sizeof present) {
            step = page * sizeof present;
        }
        /* mincore takes the address as non-const, and only reads the page tables. */
        if (mincore((void *)((uintptr_t)address + done), step, present) != 0) {
            return resident;
        }
        for (size_t i = 0; i < (step + page - 1) / page; i++) {
            resident += (present[i] & 1) != 0 ? page : 0;
        }
        done += step;
    }
    return resident;
}

bool ctm_os_barrier_init(void)
{
    return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0 &&
           ctm_os_barrier();
}

bool ctm_os_barrier(void)
{
    return syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
}

#ifdef __GLIBC__
/* What pthread_atfork calls (Linux Standard Base, Core Specification). That itself is linked into
 * each library, behind all other code: to call it once would make 64 KiB there resident. */
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
                      void *library);
extern void *__dso_handle __attribute__((visibility("hidden")));

int ctm_os_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    return __register_atfork(prepare, parent, child, __dso_handle);
}
#else
int ctm_os_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    return pthread_atfork(prepare, parent, child);
}
#endif

void ctm_os_yield(void)
{
    (void)sched_yield();
}

uint64_t ctm_os_wall_clock(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint32_t ctm_os_process(void)
{
    return (uint32_t)getpid();
}

long ctm_os_allow_files(long more)
{
    struct rlimit limit = {0, 0};
    bool is_known = getrlimit(RLIMIT_NOFILE, &limit) == 0;
    rlim_t room = limit.rlim_max - limit.rlim_cur;
    if (more > 0 && (rlim_t)more > room) {
        more = (long)room;
    }
    limit.rlim_cur += (rlim_t)more;
    return is_known && setrlimit(RLIMIT_NOFILE, &limit) == 0 ? more : 0;
}

uint64_t ctm_os_random(void)
{
    uint64_t number;
    if (getrandom(&number, sizeof number, GRND_NONBLOCK) == (ssize_t)sizeof number) {
        return number;
    }
    /* Early at boot or in a sandbox: where the stack lies, what time it is and who we are must do.
     */
    uint64_t time = ctm_os_wall_clock();
    return (uint64_t)(uintptr_t)&number ^ time << 32 ^ time >> 32 ^
           (uint64_t)ctm_os_process() << 16;
}
