#!/usr/bin/env bash
# Checks the project on one interpreter: installs a wheel into a fresh venv and runs checks there.
#
#   check.sh VERSION CHECK...
#
# VERSION is 3.11, 3.12, ..., or "default" for that of python3; one that is not on this machine is taken from where
# pythons.sh has it: its chroot, or what it builds from source. CHECKs are
#   tests    the tests in Python
#   compat   CPython's own test.test_tracemalloc on ours
#   oracle   stdlib's tracer and ours at the same time: the same traces
#   domains  the same with libraries that report their memory themselves; installs them
#   stubs    the type stubs against the extension
#   instructions  those of a hook call against bench/instructions/expected.json. The chroot's compiler comes and goes:
#            there it is enough to have measured where it has no column
# All of them run, whatever fails; the exit status is 0 if none did.
set -euo pipefail

repo=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd "$repo"

(($# >= 2)) || { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2; }
version=$1
shift

[[ $version != default ]] || version=$(tools/pythons.sh default)
place=$(tools/pythons.sh place "$version")
if [[ $place == chroot ]]; then
    exec tools/pythons.sh enter tools/check.sh "$version" "$@"
fi

folder=build/check-$version${CTRACEMALLOC_IN_CHROOT:+-chroot}
python=$(tools/wheel-venv.sh "$version" "$folder" requirements-dev.txt)
# For tests that make venvs of their own.
CTM_TEST_WHEEL=$(realpath "$folder"/wheel/*.whl)
export CTM_TEST_WHEEL
# Some tests call the build tools and the linters.
export PATH=${python%/*}:$PATH

run_check() { # CHECK
    case $1 in
        tests) "$python" -m pytest -q -p no:cacheprovider tests ;;
        compat) "$python" tests/compat/run.py ;;
        oracle) "$python" tests/oracle/run.py ;;
        domains)
            # What has no wheel is built without optimisation, in seconds; pip keeps the result.
            CFLAGS="-O0 -g0" "$(tools/pythons.sh venv "$version")" -m pip -q --python "$python" install \
                --only-binary numpy,pandas -r tests/domains/requirements.txt &&
                "$python" -m pytest -q -p no:cacheprovider tests/domains &&
                "$python" tests/domains/run.py ;;
        instructions)
            tools/pythons.sh needs valgrind /usr/bin/valgrind binutils /usr/bin/readelf &&
                "$python" bench/instructions/run.py --check ${CTRACEMALLOC_IN_CHROOT:+--if-known} ;;
        stubs) MYPYPATH=python "$python" -m mypy.stubtest --mypy-config-file pyproject.toml --allowlist tests/structure/stubtest.allow ctracemalloc ;;
        *) echo "check.sh: no check is called '$1'" >&2 && return 2 ;;
    esac
}

failed=()
for check in "$@"; do
    echo "--- python $version: $check"
    run_check "$check" || failed+=("$check")
done
if ((${#failed[@]})); then
    echo "check.sh: python $version failed: ${failed[*]}" >&2
    exit 1
fi
