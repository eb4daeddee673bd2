/* Leading an exported function's calls elsewhere: each place that holds its address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/redirect.h"

#define NAME "target_answer"

typedef int (*function)(void);

enum { ORIGINAL = 1, REPLACEMENT = 42 };

static const char *folder;

/* ---- what the code under test calls instead of the system ---- */

int test_mprotect(void *address, size_t length, int protection);
int test_iterate(int (*callback)(struct dl_phdr_info *info, size_t size, void *data), void *data);

static bool refuses;                 /* to open a page for writing */
static struct dl_phdr_info *crafted; /* the only object there is, unless NULL */

int test_mprotect(void *address, size_t length, int protection)
{
    if (refuses && (protection & PROT_WRITE) != 0) {
        errno = EACCES;
        return -1;
    }
    return mprotect(address, length, protection);
}

int test_iterate(int (*callback)(struct dl_phdr_info *info, size_t size, void *data), void *data)
{
    return crafted == NULL ? dl_iterate_phdr(callback, data)
                           : callback(crafted, sizeof *crafted, data);
}

/* ---- objects ---- */

static int replacement(void)
{
    return REPLACEMENT;
}

static void *load(const char *name, int mode)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/libredirect_%s.so", folder, name);
    void *object = dlopen(path, mode | RTLD_LOCAL);
    if (object == NULL) {
        fail_msg("%s", dlerror());
    }
    return object;
}

static function look_up(void *object, const char *name)
{
    function found;
    void *address = dlsym(object, name);
    assert_non_null(address);
    memcpy(&found, &address, sizeof found);
    return found;
}

/* A target, and a caller of it. */
struct fixture {
    void *target;
    void *caller;
    uintptr_t original;
};

static struct fixture set_up(const char *target, const char *caller)
{
    struct fixture fixture = {.target = load(target, RTLD_NOW)};
    fixture.original = (uintptr_t)look_up(fixture.target, NAME);
    fixture.caller = caller == NULL ? NULL : load(caller, RTLD_LAZY);
    return fixture;
}

static void redirect_more(const struct fixture *fixture, struct ctm_redirected *done)
{
    const struct ctm_redirect redirects[] = {
        {"no such function", 1, 2},
        {NAME, fixture->original, (uintptr_t)replacement},
    };
    ctm_redirect_calls(redirects, 2, done);
}

static struct ctm_redirected redirect(const struct fixture *fixture)
{
    struct ctm_redirected done = {0};
    redirect_more(fixture, &done);
    return done;
}

/* The way back is the same. */
static struct ctm_redirected redirect_back(const struct fixture *fixture)
{
    struct ctm_redirected done = {0};
    const struct ctm_redirect back = {NAME, (uintptr_t)replacement, fixture->original};
    ctm_redirect_calls(&back, 1, &done);
    return done;
}

static void tear_down(const struct fixture *fixture)
{
    (void)redirect_back(fixture);
    assert_int_equal(look_up(fixture->target, NAME)(), ORIGINAL);
    if (fixture->caller != NULL) {
        assert_int_equal(dlclose(fixture->caller), 0);
    }
    assert_int_equal(dlclose(fixture->target), 0);
}

static void assert_answers(void *caller, int answer)
{
    assert_int_equal(look_up(caller, "caller_call")(), answer);
    const function *pointer = dlsym(caller, "caller_pointer");
    assert_non_null(pointer);
    assert_int_equal((*pointer)(), answer);
}

/* Whether the page that holds a caller's constant pointer can be written. */
static bool pointer_is_writable(void *caller)
{
    uintptr_t address = (uintptr_t)dlsym(caller, "caller_pointer");
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    char line[4096];
    bool found = false;
    bool writable = false;
    while (fgets(line, sizeof line, maps) != NULL) {
        uintptr_t begin;
        uintptr_t end;
        char protection[5];
        assert_int_equal(sscanf(line, "%zx-%zx %4s", &begin, &end, protection), 3);
        if (address >= begin && address < end) {
            found = true;
            writable = protection[1] == 'w';
        }
    }
    (void)fclose(maps);
    assert_true(found);
    return writable;
}

/* ---- real objects ---- */

static const struct {
    const char *target;
    const char *caller;
} PAIRS[] = {
    {"target_gnu", "lazy"},
    {"target_gnu", "sealed"},
    {"target_gnu", "without_plt"},
    {"target_sysv", "old_hash"},
};

enum { PAIR_COUNT = sizeof PAIRS / sizeof *PAIRS };

static void who_is_loaded_before_is_led_elsewhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAIR_COUNT; i++) {
        struct fixture fixture = set_up(PAIRS[i].target, PAIRS[i].caller);
        struct ctm_redirected done = redirect(&fixture);
        assert_int_equal(done.symbols, 1);
        assert_true(done.slots >= 1);
        assert_int_equal(done.refused, 0);
        assert_answers(fixture.caller, REPLACEMENT);
        (void)redirect_back(&fixture);
        assert_answers(fixture.caller, ORIGINAL);
        tear_down(&fixture);
    }
}

static void who_has_called_before_is_led_elsewhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAIR_COUNT; i++) {
        struct fixture fixture = set_up(PAIRS[i].target, PAIRS[i].caller);
        assert_answers(fixture.caller, ORIGINAL);
        assert_true(redirect(&fixture).slots >= 2);
        assert_answers(fixture.caller, REPLACEMENT);
        tear_down(&fixture);
    }
}

static void who_is_loaded_later_is_bound_to_the_new_function(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAIR_COUNT; i++) {
        struct fixture fixture = set_up(PAIRS[i].target, NULL);
        assert_int_equal(redirect(&fixture).symbols, 1);
        fixture.caller = load(PAIRS[i].caller, RTLD_NOW);
        assert_answers(fixture.caller, REPLACEMENT);
        assert_int_equal(redirect(&fixture).slots, 0);
        tear_down(&fixture);
    }
}

static void a_look_up_by_name_gives_the_new_function(void **state)
{
    (void)state;
    struct fixture fixture = set_up("target_gnu", NULL);
    function before = look_up(fixture.target, NAME);
    (void)redirect(&fixture);
    assert_int_equal(look_up(fixture.target, NAME)(), REPLACEMENT);
    assert_int_equal(before(), ORIGINAL);
    tear_down(&fixture);
}

static void a_call_inside_the_target_is_out_of_reach(void **state)
{
    (void)state;
    struct fixture fixture = set_up("target_gnu", NULL);
    (void)redirect(&fixture);
    assert_int_equal(look_up(fixture.target, "target_ask_inside")(), ORIGINAL);
    tear_down(&fixture);
}

static void sealed_pages_are_sealed_again(void **state)
{
    (void)state;
    struct fixture fixture = set_up("target_gnu", "sealed");
    assert_false(pointer_is_writable(fixture.caller));
    assert_true(redirect(&fixture).slots >= 2);
    assert_false(pointer_is_writable(fixture.caller));
    tear_down(&fixture);
}

static void once_more_changes_nothing(void **state)
{
    (void)state;
    struct fixture fixture = set_up("target_gnu", "sealed");
    (void)redirect(&fixture);
    struct ctm_redirected done = redirect(&fixture);
    assert_int_equal(done.symbols + done.slots + done.refused, 0);
    tear_down(&fixture);
}

static void an_object_that_was_unloaded_leaves_nothing_behind(void **state)
{
    (void)state;
    struct fixture fixture = set_up("target_gnu", "sealed");
    (void)redirect(&fixture);
    assert_int_equal(dlclose(fixture.caller), 0);
    struct ctm_redirected done = redirect(&fixture);
    assert_int_equal(done.symbols + done.slots + done.refused, 0);
    fixture.caller = load("sealed", RTLD_NOW);
    assert_answers(fixture.caller, REPLACEMENT);
    tear_down(&fixture);
}

static void each_load_is_counted(void **state)
{
    (void)state;
    uint64_t before = ctm_redirect_loads();
    assert_true(before > 0);
    assert_int_equal(ctm_redirect_loads(), before);
    void *target = load("target_gnu", RTLD_NOW);
    assert_int_equal(ctm_redirect_loads(), before + 1);
    assert_int_equal(dlclose(target), 0);
    assert_int_equal(ctm_redirect_loads(), before + 1);
}

/* ---- what may fail ---- */

static void a_system_that_opens_no_page_is_told_of(void **state)
{
    (void)state;
    struct fixture fixture = set_up("target_gnu", "sealed");
    refuses = true;
    struct ctm_redirected done = redirect(&fixture);
    assert_int_equal(done.symbols, 0);
    assert_int_equal(done.slots, 0);
    assert_true(done.refused >= 2);
    assert_answers(fixture.caller, ORIGINAL);
    size_t refused = done.refused;
    redirect_more(&fixture, &done);
    assert_int_equal(done.refused, refused);
    refuses = false;
    redirect_more(&fixture, &done);
    assert_int_equal(done.symbols, 1);
    assert_int_equal(done.slots, refused);
    assert_int_equal(done.refused, 0);
    assert_answers(fixture.caller, REPLACEMENT);
    tear_down(&fixture);
}

static void what_is_writable_is_written_all_the_same(void **state)
{
    (void)state;
    struct fixture fixture = set_up("target_gnu", "lazy");
    function call = look_up(fixture.caller, "caller_call");
    assert_int_equal(call(), ORIGINAL); /* bound now */
    refuses = true;
    assert_int_equal(redirect(&fixture).slots, 1);
    refuses = false;
    assert_int_equal(call(), REPLACEMENT);
    tear_down(&fixture);
}

/* ---- objects that no linker makes ---- */

static ElfW(Phdr) segment(ElfW(Word) type, ElfW(Word) flags, const void *begin, size_t size)
{
    return (ElfW(Phdr)){
        .p_type = type, .p_flags = flags, .p_vaddr = (ElfW(Addr))(uintptr_t)begin, .p_memsz = size};
}

static struct ctm_redirected redirect_crafted_at(ElfW(Addr) moved_by, ElfW(Phdr) * segments,
                                                 ElfW(Half) count)
{
    struct dl_phdr_info info = {
        .dlpi_addr = moved_by, .dlpi_phdr = segments, .dlpi_phnum = count, .dlpi_adds = 77};
    struct fixture none = {.original = (uintptr_t)replacement + 1};
    crafted = &info;
    struct ctm_redirected done = redirect(&none);
    assert_int_equal(ctm_redirect_loads(), 77);
    crafted = NULL;
    return done;
}

static struct ctm_redirected redirect_crafted(ElfW(Phdr) * segments, ElfW(Half) count)
{
    return redirect_crafted_at(0, segments, count);
}

static void an_object_without_tables_is_passed_over(void **state)
{
    (void)state;
    ElfW(Dyn) dynamic[] = {{.d_tag = DT_NULL}};
    ElfW(Phdr) segments[] = {segment(PT_LOAD, PF_R | PF_W, dynamic, sizeof dynamic),
                             segment(PT_DYNAMIC, PF_R, dynamic, sizeof dynamic)};
    struct ctm_redirected done = redirect_crafted(segments, 1);
    assert_int_equal(done.symbols + done.slots + done.refused, 0);
    done = redirect_crafted(segments, 2);
    assert_int_equal(done.symbols + done.slots + done.refused, 0);
}

/* An object of one relocation and one symbol, which both hold the function's address. */
struct image {
    uintptr_t slots[3];
    ElfW(Sym) symbol;
    ElfW(Rela) relocation;
    uint32_t gnu_hash[8]; /* one bucket, empty, and one word of the filter */
    ElfW(Dyn) dynamic[8];
    char strings[sizeof NAME];
};

static void craft(struct image *image)
{
    uintptr_t original = (uintptr_t)replacement + 1;
    *image = (struct image){
        .slots = {original, original, original},
        .symbol = {.st_name = 0, .st_value = original, .st_shndx = 1},
        .relocation = {.r_offset = (ElfW(Addr))(uintptr_t)&image->slots[1],
#ifdef __aarch64__
                       .r_info = ELF64_R_INFO(0, R_AARCH64_GLOB_DAT)},
#else
                       .r_info = ELF64_R_INFO(0, R_X86_64_GLOB_DAT)},
#endif
        .gnu_hash = {1, 1, 1, 0},
        .dynamic =
            {
                {.d_tag = DT_SYMTAB, .d_un.d_ptr = (ElfW(Addr))(uintptr_t)&image->symbol},
                {.d_tag = DT_STRTAB, .d_un.d_ptr = (ElfW(Addr))(uintptr_t)image->strings},
                {.d_tag = DT_RELA, .d_un.d_ptr = (ElfW(Addr))(uintptr_t)&image->relocation},
                {.d_tag = DT_RELASZ, .d_un.d_val = sizeof image->relocation},
                {.d_tag = DT_GNU_HASH, .d_un.d_ptr = (ElfW(Addr))(uintptr_t)image->gnu_hash},
            },
        .strings = NAME,
    };
}

static struct ctm_redirected redirect_image(struct image *image)
{
    ElfW(Phdr) segments[] = {segment(PT_LOAD, PF_R | PF_W, image, sizeof *image),
                             segment(PT_DYNAMIC, PF_R, image->dynamic, sizeof image->dynamic)};
    return redirect_crafted(segments, 2);
}

static void only_the_relocated_word_is_changed(void **state)
{
    (void)state;
    struct image image;
    craft(&image);
    uintptr_t original = image.slots[0];
    struct ctm_redirected done = redirect_image(&image);
    assert_int_equal(done.slots, 1);
    assert_int_equal(done.symbols, 0); /* the hash table has no symbols */
    assert_int_equal(image.slots[0], original);
    assert_int_equal(image.slots[1], (uintptr_t)replacement);
    assert_int_equal(image.slots[2], original);
}

static void a_symbol_without_a_hash_table_is_not_found(void **state)
{
    (void)state;
    struct image image;
    craft(&image);
    image.dynamic[4].d_tag = DT_NULL;
    assert_int_equal(redirect_image(&image).symbols, 0);
    craft(&image);
    image.gnu_hash[0] = 0; /* no buckets */
    assert_int_equal(redirect_image(&image).symbols, 0);
}

static void a_symbol_that_is_asked_of_others_is_no_definition(void **state)
{
    (void)state;
    uint32_t table[] = {1, 1, 0, 0}; /* one bucket, one chain */
    struct image image;
    craft(&image);
    image.dynamic[4] = (ElfW(Dyn)){.d_tag = DT_HASH, .d_un.d_ptr = (ElfW(Addr))(uintptr_t)table};
    image.symbol.st_shndx = SHN_UNDEF;
    assert_int_equal(redirect_image(&image).symbols, 0);
    image.symbol.st_shndx = 1;
    assert_int_equal(redirect_image(&image).symbols, 1);
    assert_int_equal(image.symbol.st_value, (uintptr_t)replacement);
}

static void a_relocation_that_holds_no_address_is_left_alone(void **state)
{
    (void)state;
    struct image image;
    craft(&image);
    uintptr_t original = image.slots[1];
    image.relocation.r_info = ELF64_R_INFO(0, 0); /* none */
    assert_int_equal(redirect_image(&image).slots, 0);
    assert_int_equal(image.slots[1], original);
}

/* What the linker and the loader make of an image that is loaded so far from where it was linked
 * for. The loader may relocate the pointers of the dynamic section. */
static struct ctm_redirected redirect_image_at(struct image *image, ElfW(Addr) moved_by,
                                               bool relocates)
{
    image->relocation.r_offset -= moved_by;
    image->symbol.st_value -= moved_by;
    for (ElfW(Dyn) *entry = image->dynamic; !relocates && entry->d_tag != DT_NULL; entry++) {
        entry->d_un.d_ptr -= entry->d_tag == DT_RELASZ ? 0 : moved_by;
    }
    ElfW(Phdr) segments[] = {segment(PT_LOAD, PF_R | PF_W, image, sizeof *image),
                             segment(PT_DYNAMIC, PF_R, image->dynamic, sizeof image->dynamic)};
    segments[0].p_vaddr -= moved_by;
    segments[1].p_vaddr -= moved_by;
    return redirect_crafted_at(moved_by, segments, 2);
}

static void an_object_may_be_loaded_anywhere(void **state)
{
    (void)state;
    struct image image;
    const ElfW(Addr) here = (ElfW(Addr))(uintptr_t)&image;
    /* gVisor's vDSO is linked for the third, which programs cannot have. */
    const ElfW(Addr) linked_for[] = {0, here / 2, 0xffffffffff700000, here + (1U << 20)};
    for (size_t i = 0; i < 2 * sizeof linked_for / sizeof *linked_for; i++) {
        uint32_t table[] = {1, 1, 0, 0}; /* one bucket, one chain */
        craft(&image);
        memcpy(image.gnu_hash, table, sizeof table);
        image.dynamic[4].d_tag = DT_HASH;
        ElfW(Addr) moved_by = here - linked_for[i / 2];
        struct ctm_redirected done = redirect_image_at(&image, moved_by, i % 2 != 0);
        assert_int_equal(done.symbols, 1);
        assert_int_equal(done.slots, 1);
        assert_int_equal(moved_by + image.symbol.st_value, (uintptr_t)replacement);
        assert_int_equal(image.slots[1], (uintptr_t)replacement);
    }
}

static void a_word_across_words_is_refused_if_it_holds_the_address(void **state)
{
    (void)state;
    struct image image;
    craft(&image);
    image.relocation.r_offset += 1;
    struct image before = image;
    struct ctm_redirected done = redirect_image(&image);
    assert_int_equal(done.slots + done.refused, 0);
    memcpy((char *)&image.slots[1] + 1, &before.slots[0], sizeof *image.slots);
    before = image;
    done = redirect_image(&image);
    assert_int_equal(done.slots, 0);
    assert_int_equal(done.refused, 1);
    assert_memory_equal(image.slots, before.slots, sizeof before.slots);
}

static void a_word_outside_of_all_segments_is_refused(void **state)
{
    (void)state;
    struct image image;
    craft(&image);
    ElfW(Phdr) segments[] = {segment(PT_LOAD, PF_R | PF_W, &image, sizeof *image.slots),
                             segment(PT_DYNAMIC, PF_R, image.dynamic, sizeof image.dynamic)};
    uintptr_t original = image.slots[1];
    struct ctm_redirected done = redirect_crafted(segments, 2);
    assert_int_equal(done.slots, 0);
    assert_int_equal(done.refused, 1);
    assert_int_equal(image.slots[1], original);
}

/* ---- at any time ---- */

struct calls {
    function call;
    _Atomic bool ends;
    bool others; /* an answer that is neither */
};

static void *call_on(void *context)
{
    struct calls *calls = context;
    while (!calls->ends) {
        int answer = calls->call();
        calls->others = calls->others || (answer != ORIGINAL && answer != REPLACEMENT);
    }
    return NULL;
}

static void who_calls_meanwhile_reaches_one_or_the_other(void **state)
{
    (void)state;
    struct fixture fixture = set_up("target_gnu", "sealed");
    struct calls calls = {.call = look_up(fixture.caller, "caller_call")};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, call_on, &calls), 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(redirect(&fixture).symbols, 1);
        assert_int_equal(redirect_back(&fixture).symbols, 1);
    }
    calls.ends = true;
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(calls.others);
    tear_down(&fixture);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: test_redirect FOLDER_OF_OBJECTS\n");
        return 2;
    }
    folder = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_loaded_before_is_led_elsewhere),
        cmocka_unit_test(who_has_called_before_is_led_elsewhere),
        cmocka_unit_test(who_is_loaded_later_is_bound_to_the_new_function),
        cmocka_unit_test(a_look_up_by_name_gives_the_new_function),
        cmocka_unit_test(a_call_inside_the_target_is_out_of_reach),
        cmocka_unit_test(sealed_pages_are_sealed_again),
        cmocka_unit_test(once_more_changes_nothing),
        cmocka_unit_test(an_object_that_was_unloaded_leaves_nothing_behind),
        cmocka_unit_test(each_load_is_counted),
        cmocka_unit_test(a_system_that_opens_no_page_is_told_of),
        cmocka_unit_test(what_is_writable_is_written_all_the_same),
        cmocka_unit_test(an_object_without_tables_is_passed_over),
        cmocka_unit_test(only_the_relocated_word_is_changed),
        cmocka_unit_test(a_symbol_without_a_hash_table_is_not_found),
        cmocka_unit_test(a_symbol_that_is_asked_of_others_is_no_definition),
        cmocka_unit_test(a_relocation_that_holds_no_address_is_left_alone),
        cmocka_unit_test(an_object_may_be_loaded_anywhere),
        cmocka_unit_test(a_word_across_words_is_refused_if_it_holds_the_address),
        cmocka_unit_test(a_word_outside_of_all_segments_is_refused),
        cmocka_unit_test(who_calls_meanwhile_reaches_one_or_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
