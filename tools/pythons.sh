#!/usr/bin/env bash
# Provides the interpreters that the project is tested on.
#
#   pythons.sh default           print the version of python3
#   pythons.sh find VERSION      print the path of a python of that version: pyenv's, the machine's, or where the chroot
#                                has none either, one built from source (some minutes)
#   pythons.sh place VERSION     print where find gives it: "here", or "chroot", which is then made if it is absent
#   pythons.sh release VERSION   print the path of an optimized build, to measure with: the system's own, or one built from
#                                source with --enable-optimizations --with-lto (about half an hour)
#   pythons.sh venv VERSION [REQUIREMENTS]
#                                print the python of a venv with REQUIREMENTS (default: requirements-dev.txt); make it if absent
#   pythons.sh chroot            print the path of a Debian sid chroot with the newest pythons; make it if absent
#   pythons.sh enter COMMAND...  run COMMAND in the chroot, the checkout at /src, the venvs at /cache
#   pythons.sh host-packages     install what a build needs on the host, if it is missing
#   pythons.sh needs PACKAGE FILE...  install a package here, if the file that shows it is missing
#
# VERSION is 3.11, 3.12, ... Inside the chroot, find, release and venv mean the chroot's pythons.
# chroot, enter and what installs packages need root and a Debian host. Paths go to stdout, all else to stderr.
# Everything is kept in CTRACEMALLOC_CACHE (default: ~/.cache/ctracemalloc); delete a part of it to have it made anew.
set -euo pipefail
shopt -s inherit_errexit

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

# What a build from source is made with
source_tools=(
    gcc             /usr/bin/gcc
    make            /usr/bin/make
    curl            /usr/bin/curl
    ca-certificates /etc/ssl/certs/ca-certificates.crt
    xz-utils        /usr/bin/xz
)

# What it takes from the host, or lacks in its standard library: header, and Debian's package of it
source_headers=(
    openssl/ssl.h       libssl-dev
    zlib.h              zlib1g-dev
    readline/readline.h libreadline-dev
    sqlite3.h           libsqlite3-dev
    lzma.h              liblzma-dev
    bzlib.h             libbz2-dev
    ffi.h               libffi-dev
)

# The source of a version that neither the machine nor the chroot has. What a distribution keeps of it is what python.org
# has released, byte for byte.
declare -A source_sums=(
    [3.11]=2411c74bda5bbcfcddaf4531f66d1adc73f247f529aee981b029513aefdbf849
    [3.12]=56bfef1fdfc1221ce6720e43a661e3eb41785dd914ce99698d8c7896af4bdaa1
)
declare -A source_places=(
    [3.11]="https://www.python.org/ftp/python/3.11.2/Python-3.11.2.tgz
            http://deb.debian.org/debian/pool/main/p/python3.11/python3.11_3.11.2.orig.tar.gz"
    [3.12]="https://www.python.org/ftp/python/3.12.3/Python-3.12.3.tar.xz
            http://archive.ubuntu.com/ubuntu/pool/main/p/python3.12/python3.12_3.12.3.orig.tar.xz"
)

fail() {
    echo "pythons.sh: $*" >&2
    exit 1
}

need_root() { # WHAT_FOR
    [[ $(id -u) == 0 ]] || fail "this needs root: $1"
}

apt_install() { # PACKAGE...
    # A mirror of sid may be weeks behind, which debootstrap does not mind either.
    apt-get update -qq ${CTRACEMALLOC_IN_CHROOT:+-o Acquire::Check-Valid-Until=false} >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

install_packages() { # [PACKAGE...]
    (($#)) || return 0
    need_root "apt-get install $*"
    apt_install "$@"
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

# pyenv's, or the one on PATH.
installed_python() { # VERSION
    local version=$1 full program
    if command -v pyenv >/dev/null; then
        full=$(pyenv versions --bare | newest "$version") || true
        if [[ $full ]]; then
            program=$(pyenv prefix "$full")/bin/python
            is_python "$program" "$version" && echo "$program" && return
        fi
    fi
    program=$(command -v "python$version" || true)
    [[ $program ]] && is_python "$program" "$version" && echo "$program"
}

# The pythons that sid is to have come from there; it may have dropped one.
place_of_python() { # VERSION
    if [[ ${CTRACEMALLOC_IN_CHROOT:-} || " ${sid_pythons[*]} " != *" $1 "* ]] || installed_python "$1" >/dev/null; then
        echo here
        return
    fi
    make_chroot
    if [[ -x $sid/usr/bin/python$1 ]]; then echo chroot; else echo here; fi
}

find_python() { # VERSION
    installed_python "$1" && return
    [[ ${source_sums[$1]:-} && ! ${CTRACEMALLOC_IN_CHROOT:-} ]] || fail "no python $1 here; in the chroot there are ${sid_pythons[*]}"
    built_python "$1" "$cache/python-$1"
}

need_for_source() {
    local at missing=()
    install_missing "${source_tools[@]}"
    for ((at = 0; at < ${#source_headers[@]}; at += 2)); do
        # readline's needs stdio.h before it.
        "${CC:-gcc}" -E -include stdio.h -include "${source_headers[at]}" -x c /dev/null &>/dev/null ||
            missing+=("${source_headers[at + 1]}")
    done
    install_packages "${missing[@]}"
}

# Leaves it in the cache; prints its path.
fetch_source() { # VERSION
    local place places file
    mapfile -t places < <(tr -s ' ' '\n' <<<"${source_places[$1]}")
    file=$sources/${places[0]##*/}
    mkdir -p "$sources"
    for place in "" "${places[@]}"; do
        [[ -z $place ]] || curl -fsSL -o "$file" "$place" >&2 || continue
        sha256sum --check --status <<<"${source_sums[$1]}  $file" 2>/dev/null && echo "$file" && return
    done
    return 1
}

# On all processors. What is there is all there: it is moved to its place when it is finished.
build_python() { # VERSION PREFIX OPTION_OF_CONFIGURE...
    local prefix=$2 work=$2.build source
    need_for_source
    source=$(fetch_source "$1") || fail "the source of python $1 cannot be fetched, from ${source_places[$1]}"
    echo "pythons.sh: building python $1 in $prefix (log: $prefix.log)" >&2
    rm -rf "$work" "$prefix"
    mkdir "$work"
    tar -xf "$source" -C "$work" --strip-components=1
    (
        cd "$work"
        ./configure --prefix="$prefix" --enable-shared LDFLAGS="-Wl,-rpath,$prefix/lib" "${@:3}" &&
            make -j "$(nproc)" && make install DESTDIR="$work/root"
    ) >"$prefix.log" 2>&1 </dev/null || fail "python $1 was not built: $(tail -n 5 "$prefix.log")"
    mv "$work/root$prefix" "$prefix"
    rm -rf "$work"
}

# Builds it unless that was done before; prints its path.
built_python() { # VERSION PREFIX OPTION_OF_CONFIGURE...
    local program=$2/bin/python$1
    mkdir -p "$cache"
    exec {lock}>"$2.lock"
    flock "$lock"
    is_python "$program" "$1" || build_python "$@"
    exec {lock}>&-
    echo "$program"
}

# What distributions ship is optimized; what pyenv builds is not, unless it is told to.
release_python() { # VERSION
    local program=/usr/bin/python$1
    is_python "$program" "$1" && echo "$program" && return
    [[ " ${sid_pythons[*]} " != *" $1 "* ]] || fail "an optimized python $1 is in the chroot: see '$0 enter'"
    [[ ${source_sums[$1]:-} ]] || fail "no optimized python $1 here"
    built_python "$1" "$cache/release-$1" --enable-optimizations --with-lto
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

chroot_is_made() {
    [[ $(cat "$sid/.complete" 2>/dev/null) == "${sid_packages[*]}" ]]
}

# Packages that sid did not have are asked for once a day.
chroot_is_due() {
    [[ -s $sid/.left-out && $(find "$sid/.left-out" -mmin +1440) ]]
}

# This and refill_chroot run in their own mount namespace, so that an interruption leaves no mount behind.
build_chroot() {
    local mirror
    rm -rf --one-file-system "$sid"
    mirror=$(debian_mirror)
    debootstrap --variant=minbase sid "$sid" ${mirror:+"$mirror"}
    share_system
    fill_chroot
    echo "${sid_packages[*]}" >"$sid/.complete"
}

# sid does not have every python at every time: takes what it has, and writes down what it has not.
fill_chroot() {
    local known wanted
    known=$("${in_chroot[@]}" apt-cache pkgnames)
    mapfile -t wanted < <(grep -Fx -f <(printf '%s\n' "${sid_packages[@]}") <<<"$known")
    "${in_chroot[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}"
    "${in_chroot[@]}" apt-get clean
    printf '%s\n' "${sid_packages[@]}" | grep -Fxv -f <(printf '%s\n' "${wanted[@]}") >"$sid/.left-out" || true
}

refill_chroot() {
    share_system
    # A mirror of sid may be weeks behind.
    "${in_chroot[@]}" apt-get update -qq -o Acquire::Check-Valid-Until=false
    fill_chroot
}

# Makes it, or asks for what it lacks. Who uses it holds the lock, shared with others, until the process ends.
make_chroot() {
    [[ ! ${CTRACEMALLOC_IN_CHROOT:-} ]] || fail "already in the chroot"
    need_root "the chroot of Debian sid, which has python ${sid_pythons[*]}"
    mkdir -p "$cache"
    exec {lock}>"$sid.lock"
    flock --shared "$lock"
    if ! chroot_is_made; then
        flock "$lock"
        if ! chroot_is_made; then
            install_missing debootstrap /usr/sbin/debootstrap
            echo "pythons.sh: making $sid (about a minute; log: $sid.log)" >&2
            unshare -m "$self" _build-chroot >"$sid.log" 2>&1 || fail "no chroot: $(tail -n 20 "$sid.log")"
        fi
    elif chroot_is_due && flock --nonblock "$lock"; then
        unshare -m "$self" _refill-chroot >"$sid.log" 2>&1 || {
            echo "pythons.sh: $sid was not brought up to date (log: $sid.log)" >&2
            touch "$sid/.left-out"
        }
    fi
    flock --shared "$lock"
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
    install_packages "${missing[@]}"
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
    place:1) place_of_python "$1" ;;
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
    _refill-chroot:0) refill_chroot ;;
    _enter:*) enter "$@" ;;
    *) usage ;;
esac
