"""Statistics over traces of any kind, in plain Python.

The engine groups what it can represent. Traces that somebody made by hand may hold anything that
adds and compares; they are grouped here, with the same results.
"""

from __future__ import annotations

from ctracemalloc._engine import module_name
from ctracemalloc._model import Statistic, StatisticDiff, Traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ctracemalloc._model import TraceTuple

# What is left of the frames of a trace, or of one of them in cumulative mode.
_KEYS: dict[tuple[str, bool], Any] = {
    ("traceback", False): lambda frames: frames,
    ("lineno", False): lambda frames: frames[:1],
    ("filename", False): lambda frames: ((frames[0][0], 0),),
    ("lineno", True): lambda frame: (frame,),
    ("filename", True): lambda frame: ((frame[0], 0),),
    ("function", False): lambda frames: tuple(map(_function_of, frames[:1])),
    ("function", True): lambda frame: (_function_of(frame),),
    ("module", False): lambda frames: tuple((module_name(f[0]), 0) for f in frames[:1]),
    ("module", True): lambda frame: ((module_name(frame[0]), 0),),
}


def _function_of(frame: tuple[Any, ...]) -> tuple[Any, int, str]:
    return (frame[0], 0, frame[2] if len(frame) == 3 else "")


def check_key(key_type: str, cumulative: bool) -> None:
    if key_type not in ("traceback", "filename", "lineno", "function", "module"):
        raise ValueError(f"unknown key_type: {key_type!r}")
    if cumulative and key_type == "traceback":
        raise ValueError(f"cumulative mode cannot by used with key type {key_type!r}")


def group(
    rows: Iterable[tuple[TraceTuple, int]], key_type: str, cumulative: bool
) -> dict[Traceback, Statistic]:
    """Add up rows of (trace, count of equal traces) by what the key leaves of their frames."""
    reduce = _KEYS[key_type, bool(cumulative)]
    groups: dict[Traceback, Statistic] = {}
    # By what was reduced: no Traceback has to be made and hashed for what was seen before.
    known: dict[object, Statistic] = {}
    for (_domain, size, frames, _total_nframe), count in rows:
        total = size if count == 1 else size * count
        for place in frames if cumulative else (frames,):
            statistic = known.get(place)
            if statistic is None:
                traceback = Traceback(reduce(place))
                statistic = groups.get(traceback)
                if statistic is None:
                    groups[traceback] = known[place] = Statistic(traceback, total, count)
                    continue
                known[place] = statistic
            statistic.size += total
            statistic.count += count
    return groups


def group_once(rows: Iterable[tuple[TraceTuple, int]], key_type: str) -> dict[Traceback, Statistic]:
    """Add up rows as `group` does in cumulative mode, but each once at a place that recurs in its
    frames; those without any frame have a place of their own.
    """
    reduce = _KEYS[key_type, True]
    groups: dict[Traceback, Statistic] = {}
    for (_domain, size, frames, _total_nframe), count in rows:
        for place in set(map(reduce, frames)) or {()}:
            traceback = Traceback(place)
            statistic = groups.setdefault(traceback, Statistic(traceback, 0, 0))
            statistic.size += size * count
            statistic.count += count
    return groups


def _compare_grouped_stats(
    old_group: dict[Traceback, Statistic], new_group: dict[Traceback, Statistic]
) -> list[StatisticDiff]:
    """Return what changed between two groupings. Common groups are taken out of the old one."""
    diffs = []
    for traceback, new in new_group.items():
        old = old_group.pop(traceback, None)
        if old is None:
            diff = StatisticDiff(traceback, new.size, new.size, new.count, new.count)
        else:
            size_diff, count_diff = new.size - old.size, new.count - old.count
            diff = StatisticDiff(traceback, new.size, size_diff, new.count, count_diff)
        diffs.append(diff)
    for traceback, old in old_group.items():
        diffs.append(StatisticDiff(traceback, 0, -old.size, 0, -old.count))
    return diffs
