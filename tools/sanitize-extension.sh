#!/usr/bin/env bash
# Builds the extension for a tool that finds what tests miss, and runs the tests of the hooks under it.
#
#   sanitize-extension.sh asan [PYTEST_ARGUMENT...]   address and undefined behaviour sanitizers
#   sanitize-extension.sh tsan [CALLS]                thread sanitizer: the stress, C threads and Python's at the hooks
#   sanitize-extension.sh valgrind [CALLS]            memcheck: the stress
#
# The interpreter itself is the ordinary one: it is the tracer's own memory and code that is looked at.
set -euo pipefail

repo=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd "$repo"

kind=${1:-}
[[ $kind ]] && shift
options="-Dbuildtype=debugoptimized -Db_lto=false -Dchecks=true"
case $kind in
    asan) options+=" -Db_sanitize=address,undefined -Db_lundef=false" ;;
    tsan) options+=" -Db_sanitize=thread -Db_lundef=false" ;;
    valgrind) ;;
    *)
        sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2
        exit 2
        ;;
esac
export CC=gcc
if [[ $kind == valgrind ]] && ! command -v valgrind >/dev/null; then
    echo "sanitize-extension.sh: valgrind is not there: run .ci/packages" >&2
    exit 1
fi

python=$(SETUP_ARGS=$options tools/wheel-venv.sh "${PYTHON_VERSION:-default}" "build/extension-$kind" tests/hooks/requirements.txt)
export PATH=${python%/*}:$PATH

runtime() { # NAME
    gcc -print-file-name="lib$1.so"
}

case $kind in
    asan)
        # What the interpreter keeps to its end is no leak of ours; tests of leaks ask the tracer.
        export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:detect_stack_use_after_return=1
        export UBSAN_OPTIONS=halt_on_error=1:abort_on_error=1:print_stacktrace=1
        export CFLAGS="-fsanitize=address,undefined -fno-omit-frame-pointer"
        # The kernel joins the sanitizer's mappings with the tracer's; it brings an allocator of its own.
        left_out=(--deselect tests/hooks/test_rules.py::test_memory_as_the_kernel_sees_it
            --deselect tests/hooks/test_hostile.py::test_under_jemalloc)
        (($#)) || set -- tests/hooks tests/stress/test_stress.py tests/stress/test_embed.py
        LD_PRELOAD="$(runtime asan) $(runtime ubsan)" python -m pytest -q -p no:cacheprovider "${left_out[@]}" "$@"
        ;;
    tsan)
        # A lock that the interpreter made before the sanitizer saw it is none to it; forks of threads are tested here.
        export TSAN_OPTIONS="halt_on_error=1:abort_on_error=1:second_deadlock_stack=1:die_after_fork=0:report_signal_unsafe=0"
        export CFLAGS=-fsanitize=thread
        LD_PRELOAD=$(runtime tsan) setarch --addr-no-randomize python tests/stress/run.py --calls "${1:-2e5}"
        ;;
    valgrind)
        PYTHONMALLOC=malloc valgrind -q --error-exitcode=9 --suppressions=tools/valgrind.supp \
            --trace-children=no --child-silent-after-fork=no \
            "$python" tests/stress/run.py --calls "${1:-2e4}"
        ;;
esac
