"""What of a churn may be wrong, in words: some was counted by stacks that were given back."""

from __future__ import annotations

from collections.abc import Sequence

from ctracemalloc import Snapshot, Statistic, StatisticDiff
from ctracemalloc._text import count_of


def doubt_about(snapshot: Snapshot) -> str:
    """Return what may be wrong of what a snapshot says; empty if nothing is."""
    if not snapshot._says("complete"):
        return "all but the whole, by a filter of what is not known by stack"
    if not snapshot.is_exact:
        return "lines, functions and callers"
    if not snapshot._says("callers"):
        return "functions and callers" if snapshot.traceback_limit > 1 else "functions"
    return ""


def warning_about(snapshot: Snapshot) -> str:
    """Return a line that says what may be wrong of what a snapshot says; empty if nothing is."""
    doubt = doubt_about(snapshot)
    return f"not exact: {doubt} may be wrong" if doubt else ""


def doubt_about_places(entries: Sequence[Statistic | StatisticDiff]) -> str:
    """Return what may be wrong in a table of these entries; empty if nothing is."""
    wrong = sum(not entry.is_exact for entry in entries)
    if not wrong:
        return ""
    return (
        f"not exact: {count_of(wrong, 'place')} of {len(entries):,} may have more or less, since "
        "what stacks counted that were given back is known by line at most"
    )
