"""Statistics of snapshots for people to read.

They are those of the API, but a trace without any frame, as one made by hand may be, is counted as
a place of its own where the API, like the standard library, raises an IndexError.
"""

from __future__ import annotations

from dataclasses import dataclass

from ctracemalloc import Snapshot, Statistic, StatisticDiff, Traceback
from ctracemalloc._grouping import _compare_grouped_stats
from ctracemalloc._snapshot import as_table


@dataclass(frozen=True)
class Total:
    """The bytes and blocks of a snapshot."""

    size: int
    count: int


def total_of(snapshot: Snapshot) -> Total:
    """Add up the traces."""
    # Few groups, and each block is in one of them.
    statistics = statistics_of(snapshot, "module")
    return Total(
        sum(statistic.size for statistic in statistics),
        sum(statistic.count for statistic in statistics),
    )


def statistics_of(snapshot: Snapshot, key: str, cumulative: bool = False) -> list[Statistic]:
    """Group a snapshot's traces, the largest group first."""
    if cumulative or key != "filename" or not _is_frameless(snapshot):
        return snapshot.statistics(key, cumulative)
    return sorted(_by_file(snapshot).values(), reverse=True, key=Statistic._sort_key)


def diffs_of(
    new: Snapshot, old: Snapshot, key: str, cumulative: bool = False
) -> list[StatisticDiff]:
    """Group the traces of two snapshots, the largest difference first."""
    if cumulative or key != "filename" or not (_is_frameless(new) or _is_frameless(old)):
        return new.compare_to(old, key, cumulative)
    diffs = _compare_grouped_stats(_by_file(old), _by_file(new))
    return sorted(diffs, reverse=True, key=StatisticDiff._sort_key)


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
