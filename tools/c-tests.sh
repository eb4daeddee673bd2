#!/usr/bin/env bash
# Builds what stands below the extension, and runs its C tests.
#
#   c-tests.sh KIND [MESON_TEST_ARGUMENT...]
#
# KIND is one of
#   gcc, clang   an ordinary build by that compiler, warnings being errors
#   asan         with the address and undefined behaviour sanitizers
#   tsan         with the thread sanitizer
#   valgrind     under memcheck
set -euo pipefail

repo=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd "$repo"

kind=${1:-}
[[ $kind ]] && shift
options=(-Dpython=false -Dtests=true -Dbuildtype=debugoptimized -Db_lto=false)
# cmocka 2 deprecates names that have no other in version 1.
options+=(-Dc_args=-Wno-error=deprecated-declarations)
test_options=(--print-errorlogs)
runner=()
case $kind in
    gcc)
        options+=(-Dwerror=true)
        export CC=gcc
        ;;
    clang)
        options+=(-Dwerror=true)
        export CC=${CLANG:-clang-14}
        ;;
    asan)
        options+=("-Db_sanitize=address,undefined")
        # Tests ask for more than there is, and want to be told so.
        export ASAN_OPTIONS=abort_on_error=1:detect_stack_use_after_return=1:allocator_may_return_null=1
        export UBSAN_OPTIONS=halt_on_error=1:abort_on_error=1:print_stacktrace=1
        ;;
    tsan)
        options+=(-Db_sanitize=thread)
        export TSAN_OPTIONS=halt_on_error=1:abort_on_error=1:second_deadlock_stack=1:allocator_may_return_null=1
        # Its shadow memory has no place for what a kernel with many random bits maps.
        runner=(setarch --addr-no-randomize)
        ;;
    valgrind)
        export CC=gcc
        command -v valgrind >/dev/null || { echo "c-tests.sh: valgrind is not there: run .ci/packages" >&2; exit 1; }
        test_options+=(--wrapper "valgrind -q --error-exitcode=9 --leak-check=full --trace-children=yes")
        # Whatever is wrong is so with few random operations, too.
        export CTM_TEST_SCALE=${CTM_TEST_SCALE:-5}
        ;;
    *)
        sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2
        exit 2
        ;;
esac

dev=$(tools/pythons.sh venv "$(tools/pythons.sh default)")
export PATH=${dev%/*}:$PATH
build=build/c-$kind${CTRACEMALLOC_IN_CHROOT:+-chroot}
[[ -d $build/meson-info ]] || meson setup "$build" "${options[@]}"
meson compile -C "$build"
# What is watched is slow.
[[ $kind != *san && $kind != valgrind ]] || test_options+=(--timeout-multiplier=10)
[[ $(meson test -C "$build" --list) ]] || { echo "c-tests.sh: there are no tests" >&2; exit 1; }
"${runner[@]}" meson test -C "$build" "${test_options[@]}" "$@"
