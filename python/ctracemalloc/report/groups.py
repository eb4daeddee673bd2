"""Statistics of snapshots for people to read.

They are those of the API but for two things. A trace without any frame, as one made by hand may be,
is counted as a place of its own where the API, like the standard library, leaves it out or raises
an IndexError. And in cumulative mode a block counts once at each place, however often the place
recurs in its stack: no place has more than there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

from ctracemalloc import (
    DomainFilter,
    Filter,
    Snapshot,
    Statistic,
    StatisticDiff,
    Traceback,
)
from ctracemalloc._exactness import say_if_incomplete
from ctracemalloc._filters import engine_spec
from ctracemalloc._grouping import _compare_grouped_stats, group_once
from ctracemalloc._model import TraceTuple
from ctracemalloc._snapshot import _mark_inexact, as_table
from ctracemalloc.report.amounts import Total, added


def total_of(snapshot: Snapshot) -> Total:
    """Add up the traces."""
    # Few groups, and each block is in one of them.
    return added(statistics_of(snapshot, "module"))


def filtered(snapshot: Snapshot, filters: Sequence[DomainFilter | Filter]) -> Snapshot:
    """Return a snapshot of the traces that pass, one without any frame being no match of names."""
    table = as_table(snapshot.traces._traces)
    specs = [spec for spec in map(engine_spec, filters) if spec is not None]
    if table is None or len(specs) != len(filters):
        return snapshot.filter_traces(filters)
    kept = Snapshot(table.filter(specs), snapshot.traceback_limit)
    if not snapshot._says("callers"):
        say_if_incomplete(snapshot, kept, filters)
    return kept


def statistics_of(snapshot: Snapshot, key: str, cumulative: bool = False) -> list[Statistic]:
    """Group a snapshot's traces, the largest group first."""
    if cumulative:
        statistics = _statistics_once(snapshot, key)
    elif key == "filename" and _is_frameless(snapshot):
        statistics = sorted(_by_file(snapshot).values(), reverse=True, key=Statistic._sort_key)
    else:
        return snapshot.statistics(key)
    _mark_inexact(statistics, (snapshot,), key, cumulative)
    return statistics


def diffs_of(
    new: Snapshot, old: Snapshot, key: str, cumulative: bool = False
) -> list[StatisticDiff]:
    """Group the traces of two snapshots, the largest difference first."""
    if cumulative:
        diffs = _diffs_once(new, old, key)
    elif key == "filename" and (_is_frameless(new) or _is_frameless(old)):
        diffs = _compare_grouped_stats(_by_file(old), _by_file(new))
        diffs.sort(reverse=True, key=StatisticDiff._sort_key)
    else:
        return new.compare_to(old, key)
    _mark_inexact(diffs, (new, old), key, cumulative)
    return diffs


def _statistics_once(snapshot: Snapshot, key: str) -> list[Statistic]:
    table = as_table(snapshot.traces._traces)
    # Sums of more than 64 bits are for Python's integers.
    with suppress(OverflowError):
        if table is not None:
            return table.statistics(key, True, True)
    groups = group_once(_rows(snapshot, key), key)
    return sorted(groups.values(), reverse=True, key=Statistic._sort_key)


def _diffs_once(new: Snapshot, old: Snapshot, key: str) -> list[StatisticDiff]:
    tables = as_table(new.traces._traces), as_table(old.traces._traces)
    with suppress(OverflowError):
        if tables[0] is not None and tables[1] is not None:
            return tables[0].compare(tables[1], key, True, True)
    groups = [group_once(_rows(snapshot, key), key) for snapshot in (old, new)]
    return sorted(_compare_grouped_stats(*groups), reverse=True, key=StatisticDiff._sort_key)


def _rows(snapshot: Snapshot, key: str) -> Iterable[tuple[TraceTuple, int]]:
    table = as_table(snapshot.traces._traces)
    if table is None:
        return ((trace, 1) for trace in snapshot.traces._traces)
    return table.named_rows() if key == "function" else table.rows()


def _is_frameless(snapshot: Snapshot) -> bool:
    table = as_table(snapshot.traces._traces)
    return table is not None and table.is_frameless()


def _by_file(snapshot: Snapshot) -> dict[Traceback, Statistic]:
    groups: dict[Traceback, Statistic] = {}
    for line in snapshot.statistics("lineno"):
        traceback = Traceback(tuple((frame.filename, 0) for frame in line.traceback))
        known = groups.setdefault(traceback, Statistic(traceback, 0, 0))
        known.size += line.size
        known.count += line.count
    return groups
