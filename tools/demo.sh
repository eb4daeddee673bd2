#!/usr/bin/env bash
# Traces a real program with the command line of a fresh install.
#
#   demo.sh VERSION FOLDER
#
# Prints the program's own output and the ten top lines; writes library.ctm and report.html to FOLDER.
set -euo pipefail

repo=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
version=${1:?a version is needed}
out=${2:?a folder is needed}

python=$("$repo/tools/wheel-venv.sh" "$version" "$repo/build/demo")
mkdir -p "$out"
rm -f "$out"/library.ctm "$out"/report.html
"${python%/*}/ctracemalloc" run -n 5 --top 10 -o "$out/library.ctm" "$repo/demo/library_index.py"
"${python%/*}/ctracemalloc" report "$out/library.ctm" -o "$out/report.html" --title "What the index of a library holds"
