#!/usr/bin/env bash
# Prints the path of a Debian root for aarch64, with the C library and what the C tests link; makes it if absent.
#
# The packages come from the same sources as the host's, into a package database of our own:
# the host's list of architectures and of installed packages stays as it is, and root is not needed.
# Kept in CTRACEMALLOC_CACHE (default: ~/.cache/ctracemalloc); delete its folder "aarch64" to have it made anew.
set -euo pipefail

cache=${CTRACEMALLOC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ctracemalloc}
folder=$cache/aarch64
packages=(libc6-dev libcmocka-dev libxxhash-dev libzstd-dev libpython3-dev python3)

fetch_packages() {
    local options=(
        -qq
        -o APT::Architecture=arm64
        -o APT::Architectures=arm64
        -o APT::Sandbox::User=
        -o Dir::State="$folder/apt"
        -o Dir::State::status="$folder/apt/status"
        -o Dir::Cache="$folder/apt"
    )
    mkdir -p "$folder/apt/lists/partial" "$folder/apt/archives/partial"
    touch "$folder/apt/status"
    apt-get "${options[@]}" update
    apt-get "${options[@]}" install --yes --download-only --no-install-recommends "${packages[@]}"
}

unpack_packages() {
    local package
    mkdir -p "$folder/root"
    for package in "$folder"/apt/archives/*.deb; do
        dpkg-deb --extract "$package" "$folder/root"
    done
    # Newer releases keep all in /usr; the program loader is still looked for in /lib.
    [[ -e $folder/root/lib ]] || ln -s usr/lib "$folder/root/lib"
}

mkdir -p "$cache"
exec {lock}>"$folder.lock"
flock "$lock"
if [[ $(cat "$folder/complete" 2>/dev/null) != "${packages[*]}" ]]; then
    rm -rf "$folder"
    fetch_packages >&2
    unpack_packages >&2
    rm -rf "$folder/apt"
    echo "${packages[*]}" >"$folder/complete"
fi
echo "$folder/root"
