"""Paths of the standard library: walked, matched, taken apart, and kept with their stats."""

from __future__ import annotations

import fnmatch
import os
from pathlib import Path, PurePosixPath, PureWindowsPath

STDLIB = Path(os.__file__).parent
PACKAGES = ("asyncio", "collections", "email", "json", "logging", "unittest", "xml")


def main() -> object:
    files = [path for name in PACKAGES for path in sorted((STDLIB / name).rglob("*.py"))]
    stats = {path: path.stat() for path in files}
    relative = [path.relative_to(STDLIB) for path in files]
    renamed = [path.with_suffix(".txt").with_stem(path.stem * 2) for path in files]
    parents = [list(path.parents) for path in files]
    parts = [(path.parts, path.name, path.suffixes, path.as_uri()) for path in files]
    pure = [PureWindowsPath("C:/", *path.parts) / ".." for path in relative]
    matching = fnmatch.filter(map(str, files), "*[a-m]*.py")
    entries = [(entry.name, entry.is_file()) for entry in os.scandir(STDLIB)]
    ordered = sorted(map(PurePosixPath, map(str, relative)), reverse=True)
    return files, stats, relative, renamed, parents, parts, pure, matching, entries, ordered
