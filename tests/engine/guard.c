/*
 * Mappings between pages that nobody may touch. A test that links this with `--wrap` for
 * ctm_os_map, ctm_os_unmap and ctm_os_remap ends at once where the engine reads past a table.
 */
#include <string.h>
#include <sys/mman.h>

#include "base/platform.h"

void *__real_ctm_os_map(size_t size);
void __real_ctm_os_unmap(void *address, size_t size);
void *__wrap_ctm_os_map(size_t size);
void __wrap_ctm_os_unmap(void *address, size_t size);
void *__wrap_ctm_os_remap(void *address, size_t old_size, size_t new_size);

void *__wrap_ctm_os_map(size_t size)
{
    size_t page = ctm_os_page_size();
    char *whole = __real_ctm_os_map(size + 2 * page);
    if (whole == NULL) {
        return NULL;
    }
    char *address = whole + page;
    if (mprotect(whole, page, PROT_NONE) != 0 || mprotect(address + size, page, PROT_NONE) != 0) {
        __real_ctm_os_unmap(whole, size + 2 * page);
        return NULL;
    }
    return address;
}

void __wrap_ctm_os_unmap(void *address, size_t size)
{
    size_t page = ctm_os_page_size();
    __real_ctm_os_unmap((char *)address - page, size + 2 * page);
}

void *__wrap_ctm_os_remap(void *address, size_t old_size, size_t new_size)
{
    void *moved = __wrap_ctm_os_map(new_size);
    if (moved != NULL) {
        memcpy(moved, address, old_size < new_size ? old_size : new_size);
        __wrap_ctm_os_unmap(address, old_size);
    }
    return moved;
}
