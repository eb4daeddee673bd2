#!/usr/bin/env bash
# Builds a wheel of the checkout and installs it into a fresh venv; prints the venv's python.
#
#   wheel-venv.sh VERSION FOLDER [REQUIREMENTS_FILE]
#
# VERSION is 3.11, 3.12, ..., or "default" for that of python3. FOLDER keeps the build, so that the next one is quick.
# SETUP_ARGS are options of `meson setup`, parted by spaces. Paths go to stdout, all else to stderr.
set -euo pipefail

repo=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
pythons=$repo/tools/pythons.sh

version=${1:?a version is needed}
mkdir -p "${2:?a folder is needed}"
folder=$(cd -- "$2" && pwd)
requirements=${3:-}

[[ $version != default ]] || version=$("$pythons" default)
dev=$("$pythons" venv "$version")

# Build tools come from the development venv; meson and ninja are looked for on PATH.
export PATH=${dev%/*}:$PATH
settings=("--config-settings=build-dir=$folder/build")
for option in ${SETUP_ARGS:-}; do
    settings+=("--config-settings=setup-args=$option")
done
rm -rf "$folder/wheel" "$folder/venv"
"$dev" -m pip wheel -q --no-deps --no-build-isolation -w "$folder/wheel" \
    "${settings[@]}" "$repo" >&2
"$dev" -m venv --without-pip "$folder/venv" >&2
"$dev" -m pip -q --python "$folder/venv/bin/python" install \
    "$folder"/wheel/*.whl ${requirements:+-r "$requirements"} >&2
echo "$folder/venv/bin/python"
