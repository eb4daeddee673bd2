#!/usr/bin/env bash
# Measures what tracing costs real programs, and prints the table.
#
#   bench.sh VERSION [ARGUMENT...]
#
# The arguments go to bench/overhead/run.py; results are kept in build/bench/overhead.json. bench/README.md describes
# how it is measured, and the other benchmarks.
set -euo pipefail

repo=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd "$repo"

version=${1:?a version is needed}
shift
[[ $version != default ]] || version=$(tools/pythons.sh default)
mkdir -p build/bench
python=$(tools/pythons.sh find "$version")
bench=$("$python" bench/overhead/run.py prepare --python "$python" --venv "build/bench/venv-$version" | tail -n 1)
"$python" bench/overhead/run.py --python "$bench" -o build/bench/overhead.json "$@"
"$python" bench/overhead/run.py report build/bench/overhead.json
