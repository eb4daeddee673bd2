"""The table of a report: what each line holds, with its source where that is at hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ctracemalloc import Snapshot, Statistic, StatisticDiff, Traceback
from ctracemalloc.report.places import mark, place
from ctracemalloc.report.source import source_line

LARGEST_TABLE = 5000
_SOURCE_WIDTH = 160

Row = dict[str, str | int | float]


def line_rows(
    snapshot: Snapshot, old: Snapshot | None, *, with_source: bool
) -> tuple[list[Row], int]:
    """Return the rows of the largest lines (or changes), and how many were left out.

    A source line is read only from the file that the snapshot names for it.
    """
    entries: Sequence[Statistic] | Sequence[StatisticDiff]
    entries = snapshot.statistics("lineno") if old is None else snapshot.compare_to(old, "lineno")
    total = sum(entry.size for entry in entries)
    through = {
        entry.traceback: entry.size for entry in snapshot.statistics("lineno", cumulative=True)
    }
    rows = list(_rows(entries[:LARGEST_TABLE], total, through, with_source))
    return rows, len(entries) - len(rows)


def _rows(
    entries: Iterable[Statistic] | Iterable[StatisticDiff],
    total: int,
    through: Mapping[Traceback, int],
    with_source: bool,
) -> Iterable[Row]:
    for entry in entries:
        row: Row = {
            "where": place(entry.traceback, None),
            "size": entry.size,
            "count": entry.count,
            "average": entry.size / entry.count if entry.count else 0,
            "part": entry.size / total if total else 0,
            "cumulative": through.get(entry.traceback, entry.size),
        }
        if isinstance(entry, StatisticDiff):
            row["sizeDiff"] = entry.size_diff
            row["countDiff"] = entry.count_diff
            change = mark(entry)
            if change:
                row["mark"] = change
        source = ""
        if with_source and len(entry.traceback):
            source = source_line(entry.traceback[-1], _SOURCE_WIDTH)
        if source:
            row["source"] = source
        yield row
