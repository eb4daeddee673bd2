#include "base/redirect.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "base/error.h"
#include "base/platform.h"

#if defined __x86_64__
enum { TYPE_SLOT = R_X86_64_JUMP_SLOT, TYPE_GOT = R_X86_64_GLOB_DAT, TYPE_WORD = R_X86_64_64 };
#elif defined __aarch64__
enum {
    TYPE_SLOT = R_AARCH64_JUMP_SLOT,
    TYPE_GOT = R_AARCH64_GLOB_DAT,
    TYPE_WORD = R_AARCH64_ABS64
};
#else
#error "which relocations hold a function's address is known for x86-64 and aarch64 only"
#endif

struct job {
    const struct ctm_redirect *redirects;
    size_t count;
    struct ctm_redirected *done;
    uintptr_t page_size;
};

/* What is needed of an object's dynamic section. */
struct object {
    const struct dl_phdr_info *info;
    const ElfW(Sym) * symbols;
    const char *strings;
    const uint32_t *hash;
    const uint32_t *gnu_hash;
    const ElfW(Rela) * tables[2]; /* DT_RELA and DT_JMPREL */
    size_t lengths[2];
};

/* Whether the object has something at an address: in one of its segments, where they are now. */
static bool holds(const struct dl_phdr_info *info, ElfW(Addr) address)
{
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD &&
            address - info->dlpi_addr - segment->p_vaddr < segment->p_memsz) {
            return true;
        }
    }
    return false;
}

/* glibc relocates the pointers of a dynamic section in place, unless it is read-only; musl does
 * not. Which of both was done does not show by comparison with dlpi_addr: what is loaded below the
 * address that it is linked for moves by a negative number, as the vDSO of gVisor. */
static const void *pointer_of(const struct dl_phdr_info *info, ElfW(Addr) value)
{
    ElfW(Addr) address = holds(info, value) ? value : info->dlpi_addr + value;
    return (const void *)address; // NOLINT(performance-no-int-to-ptr)
}

static bool read_object(const struct dl_phdr_info *info, struct object *object)
{
    *object = (struct object){.info = info};
    const ElfW(Dyn) *dynamic = NULL;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC) {
            // NOLINTNEXTLINE(performance-no-int-to-ptr)
            dynamic = (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
        }
    }
    if (dynamic == NULL) {
        return false;
    }
    for (; dynamic->d_tag != DT_NULL; dynamic++) {
        const void *pointer = pointer_of(info, dynamic->d_un.d_ptr);
        switch (dynamic->d_tag) {
        case DT_SYMTAB:
            object->symbols = pointer;
            break;
        case DT_STRTAB:
            object->strings = pointer;
            break;
        case DT_HASH:
            object->hash = pointer;
            break;
        case DT_GNU_HASH:
            object->gnu_hash = pointer;
            break;
        case DT_RELA:
            object->tables[0] = pointer;
            break;
        case DT_RELASZ:
            object->lengths[0] = dynamic->d_un.d_val / sizeof(ElfW(Rela));
            break;
        case DT_JMPREL:
            object->tables[1] = pointer;
            break;
        case DT_PLTRELSZ:
            object->lengths[1] = dynamic->d_un.d_val / sizeof(ElfW(Rela));
            break;
        default:
            break;
        }
    }
    return object->symbols != NULL && object->strings != NULL;
}

/* ---- writing ---- */

/* How the page of `address` is protected: by its segment, unless the loader sealed it after the
 * relocations (RELRO). */
static int protection_of(const struct job *job, const struct dl_phdr_info *info, uintptr_t address)
{
    int protection = PROT_NONE;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t begin = info->dlpi_addr + segment->p_vaddr;
        uintptr_t end = begin + segment->p_memsz;
        if (segment->p_type == PT_LOAD && address >= begin && address < end) {
            protection |= (segment->p_flags & PF_R) != 0 ? PROT_READ : 0;
            protection |= (segment->p_flags & PF_W) != 0 ? PROT_WRITE : 0;
            protection |= (segment->p_flags & PF_X) != 0 ? PROT_EXEC : 0;
        }
    }
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t begin = info->dlpi_addr + segment->p_vaddr;
        /* Whole pages: the last one, shared with what stays writable, is not sealed. */
        uintptr_t end = (begin + segment->p_memsz) & ~(job->page_size - 1);
        if (segment->p_type == PT_GNU_RELRO && address >= (begin & ~(job->page_size - 1)) &&
            address < end) {
            protection &= ~PROT_WRITE;
        }
    }
    return protection;
}

/* Write an aligned word, in one store, to a page that may be sealed. */
static bool write_word(const struct job *job, const struct dl_phdr_info *info, uintptr_t *word,
                       uintptr_t value)
{
    uintptr_t address = (uintptr_t)word;
    int protection = protection_of(job, info, address);
    bool sealed = (protection & PROT_WRITE) == 0;
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    void *page = (void *)(address & ~(job->page_size - 1));
    if (protection == PROT_NONE ||
        (sealed && mprotect(page, job->page_size, protection | PROT_WRITE) != 0)) {
        return false;
    }
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
    if (sealed) {
        /* Should it fail, the page stays writable, as it is without RELRO. */
        (void)mprotect(page, job->page_size, protection);
    }
    return true;
}

/* ---- symbols ---- */

static uint32_t gnu_hash_of(const char *name)
{
    uint32_t hash = 5381;
    for (const char *c = name; *c != '\0'; c++) {
        hash = hash * 33 + (unsigned char)*c;
    }
    return hash;
}

static bool defines(const struct object *object, const ElfW(Sym) * symbol, const char *name)
{
    return symbol->st_shndx != SHN_UNDEF && strcmp(object->strings + symbol->st_name, name) == 0;
}

/* Table: bucket count, first symbol, words of the filter, shift; filter; buckets; chains, in which
 * the lowest bit marks the end. */
static const ElfW(Sym) * find_by_gnu_hash(const struct object *object, const char *name)
{
    const uint32_t *table = object->gnu_hash;
    uint32_t bucket_count = table[0];
    uint32_t first = table[1];
    const uint32_t *buckets = table + 4 + (size_t)table[2] * (sizeof(ElfW(Addr)) / sizeof *table);
    const uint32_t *chains = buckets + bucket_count;
    if (bucket_count == 0) {
        return NULL;
    }
    uint32_t hash = gnu_hash_of(name);
    uint32_t i = buckets[hash % bucket_count];
    if (i < first) {
        return NULL;
    }
    for (;; i++) {
        uint32_t entry = chains[i - first];
        if ((entry | 1) == (hash | 1) && defines(object, &object->symbols[i], name)) {
            return &object->symbols[i];
        }
        if ((entry & 1) != 0) {
            return NULL;
        }
    }
}

static const ElfW(Sym) * find_symbol(const struct object *object, const char *name)
{
    if (object->gnu_hash != NULL) {
        return find_by_gnu_hash(object, name);
    }
    uint32_t count = object->hash == NULL ? 0 : object->hash[1]; /* as many as chains */
    for (uint32_t i = 0; i < count; i++) {
        if (defines(object, &object->symbols[i], name)) {
            return &object->symbols[i];
        }
    }
    return NULL;
}

static int redirect_symbols(struct dl_phdr_info *info, size_t size, void *argument)
{
    (void)size;
    struct job *job = argument;
    struct object object;
    if (!read_object(info, &object)) {
        return 0;
    }
    for (size_t i = 0; i < job->count; i++) {
        const struct ctm_redirect *redirect = &job->redirects[i];
        const ElfW(Sym) *symbol = find_symbol(&object, redirect->name);
        /* Values are offsets, modulo the size of an address: any distance will do. */
        if (symbol != NULL && info->dlpi_addr + symbol->st_value == redirect->from &&
            write_word(job, info, (uintptr_t *)(uintptr_t)&symbol->st_value,
                       redirect->to - info->dlpi_addr)) {
            job->done->symbols++;
        }
    }
    return 0;
}

/* Whom a name means: an address that some object defines as that, else the first definition. */
struct target {
    const char *name;
    uintptr_t seen;
    uintptr_t first; /* 0: none so far */
    bool is_defined; /* what is seen is no stub */
};

static int find_target(struct dl_phdr_info *info, size_t size, void *argument)
{
    (void)size;
    struct target *target = argument;
    struct object object;
    const ElfW(Sym) *symbol =
        read_object(info, &object) ? find_symbol(&object, target->name) : NULL;
    if (symbol != NULL) {
        uintptr_t address = info->dlpi_addr + symbol->st_value;
        target->first = target->first == 0 ? address : target->first;
        target->is_defined |= address == target->seen;
    }
    return target->is_defined;
}

/* ---- slots ---- */

/* The loader also fills words of what a sanitizer keeps around variables. */
__attribute__((no_sanitize("address"))) static void
redirect_slot(struct job *job, const struct dl_phdr_info *info, const ElfW(Rela) * relocation)
{
    typedef uintptr_t __attribute__((aligned(1))) anywhere;
    unsigned long type = ELF64_R_TYPE(relocation->r_info);
    if (type != TYPE_SLOT && type != TYPE_GOT && type != TYPE_WORD) {
        return;
    }
    uintptr_t address = info->dlpi_addr + relocation->r_offset;
    /* A word across words cannot be changed in one store. */
    bool is_aligned = address % sizeof(uintptr_t) == 0;
    uintptr_t *slot = (uintptr_t *)address; // NOLINT(performance-no-int-to-ptr)
    uintptr_t value =
        is_aligned ? __atomic_load_n(slot, __ATOMIC_RELAXED) : *(const anywhere *)slot;
    for (size_t i = 0; i < job->count; i++) {
        if (CTM_UNLIKELY(value == job->redirects[i].from)) {
            if (is_aligned && write_word(job, info, slot, job->redirects[i].to)) {
                job->done->slots++;
            } else {
                job->done->refused++;
            }
        }
    }
}

static int redirect_slots(struct dl_phdr_info *info, size_t size, void *argument)
{
    (void)size;
    struct job *job = argument;
    struct object object;
    if (!read_object(info, &object)) {
        return 0;
    }
    for (size_t table = 0; table < 2; table++) {
        for (size_t i = 0; object.tables[table] != NULL && i < object.lengths[table]; i++) {
            redirect_slot(job, info, &object.tables[table][i]);
        }
    }
    return 0;
}

/* ---- for others ---- */

uintptr_t ctm_redirect_target(const char *name, uintptr_t address)
{
    struct target target = {.name = name, .seen = address};
    (void)dl_iterate_phdr(find_target, &target);
    return target.is_defined || target.first == 0 ? address : target.first;
}

void ctm_redirect_calls(const struct ctm_redirect *redirects, size_t count,
                        struct ctm_redirected *done)
{
    struct job job = {redirects, count, done, ctm_os_page_size()};
    done->refused = 0;
    /* In this order: what is loaded in between has the new address already. */
    (void)dl_iterate_phdr(redirect_symbols, &job);
    (void)dl_iterate_phdr(redirect_slots, &job);
}

static int read_loads(struct dl_phdr_info *info, size_t size, void *loads)
{
    (void)size;
    *(uint64_t *)loads = info->dlpi_adds;
    return 1;
}

uint64_t ctm_redirect_loads(void)
{
    uint64_t loads = 0;
    (void)dl_iterate_phdr(read_loads, &loads);
    return loads;
}
