#!/usr/bin/env bash
# Builds for aarch64 and runs under qemu-user: the C tests of base, engine, snapshot and format, and the extension in
# Debian's python3, side by side with that interpreter's own tracer. What starts other processes does not run: an
# emulated program cannot execute another one without the kernel's help.
#
#   run.sh BUILD_FOLDER
#
# Needs aarch64-linux-gnu-gcc, qemu-aarch64 and pkg-config.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
repo=$here/../..
mkdir -p "${1:?a build folder is needed}"
build=$(cd -- "$1" && pwd)

sysroot=$("$here/sysroot.sh")
dev=$("$repo/tools/pythons.sh" venv "$("$repo/tools/pythons.sh" default)")
export PATH=${dev%/*}:$PATH

# meson asks the interpreter where its headers are, by a program's name without arguments.
cat >"$build/aarch64-python" <<END
#!/bin/sh
exec qemu-aarch64 -L '$sysroot' '$sysroot/usr/bin/python3' "\$@"
END
chmod +x "$build/aarch64-python"
sed "s|@sysroot@|$sysroot|; s|@python@|$build/aarch64-python|" "$here/aarch64.ini.in" >"$build/aarch64.ini"
if [[ ! -d $build/meson-info ]]; then
    meson setup "$build" "$repo" --cross-file "$build/aarch64.ini" -Dtests=true -Dbuildtype=debugoptimized -Db_lto=false
fi
meson compile -C "$build"

[[ $(meson test -C "$build" --list) ]] || { echo "run.sh: there are no tests" >&2; exit 1; }
# Emulated code is slow: what the tests count is the same, only their time limits are not.
meson test -C "$build" --print-errorlogs --timeout-multiplier=10

# Never without DESTDIR: meson would install where the interpreter itself looks.
rm -rf "$build/stage"
DESTDIR=$build/stage meson install --quiet --no-rebuild -C "$build" --tags python-runtime
stage=$(dirname "$(find "$build/stage" -name ctracemalloc_startup.py)")
PYTHONPATH=$stage "$dev" "$repo/tests/oracle/emulated.py" "$build/aarch64-python"
