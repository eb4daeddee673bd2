"""The table of a report: what each line holds, with its source where that is at hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ctracemalloc import Frame, Snapshot, Statistic, StatisticDiff
from ctracemalloc.report.places import mark
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
        entry.traceback[0]: entry.size for entry in snapshot.statistics("lineno", cumulative=True)
    }
    rows = list(_rows(entries[:LARGEST_TABLE], total, through, with_source))
    return rows, len(entries) - len(rows)


def _rows(
    entries: Iterable[Statistic] | Iterable[StatisticDiff],
    total: int,
    through: Mapping[Frame, int],
    with_source: bool,
) -> Iterable[Row]:
    for entry in entries:
        frame = entry.traceback[0]
        row: Row = {
            "where": str(frame),
            "size": entry.size,
            "count": entry.count,
            "average": entry.size / entry.count if entry.count else 0,
            "part": entry.size / total if total else 0,
            "cumulative": through.get(frame, 0),
        }
        if isinstance(entry, StatisticDiff):
            row["sizeDiff"] = entry.size_diff
            row["countDiff"] = entry.count_diff
            change = mark(entry)
            if change:
                row["mark"] = change
        source = source_line(frame, _SOURCE_WIDTH) if with_source else ""
        if source:
            row["source"] = source
        yield row
