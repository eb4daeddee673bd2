"""The version that is installed."""

from __future__ import annotations

from importlib import metadata


def installed_version() -> str:
    """Return the version; where the package is not installed, a word about that."""
    try:
        return metadata.version("ctracemalloc")
    except metadata.PackageNotFoundError:
        return "not installed, found on sys.path"
