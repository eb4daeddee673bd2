#include <string.h>

#include "snapshot/module_name.h"
#include "support.h"

static void check(const char *file, const char *wanted)
{
    char room[256];
    struct ctm_string text = {.bytes = file, .length = strlen(file)};
    struct ctm_string name = ctm_module_name(text, room);
    assert_int_equal(name.length, strlen(wanted));
    assert_memory_equal(name.bytes, wanted, name.length);
}

static void test_installed(void **state)
{
    (void)state;
    check("/usr/lib/python3.11/json/decoder.py", "json.decoder");
    check("/usr/lib/python3.11/argparse.py", "argparse");
    check("/x/lib/python3.13/site-packages/numpy/core/_methods.py", "numpy.core._methods");
    check("/usr/lib/python3/dist-packages/apt/cache.py", "apt.cache");
    check("/usr/lib/python311.zip/json/decoder.pyc", "json.decoder");
    check("/x/site-packages/pkg/fast.pyx", "pkg.fast");
}

static void test_packages(void **state)
{
    (void)state;
    check("/x/site-packages/numpy/__init__.py", "numpy");
    check("/x/site-packages/a/b/__init__.py", "a.b");
    check("/x/site-packages/a/__main__.py", "a.__main__");
    check("/x/site-packages/__init__.py", "__init__");
    check("__init__.py", "__init__");
    check("/x/src/__init__.py", "x.src");
}

static void test_own_code(void **state)
{
    (void)state;
    check("/home/me/my-project/app/views.py", "app.views");
    check("/home/me/work/src/app/views.py", "app.views");
    check("/opt/tools/run.py", "opt.tools.run");
    check("run.py", "run");
    check("./run.py", "run");
    check("../pkg/run.py", "pkg.run");
    check("pkg/sub/run.py", "pkg.sub.run");
    check("/a//b.py", "b");
    check("/3d/mesh.py", "mesh");
    check("/x-y/d3/mesh.py", "d3.mesh");
    check("/x-y/\xc3\xa9/\xed\xa0\x80.py", "\xc3\xa9.\xed\xa0\x80");
}

static void test_odd_names(void **state)
{
    (void)state;
    check("/x-y/my-script.py", "my-script");
    check("/x-y/pkg/my-script.2.py", "pkg.my-script.2");
    check("/x-y/pkg/tool", "pkg.tool");
    check("/x-y/pkg/data.txt", "pkg.data.txt");
    check("", "");
    check("/", "/");
    check("/x/.py", "/x/.py");
    check("/x/", "/x/");
}

static void test_no_files(void **state)
{
    (void)state;
    check("<frozen importlib._bootstrap>", "importlib._bootstrap");
    check("<frozen >", "");
    check("<frozen x", "<frozen x");
    check("<string>", "<string>");
    check("<unknown>", "<unknown>");
    check("<a/b.py>", "<a/b.py>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_installed), cmocka_unit_test(test_packages),
        cmocka_unit_test(test_own_code),  cmocka_unit_test(test_odd_names),
        cmocka_unit_test(test_no_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
