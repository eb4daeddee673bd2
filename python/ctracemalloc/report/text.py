"""The lines that hold the most memory, as plain text with their source."""

from __future__ import annotations

from collections.abc import Iterable

from ctracemalloc import Snapshot
from ctracemalloc._text import count_of, human_size, printable
from ctracemalloc.report.amounts import added, amounts
from ctracemalloc.report.places import details, place


def top_lines(snapshot: Snapshot, limit: int = 10, folder: str | None = None) -> str:
    """Describe the `limit` lines with the most live bytes, and the rest in one line.

    File names below `folder` are shown relative to it. Every line of the text ends in a newline; no
    character of a file name or of source can move a terminal's cursor.
    """
    statistics = snapshot.statistics("lineno")
    whole = added(statistics).size
    rows = [_row("size", "blocks", "share", "line")]
    for statistic in statistics[:limit]:
        rows.append(_row(*amounts(statistic, whole), place(statistic.traceback, folder)))
        for detail in details(statistic.traceback, folder):
            rows.append(_row("", "", "", detail))
    if others := statistics[limit:]:
        rows.append(_row(*amounts(added(others), whole), count_of(len(others), "other line")))
    return _text(rows)


def unexplained_growth(resident: int, mapped: int, traced: int, own: int) -> str:
    """Set what was traced, and what the tracer takes itself, against a process's growth in memory.

    All are bytes; `mapped` is the share of files and shared memory. The rest is what nobody traced,
    or what was traced and is not in memory.
    """
    rest = resident - traced - own
    if resident < 0:
        return (
            f"resident memory shrank by {human_size(-resident)}, with {human_size(traced)} traced "
            f"and {human_size(own)} the tracer's: {human_size(-rest)} less (given back, "
            "not touched yet, swapped out, or in memory before)"
        )
    whole = (
        f"resident memory grew by {human_size(resident)}: {human_size(traced)} traced, "
        f"{human_size(own)} the tracer's, "
    )
    if rest >= 0:
        # A program may have reported such memory itself: then it is among what was traced.
        mapped = min(max(mapped, 0), rest)
        if mapped:
            whole += f"{human_size(mapped)} of mapped files and shared memory, "
        return (
            f"{whole}{human_size(rest - mapped)} not explained (C libraries, gaps between blocks)"
        )
    return f"{whole}{human_size(-rest)} less (not touched yet, swapped out, or in memory before)"


def _row(size: str, blocks: str, share: str, place: str) -> str:
    return f"{size:>10} {blocks:>11} {share:>6}  {place}"


def _text(rows: Iterable[str]) -> str:
    return "".join(f"{printable(row)}\n" for row in rows)
