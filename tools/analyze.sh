#!/usr/bin/env bash
# gcc's static analyzer over all C: each warning is fixed, or accepted for a reason.
#
# tools/analyze.accepted has a line "FILE FUNCTION WARNING: why it cannot be" for each that is accepted; what is there and
# no longer found is an error too. What gcc 12 finds is what counts: gcc, if it is that, else gcc-12, which is installed where
# Debian has it; GCC names another program. Without one, nothing is analyzed, which is an error with CI=true.
set -euo pipefail

repo=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd "$repo"

accepted=tools/analyze.accepted
found=$(mktemp)
trap 'rm -f "$found"' EXIT

is_12() { # GCC
    [[ $("$1" -dumpversion 2>/dev/null) =~ ^12(\.|$) ]]
}

gcc=${GCC:-gcc}
if [[ ! ${GCC:-} ]] && ! is_12 gcc; then
    gcc="gcc-12"
    is_12 gcc-12 || tools/pythons.sh needs gcc-12 /usr/bin/gcc-12 || true
fi
if ! is_12 "$gcc"; then
    echo "analyze.sh: NOTHING WAS ANALYZED: $gcc is not there, or not gcc 12, which is what the list is for" >&2
    [[ ${CI:-} != true ]]
    exit
fi

dev=$(tools/pythons.sh venv "$(tools/pythons.sh default)")
include=$("$dev" -c 'import sysconfig; print(sysconfig.get_path("include"))')
extension_args=(-Ipython/ctracemalloc/include -isystem "$include" '-DCTM_TLS_MODEL="initial-exec"')

analyze() { # FILE
    LC_ALL=C "$gcc" -std=c11 -O1 -fanalyzer -D_GNU_SOURCE -Isrc "${extension_args[@]}" \
        -fdiagnostics-plain-output -fdiagnostics-path-format=none -c "$1" -o /dev/null 2>&1
}

# "FILE FUNCTION WARNING" of each warning, once.
summarize() {
    awk '/: In function / { function_name = $NF; gsub(/[^A-Za-z0-9_]/, "", function_name) }
        match($0, /\[-Wanalyzer-[a-z-]+\]$/) {
            split($1, place, ":")
            print place[1], function_name, substr($0, RSTART + 3, RLENGTH - 4)
        }' | sort -u
}

for file in src/*/*.c tools/*.c; do
    analyze "$file" || { echo "analyze.sh: $file cannot be compiled" >&2; exit 1; }
done >"$found"

if ! difference=$(diff <(sed 's/:.*//' "$accepted" | sort) <(summarize <"$found")); then
    cat "$found" >&2
    printf 'analyze.sh: what is accepted (<) and what is found (>) differ:\n%s\n' "$difference" >&2
    exit 1
fi
