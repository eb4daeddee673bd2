"""The table of a report: what each line holds, itself and with all that it calls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ctracemalloc import Frame, Snapshot, Traceback
from ctracemalloc.report.groups import statistics_of
from ctracemalloc.report.labels import Labels

LARGEST_TABLE = 4000
"""Lines that a table has at most, by their own bytes, and again with what they call."""

# Own bytes and blocks, and those with callees.
_Amounts = list[int]
_COLUMNS = ("size", "count", "cumulative", "cumulativeCount")
_OLD_COLUMNS = ("old", "oldCount", "oldCumulative", "oldCumulativeCount")


@dataclass(frozen=True)
class Lines:
    """A table's columns, the lines in it, and how many it leaves out."""

    columns: dict[str, list[int]]
    frames: list[Frame | None]
    left_out: int


def line_columns(snapshot: Snapshot, old: Snapshot | None, labels: Labels) -> Lines:
    """Return the lines that hold the most, or have changed the most, the largest first."""
    now = _amounts_of(snapshot)
    before = {} if old is None else _amounts_of(old)
    nothing = [0, 0, 0, 0]
    places = dict.fromkeys([*now, *before])

    def by(position: int) -> list[Traceback]:
        def amount(place: Traceback) -> tuple[int, int]:
            size, was = now.get(place, nothing)[position], before.get(place, nothing)[position]
            return -(size if old is None else abs(size - was)), -max(size, was)

        return sorted(places, key=amount)[:LARGEST_TABLE]

    chosen = dict.fromkeys([*by(0), *by(2)])
    names = _function_names(snapshot, old)
    columns: dict[str, list[int]] = {"label": []}
    columns.update({name: [] for name in (*_COLUMNS, *(() if old is None else _OLD_COLUMNS))})
    frames: list[Frame | None] = []
    for place in chosen:
        frame = _named(place[-1], names) if len(place) else None
        frames.append(frame)
        values = [labels.number(frame), *now.get(place, nothing)]
        if old is not None:
            values += before.get(place, nothing)
        for column, value in zip(columns.values(), values, strict=True):
            column.append(value)
    return Lines(columns, frames, len(places) - len(chosen))


def _amounts_of(snapshot: Snapshot) -> dict[Traceback, _Amounts]:
    amounts: dict[Traceback, _Amounts] = {}
    for whole in statistics_of(snapshot, "lineno", cumulative=True):
        amounts[whole.traceback] = [0, 0, whole.size, whole.count]
    for own in snapshot.statistics("lineno"):
        amounts[own.traceback][:2] = own.size, own.count
    return amounts


def _function_names(*snapshots: Snapshot | None) -> dict[tuple[str, int], set[str]]:
    names: dict[tuple[str, int], set[str]] = {}
    for snapshot in snapshots:
        frames: Iterable[Frame] = () if snapshot is None else snapshot.tree().frames
        for frame in frames:
            names.setdefault((frame.filename, frame.lineno), set()).add(frame.name)
    return names


def _named(frame: Frame, names: dict[tuple[str, int], set[str]]) -> Frame:
    """Return the line with the name of its function, if it is in one alone."""
    known = names.get((frame.filename, frame.lineno), set())
    name = next(iter(known)) if len(known) == 1 else ""
    return Frame((frame.filename, frame.lineno, name)) if name else frame
