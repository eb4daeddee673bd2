"""The time line of a report: the largest sites of a series of snapshots, and all others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import TypedDict

from ctracemalloc import Snapshot, Traceback
from ctracemalloc._snapshot import as_table
from ctracemalloc._text import printable
from ctracemalloc.report.places import place

SITES = 7


class Site(TypedDict):
    """A line's memory at each moment."""

    name: str
    sizes: list[int]


class Series(TypedDict):
    """What the page draws a time line from; all lists but `sites` have an item a snapshot."""

    times: list[float]
    labels: list[str]
    totals: list[int]
    sites: list[Site]


def series_of(snapshots: Sequence[Snapshot]) -> Series:
    """Follow the lines that hold the most at any moment through a series of snapshots."""
    # Not by their texts: a file may be called as what stands for no frame.
    sizes: list[dict[Traceback, int]] = [
        {entry.traceback: entry.size for entry in snapshot.statistics("lineno")}
        for snapshot in snapshots
    ]
    largest: dict[Traceback, int] = {}
    for moment in sizes:
        for line, size in moment.items():
            largest[line] = max(size, largest.get(line, 0))
    lines = sorted(largest, key=lambda line: (-largest[line], place(line, None), line))[:SITES]
    totals = [sum(moment.values()) for moment in sizes]
    sites = [
        Site(name=printable(place(line, None)), sizes=[moment.get(line, 0) for moment in sizes])
        for line in lines
    ]
    followed = [sum(site["sizes"][i] for site in sites) for i in range(len(sizes))]
    others = [total - part for total, part in zip(totals, followed, strict=True)]
    if any(others):
        sites.append(Site(name="all other lines", sizes=others))
    times = [moment_of(snapshot) for snapshot in snapshots]
    if not all(before < after for before, after in pairwise(times)):
        # Snapshots that do not know their time stand at equal distances.
        times = [float(i) for i in range(len(snapshots))]
        labels = [f"snapshot {i + 1}" for i in range(len(snapshots))]
    else:
        labels = [datetime.fromtimestamp(time, UTC).strftime("%F %T UTC") for time in times]
    return Series(times=times, labels=labels, totals=totals, sites=sites)


def moment_of(snapshot: Snapshot) -> float:
    """Return when a snapshot was taken, in seconds since 1970; 0 if it does not know."""
    table = as_table(snapshot.traces._traces)
    return table.info()["time_ns"] / 1e9 if table is not None else 0.0
