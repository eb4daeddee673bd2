"""The names of domains, the address spaces that blocks are in."""

from __future__ import annotations

# What libraries report their own allocations under, by PyTraceMalloc_Track.
_NAMES = {
    0: "python",
    389047: "numpy",
    414141: "cykhash",
    424242: "pandas khash",
}


def domain_name(domain: int) -> str:
    """Return what a domain is called; its number where nobody gave it a name."""
    return _NAMES.get(domain, str(domain))


def domain_number(name: str) -> int | None:
    """Return the domain of a name, or of its number as text; None if there is none."""
    if name.isascii() and name.isdigit():
        return int(name)
    return next((number for number, known in _NAMES.items() if known == name), None)
