#!/usr/bin/env bash
# Formatters, linters and type checkers over all sources.
#
#   lint.sh          complain
#   lint.sh --fix    format what can be formatted
#
# The style of C is that of clang-format 14; other versions differ. CLANG_FORMAT, CLANG_TIDY and CLANG name the programs.
set -euo pipefail

repo=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd "$repo"

clang_format=${CLANG_FORMAT:-clang-format-14}
clang_tidy=${CLANG_TIDY:-clang-tidy-14}
clang=${CLANG:-clang-14}

dev=$(tools/pythons.sh venv "$(tools/pythons.sh default)")
export PATH=${dev%/*}:$PATH

typed_code=(tests bench tools demo)
python_code=(python docs/examples "${typed_code[@]}")
mapfile -t c_files < <(find src tests tools bench -name '*.[ch]')
mapfile -t scripts < <(grep -lEr '^#!/usr/bin/env bash' .ci tools tests bench)

if [[ ${1:-} == --fix ]]; then
    ruff check --quiet --fix "${python_code[@]}"
    ruff format "${python_code[@]}"
    "$clang_format" -i "${c_files[@]}"
    exit
fi

types() {
    local folder status=0
    # Tests, benchmarks, oracles and what makes the site share folders that they put on their path.
    local -x MYPYPATH=bench/common:tests:tests/oracle:tools:tools/site
    mypy python || status=1
    # Modules in different folders may have the same name: each folder is a program of its own.
    while read -r folder; do
        mypy "$folder"/*.py || status=1
    done < <(find "${typed_code[@]}" -name '*.py' -printf '%h\n' | sort -u)
    return "$status"
}

# All that the extension and the C tests are built from; the compiler's warnings are errors.
build() { # FOLDER
    [[ -d $1/meson-info ]] || meson setup "$1" -Dtests=true -Dwerror=true -Dbuildtype=debugoptimized -Db_lto=false || return
    meson compile -C "$1"
}

tidy() {
    find src tools -name '*.c' -print0 | xargs -0 -P "$(nproc)" -n 4 "$clang_tidy" -p build/lint --quiet
}

failed=()
run() { # NAME COMMAND...
    echo "--- $1"
    "${@:2}" </dev/null || failed+=("$1")
}

run ruff ruff check "${python_code[@]}"
run "ruff format" ruff format --check "${python_code[@]}"
run mypy types
run shellcheck shellcheck --severity=style "${scripts[@]}"
run clang-format "$clang_format" --dry-run -Werror "${c_files[@]}"
CC=gcc run "gcc's warnings" build build/lint-gcc
CC=$clang run "clang's warnings" build build/lint
run "gcc's analyzer" tools/analyze.sh
run clang-tidy tidy
if ((${#failed[@]})); then
    echo "lint.sh: failed: ${failed[*]}" >&2
    exit 1
fi
