"""Which statistics of a churn may be wrong, of which some was counted by stacks that are gone.

That part is known by its domain and line: it stands under a stack of this line alone, without the
name of the function. What was too much to be known by line stands under its file, line 0, and what
was too much for that under `<given back>`.
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

    # Whether a filter is inclusive, and how the engine takes it.
    _Judge = tuple[bool, Spec | None]

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
    folded = _without_stack(snapshot)
    places = {place for _, place in folded}
    files = {filename for _, filename in _files_of_rest(snapshot, folded)}
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
    judges = [(f.inclusive, engine_spec(f)) for f in filters]
    has_callers = before.traceback_limit > 1
    folded = _without_stack(before)
    files = {(domain, filename) for domain, (filename, _) in folded}
    wanted = {file for file in files if _may_pass(judges, *file, has_callers)}
    if wanted and not all(_looks_at_line(spec, has_callers) for _, spec in judges):
        return False
    rest = _files_of_rest(before, folded) & wanted
    if any(_tells_lines_apart(spec, *file) for file in rest for _, spec in judges):
        return False
    return rest <= _files_of_rest(after, _without_stack(after))


def _may_pass(judges: Sequence[_Judge], domain: int, filename: str, has_callers: bool) -> bool:
    """Tell whether a stack of which no more than this is known may be one that filters keep."""
    include = [spec for inclusive, spec in judges if inclusive]
    exclude = [spec for inclusive, spec in judges if not inclusive]
    if include and not any(_may_match(spec, domain, filename, has_callers) for spec in include):
        return False
    return not any(_matches_all(spec, domain, filename) for spec in exclude)


def _may_match(spec: Spec | None, domain: int, filename: str, has_callers: bool) -> bool:
    """Tell whether a filter matches some stack of the file."""
    if spec is None:
        return True
    _, matches, _, all_frames, only_domain, _ = spec
    if only_domain not in (None, domain):
        return False
    is_any = filename == _ANY_FILE or (all_frames and has_callers)
    return is_any or matches is None or matches(filename)


def _matches_all(spec: Spec | None, domain: int, filename: str) -> bool:
    """Tell whether a filter matches every stack of the file."""
    if spec is None:
        return False
    _, matches, lineno, _, only_domain, matches_function = spec
    if only_domain not in (None, domain) or lineno is not None or matches_function is not None:
        return False
    return matches is None or (filename != _ANY_FILE and matches(filename))


def _looks_at_line(spec: Spec | None, has_callers: bool) -> bool:
    """Tell whether a filter says the same of a stack and of its newest line alone."""
    if spec is None:
        return False
    _, _, _, all_frames, _, matches_function = spec
    return matches_function is None and not (all_frames and has_callers)


def _tells_lines_apart(spec: Spec | None, domain: int, filename: str) -> bool:
    """Tell whether a filter may match some lines of the file, and not others."""
    if spec is None or spec[2] is None:
        return False
    _, matches, _, _, only_domain, _ = spec
    return only_domain in (None, domain) and (matches is None or matches(filename))


def _without_stack(snapshot: Snapshot) -> set[tuple[int, FrameTuple]]:
    """Return the domains and lines of which some is known by line at most."""
    by_name: Spec = (True, lambda _: True, None, False, None, lambda name: not name)
    nameless = _table_of(snapshot).filter([by_name])
    newest = ((domain, frames[0]) for (domain, _, frames, _), _ in nameless.rows())
    return {(domain, frame) for domain, frame in newest if frame != _NO_STACK}


def _files_of_rest(snapshot: Snapshot, folded: set[tuple[int, FrameTuple]]) -> set[tuple[int, str]]:
    """Return the domains and files of which some is not even known by line."""
    if snapshot.is_exact:
        return set()
    return {(domain, filename) for domain, (filename, line) in folded if line == 0}


def _table_of(snapshot: Snapshot) -> SnapshotTable:
    # Other traces say nothing of a churn.
    return snapshot.traces._traces  # type: ignore[return-value]
