"""Domains that users name: the other way round from `ctracemalloc.domain_name`."""

from __future__ import annotations

from ctracemalloc._domains import _names


def domain_number(name: str) -> int | None:
    """Return the domain of a name, or of its number as text; None if there is none."""
    if name.isascii() and name.isdigit():
        return int(name)
    return next((number for number, known in _names.items() if known == name), None)
