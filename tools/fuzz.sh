#!/usr/bin/env bash
# Fuzzes what reads files and what filters, with libFuzzer under the address and undefined behaviour sanitizers.
#
#   fuzz.sh run SECONDS [TARGET...]   fuzz each target (default: all) for so long; fails if one finds something
#   fuzz.sh minimize [TARGET...]      make the committed corpus the smallest that covers what all inputs cover
#   fuzz.sh coverage                  lines of the decoders that the inputs reach
#
# Inputs that runs come up with are kept in build/fuzz-corpus, what fails in build/fuzz-found.
set -euo pipefail

repo=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd "$repo"

targets=(file filter pickle sections)
llvm=14
kept=build/fuzz-corpus
found=build/fuzz-found
# Not decoders, which read bytes that somebody else wrote.
others='/(tests|src/(base|engine|snapshot))/|/src/format/(file_write|follow|layout|save|used)\.|\.h$'
sanitized=(
    -Doptimization=2 "-Db_sanitize=address,undefined"
    "-Dc_args=-fsanitize=fuzzer-no-link -fno-sanitize-recover=undefined"
)
covered=("-Dc_args=-fprofile-instr-generate -fcoverage-mapping" "-Dc_link_args=-fprofile-instr-generate")

usage() {
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2
    exit 2
}

build() { # FOLDER PREFIX MESON_OPTION...
    local folder=$1 prefix=$2 dev
    shift 2
    dev=$(tools/pythons.sh venv "$(tools/pythons.sh default)")
    export PATH=${dev%/*}:$PATH
    [[ -d $folder/meson-info ]] || CC=clang-$llvm meson setup "$folder" -Dpython=false -Dtests=true \
        -Dbuildtype=debugoptimized -Db_lto=false -Db_lundef=false "$@"
    ninja -C "$folder" "${targets[@]/#/tests/fuzz/$prefix}"
}

fuzz() { # TARGET LIBFUZZER_ARGUMENT...
    local target=$1
    shift
    # A small quarantine: inputs are many, and what is freed long ago is none of theirs.
    ASAN_OPTIONS=abort_on_error=1:quarantine_size_mb=8 nice -n 19 "build/fuzz/tests/fuzz/fuzz_$target" \
        -max_len=4096 -rss_limit_mb=1024 -timeout=20 "$@"
}

run() { # SECONDS TARGET...
    local seconds=$1 target log failed=()
    shift
    build build/fuzz fuzz_ "${sanitized[@]}"
    mkdir -p "$found"
    for target in "$@"; do
        mkdir -p "$kept/$target"
        log=build/fuzz-$target.log
        if fuzz "$target" -max_total_time="$seconds" -print_final_stats=1 -artifact_prefix="$found/$target-" \
            "$kept/$target" "tests/fuzz/corpus/$target" >"$log" 2>&1; then
            sed -nE "s/^stat::number_of_executed_units: +([0-9]+)/$target: \1 executions/p" "$log"
        else
            failed+=("$target")
            tail -n 40 "$log" >&2
        fi
    done
    ((!${#failed[@]})) || { echo "fuzz.sh: failed: ${failed[*]}; see $found" >&2; exit 1; }
}

minimize() { # TARGET...
    local target small
    build build/fuzz fuzz_ "${sanitized[@]}"
    for target in "$@"; do
        small=$(mktemp -d)
        mkdir -p "$kept/$target" "tests/fuzz/corpus/$target"
        fuzz "$target" -merge=1 "$small" "tests/fuzz/corpus/$target" "$kept/$target" >"build/fuzz-$target.log" 2>&1
        rm -f "tests/fuzz/corpus/$target"/*
        cp "$small"/* "tests/fuzz/corpus/$target"
        rm -r "$small"
    done
}

coverage() {
    local target folder=build/fuzz-coverage programs=() profiles=() corpora
    # What meson runs to try the compiler would leave a profile here.
    LLVM_PROFILE_FILE=/dev/null build "$folder" replay_ "${covered[@]}"
    for target in "${targets[@]}"; do
        corpora=("tests/fuzz/corpus/$target")
        [[ ! -d $kept/$target ]] || corpora+=("$kept/$target")
        LLVM_PROFILE_FILE=$folder/$target.profraw "$folder/tests/fuzz/replay_$target" "${corpora[@]}"
        profiles+=("$folder/$target.profraw")
        programs+=(-object "$folder/tests/fuzz/replay_$target")
    done
    "llvm-profdata-$llvm" merge -o "$folder/all.profdata" "${profiles[@]}"
    # The first program stands without its option.
    "llvm-cov-$llvm" report "${programs[@]:1}" -instr-profile="$folder/all.profdata" \
        -show-region-summary=false -show-branch-summary=false \
        -ignore-filename-regex="$others"
}

command=${1:-}
[[ $command ]] && shift
case $command:$# in
    run:0) usage ;;
    run:1) run "$1" "${targets[@]}" ;;
    run:*) run "$@" ;;
    minimize:0) minimize "${targets[@]}" ;;
    minimize:*) minimize "$@" ;;
    coverage:0) coverage ;;
    *) usage ;;
esac
