#!/usr/bin/env bash
# Makes a venv with the development tools and an editable install of the checkout, start-up hook included.
#
#   dev-venv.sh FOLDER
set -euo pipefail

repo=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
venv=${1:?a folder is needed}

base=$("$repo/tools/pythons.sh" find "$("$repo/tools/pythons.sh" default)")
[[ -x $venv/bin/python ]] || "$base" -m venv "$venv"
venv=$(cd -- "$venv" && pwd)
# meson and ninja are looked for on PATH.
export PATH=$venv/bin:$PATH
python -m pip install -q -r "$repo/requirements-dev.txt"
python -m pip install -q --no-build-isolation --no-deps \
    --config-settings=build-dir="$repo/build/dev" \
    --config-settings=setup-args=-Dbuildtype=debugoptimized \
    --editable "$repo"
# An editable install brings modules, but no file that is read at start-up. What pip's record names it removes, too.
packages=$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
cp "$repo/python/ctracemalloc.pth" "$packages"
echo "ctracemalloc.pth,," >>"$packages"/ctracemalloc-*.dist-info/RECORD
python -m pip show --files ctracemalloc | grep -x ' *ctracemalloc[.]pth' >/dev/null
python -I -X ctracemalloc -c 'import tracemalloc as t; assert t.__name__ == "ctracemalloc" and t.is_tracing()'
echo "$venv is ready: $venv/bin/python -m pytest"
