"""Which statistics of a churn may be wrong, of which some was counted by stacks that are gone.

That part is known by its line: it stands under a stack of this line alone, without the name of the
function. What was too much to be known by line stands under its file, line 0, and what was too much
for that under `<given back>`.
"""

from __future__ import annotations

from ctracemalloc._filters import engine_spec
from ctracemalloc._model import InexactStatistic, InexactStatisticDiff, StatisticDiff
from ctracemalloc._snapshot import Snapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ctracemalloc._engine import SnapshotTable
    from ctracemalloc._filters import BaseFilter, Spec
    from ctracemalloc._model import FrameTuple, Statistic, Traceback

_ANY_FILE = "<given back>"
# It has no name of a function either, and never had callers.
_NO_STACK = ("<unknown>", 0)


def mark_inexact(
    statistics: Iterable[Statistic | StatisticDiff],
    snapshots: Sequence[Snapshot],
    key_type: str,
    cumulative: bool,
) -> None:
    """Change those that may be wrong by what one of the snapshots lacks into inexact ones."""
    for snapshot in snapshots:
        doubt = _doubt(snapshot, key_type, cumulative)
        if doubt is None:
            continue
        for statistic in statistics:
            if doubt(statistic.traceback):
                is_diff = isinstance(statistic, StatisticDiff)
                statistic.__class__ = InexactStatisticDiff if is_diff else InexactStatistic


def say_if_incomplete(before: Snapshot, after: Snapshot, filters: Iterable[BaseFilter]) -> None:
    """Make a filtered snapshot say if what was left out may belong to what was kept."""
    if not _is_complete(before, after, filters):
        table = _table_of(after)
        after.traces._traces = table.with_about({**table.about(), "complete": False})


def _doubt(
    snapshot: Snapshot, key_type: str, cumulative: bool
) -> Callable[[Traceback], bool] | None:
    """Return what tells whether a place's statistic may be wrong; None if none is."""
    if not snapshot._says("complete"):
        return lambda _: True
    has_callers = snapshot.traceback_limit > 1
    asks_for_callers = has_callers and (cumulative or key_type == "traceback")
    if snapshot.is_exact and not asks_for_callers and key_type != "function":
        return None
    places = _places_without_stack(snapshot)
    files = _files_of_rest(snapshot, places)
    if _ANY_FILE in files or (cumulative and has_callers and places):
        return lambda _: True
    if key_type in ("filename", "module") or not places:
        return None
    if key_type == "function":
        files = {filename for filename, _ in places}
    if key_type == "traceback" and has_callers:
        return lambda traceback: _newest(traceback) in places or _newest(traceback)[0] in files
    return lambda traceback: _newest(traceback)[0] in files


def _newest(traceback: Traceback) -> FrameTuple:
    # A Frame for each of many would take most of the time.
    return traceback._frames[-1][:2] if traceback._frames else _NO_STACK


def _is_complete(before: Snapshot, after: Snapshot, filters: Iterable[BaseFilter]) -> bool:
    places = _places_without_stack(before)
    if places and not all(_looks_at_line(f, before.traceback_limit) for f in filters):
        return False
    gone = _files_of_rest(before, places) - _files_of_rest(after, _places_without_stack(after))
    if not gone:
        return True
    kept = {_newest(file.traceback)[0] for file in after._statistics("filename", False)}
    return _ANY_FILE not in gone and kept.isdisjoint(gone)


def _looks_at_line(trace_filter: BaseFilter, traceback_limit: int) -> bool:
    """Tell whether a filter says the same of a stack and of its newest line alone."""
    spec = engine_spec(trace_filter)
    if spec is None:
        return False
    _, _, _, all_frames, _, matches_function = spec
    return matches_function is None and not (all_frames and traceback_limit > 1)


def _places_without_stack(snapshot: Snapshot) -> set[FrameTuple]:
    """Return the lines of which some is known by line at most."""
    by_name: Spec = (True, lambda _: True, None, False, None, lambda name: not name)
    nameless = _table_of(snapshot).filter([by_name])
    lines = Snapshot(nameless, 1)._statistics("lineno", False)
    return {_newest(line.traceback) for line in lines} - {_NO_STACK}


def _files_of_rest(snapshot: Snapshot, places: set[FrameTuple]) -> set[str]:
    """Return the files of which some is not even known by line."""
    if snapshot.is_exact:
        return set()
    return {filename for filename, line in places if line == 0}


def _table_of(snapshot: Snapshot) -> SnapshotTable:
    # Other traces say nothing of a churn.
    return snapshot.traces._traces  # type: ignore[return-value]
