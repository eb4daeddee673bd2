#!/usr/bin/env bash
# Runs the tests on builds for gcov: prints the share of lines of C that they reach, and those they do not.
#
#   coverage.sh            all of it, side by side: the C tests, the Python tests on 3.14, and those of the hooks on 3.11
#                          and 3.13
#   coverage.sh PART...    these parts anew, `c` or a version; what was counted of the others before stays
#   coverage.sh report     once more what was counted
#
# What depends on the interpreter's version counts as reached when one of them reaches it. A process that is killed or
# ends by os._exit takes its counts with it.
set -euo pipefail

repo=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd "$repo"

least=95
newest=3.14
counts=build/coverage
export CC=gcc

use_dev_tools() {
    local dev
    dev=$(tools/pythons.sh venv "$(tools/pythons.sh default)")
    export PATH=${dev%/*}:$PATH
}

run_c_tests() {
    local build=build/c-coverage
    use_dev_tools
    [[ -d $build/meson-info ]] ||
        meson setup "$build" -Dpython=false -Dtests=true -Db_lto=false -Dbuildtype=debug -Db_coverage=true
    meson compile -C "$build"
    find "$build" -name '*.gcda' -delete
    CTM_TEST_SCALE=${CTM_TEST_SCALE:-30} meson test -C "$build" --print-errorlogs --timeout-multiplier=4
    python tools/coverage.py count "$build" "$counts/c.json"
}

run_python_tests() { # VERSION
    local version=$1 folder=build/coverage/$1 place options python failed=0 suites=(tests/hooks)
    place=$(tools/pythons.sh place "$version")
    if [[ $place == chroot ]]; then
        tools/pythons.sh enter tools/coverage.sh _part "$version"
        return
    fi
    # Beyond the hooks hardly a line depends on the version.
    [[ $version != "$newest" ]] || suites+=(tests/python tests/reference tests/cli tests/stress)
    options="-Dbuildtype=debug -Db_lto=false -Db_coverage=true -Dchecks=true -Dc_args=-fprofile-update=atomic"
    python=$(SETUP_ARGS=$options tools/wheel-venv.sh "$version" "$folder" requirements-dev.txt)
    find "$folder/build" -name '*.gcda' -delete
    CTM_TEST_WHEEL=$(realpath "$folder"/wheel/*.whl)
    export CTM_TEST_WHEEL
    (
        export PATH=${python%/*}:$PATH
        "$python" -m pytest -q -p no:cacheprovider "${suites[@]}" || failed=1
        "$python" tests/compat/run.py || failed=1
        exit $failed
    ) || echo "coverage.sh: tests failed on $version: what they reach counts all the same" >&2
    "$python" tools/coverage.py count "$folder/build" "$counts/$version.json"
}

# Each in a folder of its own; most of the time they wait for programs that they start.
run_parts() { # PART...
    local part status=0
    for part in "$@"; do rm -f "$counts/$part.log"; done
    printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 tools/coverage.sh _part || status=1
    for part in "$@"; do
        echo "--- $part: $counts/$part.log"
        grep -E '^(FAILED|ERROR|coverage\.sh:|compat |(Ok|Fail): |[0-9]+ (passed|failed))' "$counts/$part.log" || true
    done
    return "$status"
}

mkdir -p "$counts"
case ${1:-} in
    _part)
        exec >>"$counts/$2.log" 2>&1
        if [[ $2 == c ]]; then run_c_tests; else run_python_tests "$2"; fi
        exit
        ;;
    report) ;;
    -*) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2 && exit 2 ;;
    *)
        (($#)) || { rm -f "$counts"/*.json && set -- "$newest" 3.11 3.13 c; }
        run_parts "$@"
        ;;
esac
use_dev_tools
python tools/coverage.py report "$least" "$counts"/*.json
