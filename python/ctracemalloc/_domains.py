"""Names of domains, and where the header for those who report memory from C is."""

from __future__ import annotations

import os

_KNOWN = {
    0: "python",
    389047: "numpy",
    414141: "cykhash",
    424242: "pandas",
}
_names = dict(_KNOWN)
# By name, since several programs may call one domain by several names.
_learned: dict[str, set[int]] = {}
_LAST = 2**32 - 1
_MOST_DIGITS = len(str(_LAST))


def name_domain(domain: int, name: str) -> None:
    """Give a domain a name, by which reports call it. Snapshot files keep it.

    Known from the start: 0 "python", 389047 "numpy", 424242 "pandas" and 414141 "cykhash".
    """
    # As `operator.index` reads it, which would have to be loaded.
    number = range(domain).stop
    if not 0 <= number <= _LAST:
        raise OverflowError(f"domain must be in range [0; {_LAST}], not {number}")
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, not {type(name).__name__}")
    if not name:
        raise ValueError(f"the name of domain {number} must not be empty")
    # Files keep texts of no class but this.
    _names[number] = str.__str__(name)


def domain_name(domain: int) -> str:
    """Return the name of a domain; that of one without a name is "domain" and its number."""
    return _names.get(domain) or f"domain {domain}"


def given_names(domains: set[int]) -> dict[str, str]:
    """Return the names that the program gave to these domains, by their numbers as text."""
    return {
        str(domain): name
        for domain, name in _names.items()
        if domain in domains and _KNOWN.get(domain) != name
    }


def learn_names(names: dict[str, str]) -> None:
    """Call domains as another program did, unless they were given names here; where programs
    differ, the first one's name stays, and all names lead to the domain.
    """
    for number, name in names.items():
        if number.isascii() and number.isdigit() and len(number) <= _MOST_DIGITS and name:
            domain = int(number)
            _learned.setdefault(name, set()).add(domain)
            if _names.get(domain) == _KNOWN.get(domain):
                _names[domain] = name


def domains_called(name: str) -> set[int]:
    """Return the domains that are known by a name, or that any program called so."""
    named = (*_KNOWN.items(), *_names.items())
    return {domain for domain, known in named if known == name} | _learned.get(name, set())


def get_include() -> str:
    """Return the folder of `ctracemalloc.h`, by which C code reports its memory."""
    return os.path.join(os.path.dirname(__file__), "include")  # noqa: PTH118, PTH120
