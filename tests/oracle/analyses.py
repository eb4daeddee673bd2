"""What is done with a program's traces, by both implementations: equal order, figures and text.

The traces are a real program's, so names, depths, shares and ties are those that users see. Two
snapshots are made of them that differ in a fifth of the blocks, both as stdlib's objects and as
ours, in counted rows.
"""

from __future__ import annotations

import tracemalloc
from collections import Counter
from types import ModuleType
from typing import Any

import ctracemalloc
from ctracemalloc._engine import SnapshotTable
from reading import RawTrace

# What both group by, and whether a block counts at every frame.
KEYS = [
    ("filename", False),
    ("lineno", False),
    ("traceback", False),
    ("filename", True),
    ("lineno", True),
]
# Statistics whose tracebacks are also formatted, which reads source files.
FORMATTED = 50


def _filters(module: ModuleType, filename: str) -> dict[str, list[Any]]:
    return {
        "exclude one file": [module.Filter(False, filename)],
        "one file anywhere": [module.Filter(True, filename, all_frames=True)],
        "patterns": [
            module.Filter(False, "<*"),
            module.Filter(True, "*/[a-j]*.py"),
            module.Filter(True, "*.py", lineno=1, all_frames=True),
        ],
        "a domain": [module.DomainFilter(True, 0), module.Filter(False, "*/json/*")],
    }


def _shown(statistics: list[Any]) -> list[tuple[object, ...]]:
    shown = [
        (
            *(repr(each), str(each), each.size, each.count),
            *(getattr(each, "size_diff", None), getattr(each, "count_diff", None)),
        )
        for each in statistics
    ]
    return [*shown, *(tuple(each.traceback.format()) for each in statistics[:FORMATTED])]


def _differ(what: str, theirs: list[Any], own: list[Any]) -> list[str]:
    if theirs == own:
        return []
    pairs = zip(theirs, own, strict=False)
    at = next((i for i, (one, other) in enumerate(pairs) if one != other), -1)
    where = f"at {at}: {theirs[at]} and {own[at]}" if at >= 0 else f"{len(theirs)} and {len(own)}"
    return [f"{what}: {where}"]


def differences(counted: Counter[RawTrace], nframe: int) -> list[str]:
    """What the two do not agree on; an empty list is right."""
    traces = list(counted.elements())
    old = [trace for number, trace in enumerate(traces) if number % 10 != 0]
    new = [trace for number, trace in enumerate(traces) if number % 10 != 5]
    there, old_there = tracemalloc.Snapshot(new, nframe), tracemalloc.Snapshot(old, nframe)
    here = ctracemalloc.Snapshot(SnapshotTable(new), nframe)
    old_here = ctracemalloc.Snapshot(SnapshotTable(old), nframe)

    found = []
    for key, cumulative in KEYS:
        found += _differ(
            f"statistics({key!r}, {cumulative})",
            _shown(there.statistics(key, cumulative)),
            _shown(here.statistics(key, cumulative)),
        )
        found += _differ(
            f"compare_to({key!r}, {cumulative})",
            _shown(there.compare_to(old_there, key, cumulative)),
            _shown(here.compare_to(old_here, key, cumulative)),
        )
    filename = Counter(trace[2][0][0] for trace in traces).most_common(1)[0][0]
    theirs, ours = _filters(tracemalloc, filename), _filters(ctracemalloc, filename)
    for name in theirs:
        kept_there = there.filter_traces(theirs[name])
        kept_here = here.filter_traces(ours[name])
        found += _differ(
            f"filter_traces: {name}",
            list(kept_there.traces._traces),  # type: ignore[attr-defined]
            list(kept_here.traces._traces),
        )
    return found
