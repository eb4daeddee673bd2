"""What type checkers make of programs: of those for the standard library's module, too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy")

# Strict as the checker is, a comment that hides no error is an error itself.
FOR_BOTH = """
from collections.abc import Sequence

import tracemalloc
from tracemalloc import Filter, Snapshot, Statistic, StatisticDiff, Trace, Traceback

tracemalloc.start(25)
tracemalloc.start(nframe=25)  # type: ignore[call-arg]
tracemalloc.get_traced_memry()  # type: ignore[attr-defined]
from tracemalloc import Snapshott  # type: ignore[attr-defined]

snapshot: Snapshot = tracemalloc.take_snapshot()
own = Filter(False, tracemalloc.__file__)
filters: Sequence[Filter | tracemalloc.DomainFilter] = (own, tracemalloc.DomainFilter(True, 0))
top: list[Statistic] = snapshot.filter_traces(filters).statistics("lineno", cumulative=True)
diffs: list[StatisticDiff] = snapshot.compare_to(snapshot, key_type="lineno")
lines: list[str] = top[0].traceback.format(limit=3)
found: Traceback | None = tracemalloc.get_object_traceback(snapshot)
traces: Sequence[Trace] = snapshot.traces[:10]

Trace((0, 10, (("a.py", 1), ("b.py", 2)), 2))
Trace((0, 10, (("a.py", 1),)))
Trace((0, 10, [("a.py", 1)], None))
Trace((0, 10, [("a.py", 1)]))
Trace((0, "10", [("a.py", 1)]))  # type: ignore[arg-type]
Traceback([("a.py", 1)], total_nframe=3)
by_hand = [(0, 10, [("a.py", 1)])]
Snapshot(by_hand, 1)
Snapshot([(0, 10, (("a.py", 1),), None), (1, 5, (("a.py", 1), ("b.py", 2)), 2)], 25)
"""

FOR_OURS = """
import ctracemalloc
from ctracemalloc import Tree, load_ipython_extension, unload_ipython_extension

class Large(ctracemalloc.BaseFilter):
    def _match(self, trace: tuple[int, int, tuple[tuple[str, int], ...], int | None]) -> bool:
        return trace[1] > 1000

snapshot = ctracemalloc.take_snapshot(at="peak").filter_traces([Large(True)])
snapshot.dump("x.ctm", labels={"run": "7"})
tree: Tree = snapshot.tree(by="function")
old: ctracemalloc.Snapshot | None = ctracemalloc.install()
ctracemalloc.no_such_name  # type: ignore[attr-defined]
load_ipython_extension(None)
"""


def test_programs_have_the_types_they_should(tmp_path: Path) -> None:
    programs = {
        "theirs.py": FOR_BOTH,
        "ours.py": FOR_BOTH.replace("tracemalloc", "ctracemalloc"),
        "more.py": FOR_OURS,
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(text)
    check = [sys.executable, "-m", "mypy", "--strict", "--python-version", "3.11", *programs]
    done = subprocess.run(check, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
