/* A program that is bound to its place, and whose stub of a function all others take for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/redirect.h"

#define NAME "target_answer"

typedef int (*function)(void);

enum { ORIGINAL = 1, REPLACEMENT = 42 };

int target_answer(void);

static const char *folder;

static int replacement(void)
{
    return REPLACEMENT;
}

/* A constant in the code, so that the linker needs the address before the program is loaded. */
static __attribute__((noinline)) function taken(void)
{
    return target_answer;
}

static function as_function(void *address)
{
    function found;
    memcpy(&found, &address, sizeof found);
    return found;
}

/* An object that calls the function, in each way. */
static void *load(const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/libredirect_%s.so", folder, name);
    void *object = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (object == NULL) {
        fail_msg("%s", dlerror());
    }
    return object;
}

static void assert_answers(void *caller, int answer)
{
    assert_int_equal(as_function(dlsym(caller, "caller_call"))(), answer);
    const function *pointer = dlsym(caller, "caller_pointer");
    assert_non_null(pointer);
    assert_int_equal((*pointer)(), answer);
}

static void what_is_seen_is_a_stub_and_its_target_is_found(void **state)
{
    (void)state;
    void *target = load("target_gnu");
    uintptr_t definition = (uintptr_t)dlsym(target, NAME);
    assert_int_not_equal((uintptr_t)taken(), definition);
    assert_int_equal((uintptr_t)taken(), (uintptr_t)dlsym(RTLD_DEFAULT, NAME));
    assert_int_equal(ctm_redirect_target(NAME, (uintptr_t)taken()), definition);
    assert_int_equal(ctm_redirect_target(NAME, definition), definition);
    assert_int_equal(ctm_redirect_target("no such function", 7), 7);
    assert_int_equal(dlclose(target), 0);
}

static void whoever_calls_is_led_elsewhere(void **state)
{
    (void)state;
    static const char *const names[] = {"lazy", "sealed", "without_plt"};
    enum { COUNT = sizeof names / sizeof *names };
    void *callers[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        callers[i] = load(names[i]);
        assert_answers(callers[i], ORIGINAL);
    }
    assert_int_equal(target_answer(), ORIGINAL);
    uintptr_t target = ctm_redirect_target(NAME, (uintptr_t)taken());
    struct ctm_redirected done = {0};
    ctm_redirect_calls(&(struct ctm_redirect){NAME, target, (uintptr_t)replacement}, 1, &done);
    assert_int_equal(done.symbols, 1);
    assert_int_equal(target_answer(), REPLACEMENT);
    assert_int_equal(taken()(), REPLACEMENT);
    for (size_t i = 0; i < COUNT; i++) {
        assert_answers(callers[i], REPLACEMENT);
        assert_int_equal(dlclose(callers[i]), 0);
        callers[i] = load(names[i]);
        assert_answers(callers[i], REPLACEMENT);
        assert_int_equal(dlclose(callers[i]), 0);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: test_redirect_stub FOLDER_OF_OBJECTS\n");
        return 2;
    }
    folder = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_seen_is_a_stub_and_its_target_is_found),
        cmocka_unit_test(whoever_calls_is_led_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
