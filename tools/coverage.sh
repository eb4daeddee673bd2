#!/usr/bin/env bash
# Runs the C tests with gcov: prints the share of lines below the extension that they reach, and those they do not.
set -euo pipefail

repo=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd "$repo"

least=95
build=build/c-coverage
dev=$(tools/pythons.sh venv "$(tools/pythons.sh default)")
export PATH=${dev%/*}:$PATH
export CC=gcc
[[ -d $build/meson-info ]] ||
    meson setup "$build" -Dpython=false -Dtests=true -Db_lto=false -Dbuildtype=debug -Db_coverage=true
meson compile -C "$build"
find "$build" -name '*.gcda' -delete
CTM_TEST_SCALE=${CTM_TEST_SCALE:-30} meson test -C "$build" --print-errorlogs --timeout-multiplier=4
python tools/coverage.py "$build" "$least"
