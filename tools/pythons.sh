#!/usr/bin/env bash
# Provides the interpreters that the project is tested on.
#
#   pythons.sh default           print the version of python3
#   pythons.sh find VERSION      print the path of a python of that version
#   pythons.sh release VERSION   print the path of an optimized build, to measure with: the system's own, or one that
#                                pyenv builds from source with --enable-optimizations --with-lto (about half an hour);
#                                from python.org's newest, or where that cannot be reached from a distribution's archive
#   pythons.sh venv VERSION [REQUIREMENTS]
#                                print the python of a venv with REQUIREMENTS (default: requirements-dev.txt); make it if absent
#   pythons.sh chroot            print the path of a Debian sid chroot with the newest pythons; make it if absent
#   pythons.sh enter COMMAND...  run COMMAND in the chroot, the checkout at /src, the venvs at /cache
#   pythons.sh host-packages     install what a build needs on the host, if it is missing
#   pythons.sh needs PACKAGE FILE...  install a package here, if the file that shows it is missing
#
# VERSION is 3.11, 3.12, ... Inside the chroot, find, release and venv mean the chroot's pythons.
# chroot, enter and host-packages need root and a Debian host. Paths go to stdout, all else to stderr.
# Everything is kept in CTRACEMALLOC_CACHE (default: ~/.cache/ctracemalloc); delete a part of it to have it made anew.
set -euo pipefail

repo=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
self=$repo/tools/$(basename -- "${BASH_SOURCE[0]}")
cache=${CTRACEMALLOC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ctracemalloc}
sid=$cache/sid
sources=$cache/sources

sid_pythons=(3.13 3.14 3.15)
sid_packages=(ca-certificates gcc g++ make ninja-build pkg-config libzstd-dev libxxhash-dev libcmocka-dev python3-pip)
for version in "${sid_pythons[@]}"; do
    sid_packages+=("python$version" "python$version-dev" "python$version-venv" "libpython$version-testsuite")
done

# package, and a file that shows it is there
host_packages=(
    gcc           /usr/bin/gcc
    g++           /usr/bin/g++
    pkg-config    /usr/bin/pkg-config
    libzstd-dev   /usr/include/zstd.h
    libxxhash-dev /usr/include/xxhash.h
    libcmocka-dev /usr/include/cmocka.h
)

# What a build from source takes from the host, or lacks in its standard library: header, and Debian's package of it
source_headers=(
    openssl/ssl.h       libssl-dev
    zlib.h              zlib1g-dev
    readline/readline.h libreadline-dev
    sqlite3.h           libsqlite3-dev
    lzma.h              liblzma-dev
    bzlib.h             libbz2-dev
    ffi.h               libffi-dev
)

# What a distribution keeps of the source is what python.org has released, byte for byte: pyenv checks that it is.
declare -A archived_sources=(
    [3.12.3]=http://archive.ubuntu.com/ubuntu/pool/main/p/python3.12/python3.12_3.12.3.orig.tar.xz
)

fail() {
    echo "pythons.sh: $*" >&2
    exit 1
}

need_root() {
    [[ $(id -u) == 0 ]] || fail "this needs root"
}

apt_install() {
    # A mirror of sid may be weeks behind, which debootstrap does not mind either.
    apt-get update -qq ${CTRACEMALLOC_IN_CHROOT:+-o Acquire::Check-Valid-Until=false} >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

is_python() { # PROGRAM VERSION
    [[ $("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) == "$2" ]]
}

default_version() {
    python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])'
}

# Reads versions, prints the newest of a minor one, if there is any.
newest() { # VERSION
    grep -E "^${1//./\\.}\.[0-9]+$" | sort -V | tail -n 1
}

find_python() { # VERSION
    local version=$1 full program
    if command -v pyenv >/dev/null; then
        full=$(pyenv versions --bare | newest "$version") || true
        if [[ $full ]]; then
            program=$(pyenv prefix "$full")/bin/python
            is_python "$program" "$version" && echo "$program" && return
        fi
    fi
    program=$(command -v "python$version" || true)
    [[ $program ]] && is_python "$program" "$version" && echo "$program" && return
    fail "no python $version here: install it with 'pyenv install $version', or see '$0 chroot'"
}

need_source_headers() {
    local at missing=()
    for ((at = 0; at < ${#source_headers[@]}; at += 2)); do
        # readline's needs stdio.h before it.
        "${CC:-gcc}" -E -include stdio.h -include "${source_headers[at]}" -x c /dev/null &>/dev/null ||
            missing+=("${source_headers[at + 1]}")
    done
    ((${#missing[@]} == 0)) || fail "to build a python, install ${missing[*]}"
}

python_build() { # ARGUMENT...
    "$(pyenv root)/plugins/python-build/bin/python-build" "$@"
}

# On all processors. pyenv leaves the source in the cache if it is as released.
build_from_source() { # FULL_VERSION PREFIX
    echo "pythons.sh: building python $1 in $2 (log: $2.log)" >&2
    PYTHON_CONFIGURE_OPTS="--enable-optimizations --with-lto" PYTHON_BUILD_CACHE_PATH=$sources \
        python_build "$1" "$2" >"$2.log" 2>&1 || { rm -rf "$2" && return 1; }
}

fetch_archived() { # VERSION: fetches the newest that a distribution has, prints its version
    local full
    full=$(printf '%s\n' "${!archived_sources[@]}" | newest "$1")
    [[ $full ]] && curl -fsSL -o "$sources/Python-$full.tar.xz" "${archived_sources[$full]}" && echo "$full"
}

build_release() { # VERSION PREFIX
    local full archived
    full=$(python_build --definitions 2>/dev/null | newest "$1") ||
        fail "no optimized python $1 here, and no pyenv that knows how to build one"
    need_source_headers
    mkdir -p "$sources"
    rm -rf "$2"
    build_from_source "$full" "$2" && return
    if ! compgen -G "$sources/Python-$full.*" >/dev/null && archived=$(fetch_archived "$1"); then
        echo "pythons.sh: python $full cannot be fetched: taking ${archived_sources[$archived]}" >&2
        full=$archived
        build_from_source "$full" "$2" && return
    fi
    fail "python $full was not built: $(tail -n 5 "$2.log")"
}

# What distributions ship is optimized; what pyenv builds is not, unless it is told to.
release_python() { # VERSION
    local version=$1 prefix=$cache/release-$1 program=/usr/bin/python$1
    is_python "$program" "$version" && echo "$program" && return
    [[ " ${sid_pythons[*]} " != *" $version "* ]] || fail "an optimized python $version is in the chroot: see '$0 enter'"
    mkdir -p "$cache"
    exec {lock}>"$prefix.lock"
    flock "$lock"
    is_python "$prefix/bin/python$version" "$version" || build_release "$version" "$prefix"
    echo "$prefix/bin/python$version"
}

make_venv() { # VERSION REQUIREMENTS
    local version=$1 requirements=$repo/$2 venv=$cache/venv-$1 python
    # docs/requirements.txt: venv-3.11-docs
    [[ $2 != */* ]] || venv+=-$(tr / - <<<"${2%/*}")
    mkdir -p "$cache"
    exec {lock}>"$venv.lock"
    flock "$lock"
    if ! is_python "$venv/bin/python" "$version"; then
        python=$(find_python "$version")
        rm -rf "$venv"
        "$python" -m venv "$venv" >&2
    fi
    if ! cmp -s "$requirements" "$venv/${requirements##*/}"; then
        "$venv/bin/python" -m pip install -q -r "$requirements" >&2
        cp "$requirements" "$venv/"
    fi
    echo "$venv/bin/python"
}

# The mirror that the host's apt uses; empty for debootstrap's default.
debian_mirror() {
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} 2>/dev/null |
        sed -nE 's#^(deb |URIs:)(.* )?\s*(https?://[^ ]+/debian)/?( .*)?$#\3#p' | head -n 1 || true
}

# Shows a host's file or folder at the same (or the given) path in the chroot. The mount lives in our mount namespace alone.
share() { # PATH [PATH_IN_CHROOT]
    local target=$sid${2:-$1}
    [[ -e $1 ]] || return 0
    [[ ! -L $target ]] || rm "$target"
    mkdir -p "$(dirname "$target")"
    if [[ -d $1 ]]; then mkdir -p "$target"; else touch -a "$target"; fi
    mount --rbind "$1" "$target"
}

share_system() {
    mkdir -p "$sid/proc"
    mount -t proc proc "$sid/proc"
    share /dev
    share /etc/resolv.conf
}

# What pip needs to reach the package index as on the host. Proxies and PIP_* pass as environment.
share_pip_settings() {
    share /etc/ssl/certs/ca-certificates.crt
    share /etc/pip.conf
    share "$HOME/.config/pip" /root/.config/pip
    [[ ${PIP_FIND_LINKS:-} != /* ]] || share "$PIP_FIND_LINKS"
}

in_chroot=(
    env -u TMPDIR -u XDG_CACHE_HOME HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    CTRACEMALLOC_IN_CHROOT=1 CTRACEMALLOC_CACHE=/cache chroot "$sid"
)

chroot_is_complete() {
    [[ $(cat "$sid/.complete" 2>/dev/null) == "${sid_packages[*]}" ]]
}

# Runs in its own mount namespace, so that an interruption leaves no mount behind.
build_chroot() {
    local mirror known wanted
    rm -rf --one-file-system "$sid"
    mirror=$(debian_mirror)
    debootstrap --variant=minbase sid "$sid" ${mirror:+"$mirror"}
    share_system
    # sid does not have every python at every time: take what it has.
    known=$("${in_chroot[@]}" apt-cache pkgnames)
    mapfile -t wanted < <(grep -Fx -f <(printf '%s\n' "${sid_packages[@]}") <<<"$known")
    "${in_chroot[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}"
    "${in_chroot[@]}" apt-get clean
    echo "${sid_packages[*]}" >"$sid/.complete"
}

make_chroot() {
    [[ ! ${CTRACEMALLOC_IN_CHROOT:-} ]] || fail "already in the chroot"
    need_root
    mkdir -p "$cache"
    exec {lock}>"$sid.lock"
    flock "$lock"
    if ! chroot_is_complete; then
        command -v debootstrap >/dev/null || apt_install debootstrap
        echo "pythons.sh: making $sid (about a minute; log: $sid.log)" >&2
        unshare -m "$self" _build-chroot >"$sid.log" 2>&1 || fail "no chroot: $(tail -n 20 "$sid.log")"
    fi
    exec {lock}>&-
}

# Runs in its own mount namespace.
enter() { # COMMAND...
    share_system
    share_pip_settings
    mkdir -p "$cache/chroot"
    share "$repo" /src
    share "$cache/chroot" /cache
    exec "${in_chroot[@]}" sh -c 'cd /src && exec "$@"' sh "$@"
}

# What python3 lacks to make venvs and to build extensions, if it is Debian's; others have all of it.
missing_python_packages() {
    local program include
    program=$(command -v python3 || true)
    if [[ ! $program ]]; then
        printf '%s\n' python3 python3-venv python3-dev
    elif [[ $program == /usr/bin/* || $program == /bin/* ]]; then
        "$program" -c 'import ensurepip' 2>/dev/null || echo python3-venv
        include=$("$program" -c 'import sysconfig; print(sysconfig.get_path("include"))')
        [[ -e $include/Python.h ]] || echo python3-dev
    fi
}

install_missing() { # PACKAGE FILE...
    local missing=()
    for (( ; $# >= 2; )); do
        [[ -e $2 ]] || missing+=("$1")
        shift 2
    done
    if ((${#missing[@]})); then
        need_root
        apt_install "${missing[@]}"
    fi
}

install_host_packages() {
    local python_packages package packages=("${host_packages[@]}")
    mapfile -t python_packages < <(missing_python_packages)
    for package in "${python_packages[@]}"; do
        packages+=("$package" "")
    done
    install_missing "${packages[@]}"
}

usage() {
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$self" >&2
    exit 2
}

command=${1:-}
[[ $command ]] && shift
case $command:$# in
    default:0) default_version ;;
    find:1) find_python "$1" ;;
    release:1) release_python "$1" ;;
    venv:1) make_venv "$1" requirements-dev.txt ;;
    venv:2) make_venv "$1" "$2" ;;
    chroot:0)
        make_chroot
        echo "$sid"
        ;;
    enter:0) usage ;;
    enter:*)
        make_chroot
        exec unshare -m "$self" _enter "$@"
        ;;
    host-packages:0) install_host_packages ;;
    needs:*) install_missing "$@" ;;
    _build-chroot:0) build_chroot ;;
    _enter:*) enter "$@" ;;
    *) usage ;;
esac
