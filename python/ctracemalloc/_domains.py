"""Names of domains, and where the header for those who report memory from C is."""

from __future__ import annotations

_names = {
    0: "python",
    389047: "numpy",
    414141: "cykhash",
    424242: "pandas",
}


def name_domain(domain: int, name: str) -> None:
    """Give a domain a name, by which reports call it.

    Known from the start: 0 "python", 389047 "numpy", 424242 "pandas" and 414141 "cykhash".
    """
    if not name:
        raise ValueError(f"the name of domain {domain} must not be empty")
    _names[domain] = name


def domain_name(domain: int) -> str:
    """Return the name of a domain; that of one without a name is "domain" and its number."""
    return _names.get(domain) or f"domain {domain}"


def get_include() -> str:
    """Return the folder of `ctracemalloc.h`, by which C code reports its memory."""
    from pathlib import Path

    return str(Path(__file__).parent / "include")
