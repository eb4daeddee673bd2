#!/usr/bin/env bash
# Measures the overhead on several interpreters, one after the other, and reports on all together.
#
#   all.sh prepare            make the venvs, or bring ctracemalloc in them up to date
#   all.sh measure [ARG...]   measure from the beginning; ARGs (--programs LIST) go to run.py for each interpreter
#   all.sh resume [ARG...]    measure what is missing
#   all.sh report [ARG...]    print the tables; ARGs (--into DOCUMENT) go to run.py report
#   all.sh                    the first, the second and the last
#
# Variables: MAIN is the interpreter with all programs, MAIN_CONFIGS, ROUNDS and MAIN_MINUTES; OTHERS are those with
# a dozen programs, OTHER_CONFIGS, one round and OTHER_MINUTES each. After its minutes an interpreter's measurement
# ends with what it has. Results are in build/bench/overhead-VERSION.json, the venvs in the cache of tools/pythons.sh.
set -euo pipefail

repo=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$repo"
pythons=tools/pythons.sh
run=bench/overhead/run.py

MAIN=${MAIN:-3.14}
MAIN_CONFIGS=${MAIN_CONFIGS:-ours-1,ours-25,ours-65535,ours-1-noreuse,ours-1-bare,ours-25-bare,noop,noop-reuse,stdlib-1,memray,ddtrace}
MAIN_MINUTES=${MAIN_MINUTES:-16}
ROUNDS=${ROUNDS:-2}
OTHERS=${OTHERS-3.11 3.12 3.13 3.15}
OTHER_CONFIGS=${OTHER_CONFIGS:-ours-1,ours-25,stdlib-1}
OTHER_MINUTES=${OTHER_MINUTES:-2}
# Without tracing; a process that takes 60 times as long is given up.
how=(--seconds 0.05 --values 3 --timeout 120)

results_of() { # VERSION
    echo "build/bench/overhead-$1.json"
}

# Debian 12 has 3.11, and 3.12 is built from source; the others are sid's.
in_place() { # VERSION STEP [ARGUMENT...]: run a step where the interpreter is
    case $1 in
        3.11 | 3.12) "bench/overhead/all.sh" "_$2" "$1" "${@:3}" ;;
        *) "$pythons" enter bench/overhead/all.sh "_$2" "$1" "${@:3}" ;;
    esac
}

cache() {
    echo "${CTRACEMALLOC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ctracemalloc}"
}

python_of() { # VERSION
    "$pythons" release "$1" || {
        echo "all.sh: going on with a python $1 that is not optimized" >&2
        "$pythons" find "$1"
    }
}

prepare_one() { # VERSION
    local python others=()
    python=$(python_of "$1")
    [[ $1 != "$MAIN" ]] || others=(--others)
    "$python" "$run" prepare --python "$python" --venv "$(cache)/bench-$1" "${others[@]}" >/dev/null
}

measure_one() { # VERSION [ARGUMENT...]
    local bench configs
    bench=$(cache)/bench-$1/bin/python
    [[ -x $bench ]] || { echo "all.sh: no venv for $1: call all.sh prepare" >&2 && return 2; }
    if [[ $1 == "$MAIN" ]]; then
        configs=(--config "$MAIN_CONFIGS" --rounds "$ROUNDS" --minutes "$MAIN_MINUTES")
    else
        configs=(--config "$OTHER_CONFIGS" --rounds 1 --quick --minutes "$OTHER_MINUTES")
    fi
    # What has no wheel for the interpreter is left out: its row is missing.
    "$bench" "$run" --python "$bench" "${configs[@]}" "${how[@]}" --known --resume -o "$(results_of "$1")" "${@:2}"
}

each() { # STEP [ARGUMENT...]
    local version failed=()
    for version in "$MAIN" $OTHERS; do
        echo "--- python $version: $1" >&2
        in_place "$version" "$@" || failed+=("$version")
    done
    ((${#failed[@]} == 0)) || { echo "all.sh: $1 failed on ${failed[*]}" >&2 && return 1; }
}

measure() {
    mkdir -p build/bench
    each measure "$@"
}

start_anew() {
    local version
    for version in "$MAIN" $OTHERS; do
        rm -f "$(results_of "$version")"
    done
}

report() {
    local version python files=()
    for version in "$MAIN" $OTHERS; do
        [[ ! -e $(results_of "$version") ]] || files+=("$(results_of "$version")")
    done
    python=$("$pythons" find "$("$pythons" default)")
    "$python" "$run" report "${files[@]}" "$@"
}

command=${1:-all}
(($# == 0)) || shift
case $command in
    prepare) each prepare ;;
    measure)
        start_anew
        measure "$@"
        ;;
    resume) measure "$@" ;;
    report) report "$@" ;;
    all)
        each prepare
        start_anew
        measure || echo "all.sh: the report names what failed" >&2
        report
        ;;
    _prepare) prepare_one "$@" ;;
    _measure) measure_one "$@" ;;
    *)
        sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2
        exit 2
        ;;
esac
