"""Domains as people see them: by name, with what is in each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ctracemalloc import Snapshot, domain_name
from ctracemalloc._domains import domains_called
from ctracemalloc._snapshot import as_table
from ctracemalloc._text import count_of, human_size
from ctracemalloc.report.amounts import Total
from ctracemalloc.report.columns import row_columns
from ctracemalloc.report.groups import total_of

_PYTHON = 0
_SHOWN = 4


def domains_of(text: str) -> set[int]:
    """Return the domains that a name stands for, as we or any of the files read so far call them;
    those without a name have their number.
    """
    called = domains_called(text)
    number = re.fullmatch(r"(?:domain )?0*([0-9]{1,10})", text)
    # Longer ones are of no domain, and may be of more digits than Python reads.
    return {int(number[1])} if number and not called else called


def totals_by_domain(snapshot: Snapshot) -> dict[int, Total]:
    """Add up the traces of each domain, in the order of their numbers."""
    traces = snapshot.traces._traces
    table = as_table(traces)
    if table is not None and table.domains() == {_PYTHON}:
        return {_PYTHON: total_of(snapshot)}
    sums: dict[int, list[int]] = {}
    rows: Iterable[tuple[int, int, int]]
    if table is None:
        rows = ((trace[0], trace[1], 1) for trace in traces)
    else:
        columns = row_columns(table)
        rows = zip(columns.domains, columns.sizes, columns.counts, strict=True)
    for domain, size, count in rows:
        of_domain = sums.setdefault(domain, [0, 0])
        of_domain[0] += size * count
        of_domain[1] += count
    return {domain: Total(size, count) for domain, (size, count) in sorted(sums.items())}


def domains_as_json(totals: dict[int, Total]) -> list[dict[str, Any]]:
    """Return each domain as plain data."""
    return [
        {"domain": domain, "name": domain_name(domain), "size": total.size, "count": total.count}
        for domain, total in totals.items()
    ]


def shares_of_domains(totals: dict[int, Total]) -> str:
    """Name each domain with its size, the largest first; nothing where all is Python's."""
    if totals.keys() <= {_PYTHON}:
        return ""
    largest_first = sorted(totals, key=lambda domain: (-totals[domain].size, domain))
    parts = [
        f"{domain_name(domain)}: {human_size(totals[domain].size)}"
        for domain in largest_first[:_SHOWN]
    ]
    if len(totals) > _SHOWN:
        parts.append(count_of(len(totals) - _SHOWN, "other"))
    return ", ".join(parts)
