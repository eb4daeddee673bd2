"""The difference of two multisets of traces, sorted into classes.

A trace is (domain, size, frames, total_nframe). Blocks have no address in it, so a block that the
tracers attribute differently is one trace of each side that the other lacks, with equal domain and
size. Classes:

reused   A block of an object that comes from one of the interpreter's free lists (floats, lists,
         dicts, tuples of up to 20 items, the last slice, contexts, asyncio's iterators of futures,
         what async generators hand out), told by its size. Before 3.13 an extension is not told
         when such an object is handed out again. Its block was allocated once, for an object that
         has died, and never freed: ours goes on showing the place of that first allocation, and
         stdlib's, which the interpreter calls directly, shows where the block was taken again.
depth    Any other block that the two attribute to the same frames, with a different total_nframe.
moved    Any other block with equal domain and size that the two attribute to different places.
missing  A block that only stdlib's tracer knows.
extra    A block that only ours knows.

No difference is right where both follow reuse (from 3.13 on), and none where neither does (before,
with stdlib's following switched off: see `following`). Only stdlib's following, before 3.13, allows
`reused`, and nothing else. How many blocks those are is up to the program: a few percent of those
that are alive, for programs that make and drop many small tuples.
"""

from __future__ import annotations

import contextvars
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from reading import RawTrace

CLASSES = ("reused", "depth", "moved", "missing", "extra")

_SAMPLES = 4
_GC_HEADER = 16
_LONGEST_KEPT_TUPLE = 20


@dataclass
class Comparison:
    """How the tracers differ over one run of one program.

    `stdlib_alone` tells that stdlib's tracer followed reuse and ours could not. `control` is the
    number of differences between two readings of stdlib's own table: unless it is 0, nothing was
    measured. `samples` show some of the differences. `analyses` says where statistics, diffs and
    filters of the traces differ.
    """

    traces: int
    control: int
    classes: dict[str, int]
    stdlib_alone: bool = False
    samples: list[str] = field(default_factory=list)
    analyses: list[str] = field(default_factory=list)

    @property
    def differences(self) -> int:
        """All blocks that the tracers do not agree on."""
        return sum(self.classes.values())


def free_list_sizes() -> frozenset[int]:
    """Sizes of the blocks of objects that the interpreter keeps in free lists."""
    sizes = {float.__basicsize__, slice.__basicsize__ + _GC_HEADER}
    sizes |= {kind.__basicsize__ + _GC_HEADER for kind in (list, dict, contextvars.Context)}
    # An object with one field: what an async generator has wrapped, the iterator of a future.
    sizes.add(object.__basicsize__ + 8 + _GC_HEADER)
    sizes |= {
        tuple.__basicsize__ + length * tuple.__itemsize__ + _GC_HEADER
        for length in range(1, _LONGEST_KEPT_TUPLE + 1)
    }
    return frozenset(sizes)


def compare(
    stdlib: Counter[RawTrace],
    ours: Counter[RawTrace],
    stdlib_again: Counter[RawTrace],
    *,
    stdlib_alone: bool = False,
) -> Comparison:
    """Sort the differences between two tracers' traces into classes."""
    only_stdlib, only_ours = stdlib - ours, ours - stdlib
    classes = dict.fromkeys(CLASSES, 0)
    reusable = free_list_sizes() if stdlib_alone else frozenset()
    # First those that agree in all but the depth, then those that agree in domain and size.
    in_stdlib, in_ours = _grouped(only_stdlib, 3), _grouped(only_ours, 3)
    same_frames = in_stdlib & in_ours
    for (domain, size, _frames), count in same_frames.items():
        classes["reused" if domain == 0 and size in reusable else "depth"] += count
    in_stdlib, in_ours = _grouped(in_stdlib - same_frames, 2), _grouped(in_ours - same_frames, 2)
    for (domain, size), count in (in_stdlib & in_ours).items():
        classes["reused" if domain == 0 and size in reusable else "moved"] += count
    classes["missing"] = (in_stdlib - in_ours).total()
    classes["extra"] = (in_ours - in_stdlib).total()
    return Comparison(
        traces=stdlib.total(),
        control=(stdlib - stdlib_again).total() + (stdlib_again - stdlib).total(),
        classes=classes,
        stdlib_alone=stdlib_alone,
        samples=[*_show("stdlib only", only_stdlib), *_show("ours only", only_ours)],
    )


def _grouped(traces: Counter[Any], fields: int) -> Counter[Any]:
    """Count by the first fields of a trace alone."""
    grouped = Counter[Any]()
    for trace, count in traces.items():
        grouped[trace[:fields]] += count
    return grouped


def _show(side: str, traces: Counter[RawTrace]) -> Iterable[str]:
    for (domain, size, frames, total), count in traces.most_common(_SAMPLES):
        stack = " < ".join(f"{filename}:{lineno}" for filename, lineno in frames[:4])
        yield f"{side}: {count} x domain {domain}, {size} bytes, {total} frames: {stack}"


def judge(comparisons: Iterable[Comparison]) -> list[str]:
    """Say what is wrong with comparisons; an empty list is right."""
    comparisons = list(comparisons)
    problems = []
    if not sum(comparison.traces for comparison in comparisons):
        problems.append("no trace was compared")
    if control := sum(comparison.control for comparison in comparisons):
        problems.append(f"{control} differences between two readings of stdlib's own tracer")
    wrong = Counter[str]()
    for comparison in comparisons:
        wrong.update(comparison.classes)
        if comparison.stdlib_alone:
            wrong["reused"] -= comparison.classes["reused"]
    problems += [
        f"{wrong[name]} blocks {name}, where none may be" for name in CLASSES if wrong[name]
    ]
    problems += [problem for comparison in comparisons for problem in comparison.analyses]
    return problems
