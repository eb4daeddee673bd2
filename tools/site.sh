#!/usr/bin/env bash
# Builds the documentation's site; any warning, broken link or fetch from elsewhere is an error.
#
#   site.sh [FOLDER]    default: build/site
set -euo pipefail

repo=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd "$repo"

site=${1:-build/site}
python=$(tools/pythons.sh venv "$(tools/pythons.sh default)" docs/requirements.txt)
# It would speak of itself.
export NO_MKDOCS_2_WARNING=true
"$python" -m mkdocs build --strict --quiet --clean --site-dir "$site"
"$python" tools/site/site_check.py "$site"
