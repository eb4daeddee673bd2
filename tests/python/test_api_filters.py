"""Filters by function and by module."""

from __future__ import annotations

import fnmatch
import pickle
from types import ModuleType
from typing import Any

import pytest
from api_support import in_both, many_cases, ours, patient, plain_traces
from ctracemalloc._engine import SnapshotTable, module_name
from hypothesis import given
from hypothesis import strategies as st

pytestmark = patient

SOURCE = """
def inner():
    return bytes(1000)

def outer():
    return [inner(), bytes(2000)]

class Klass:
    def inner(self):
        return [inner(), bytes(4000)]
"""


def run(file: str, held: list[Any]) -> None:
    namespace: dict[str, Any] = {}
    exec(compile(SOURCE, file, "exec"), namespace)
    held += [namespace["outer"](), namespace["Klass"]().inner()]


@pytest.fixture(scope="module")
def traced() -> Any:
    held: list[Any] = []
    ours.start(8)
    try:
        run("/x/site-packages/pkg/held.py", held)
        run("/x/site-packages/other/__init__.py", held)
        snapshot = ours.take_snapshot()
    finally:
        ours.stop()
    return snapshot.filter_traces([ours.Filter(True, "/x/*", all_frames=True)])


class Plain(ours.Filter):
    """A filter that the engine does not know, and that means the same."""


def names(snapshot: Any) -> set[Any]:
    return {(node.frame.name, node.frame.filename) for node in snapshot.tree() if node.own_size}


def rows(snapshot: Any) -> list[Any]:
    return list(snapshot.traces._traces.named_rows())


PATTERNS = ["*", "inner", "Klass.*", "*inner", "[!K]*", "", "outer", "no", "<module>", "INNER"]
MODULES = ["*", "pkg.held", "pkg.*", "other", "*e*", "", "PKG.*", None]


@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("all_frames", [True, False])
@pytest.mark.parametrize("module", MODULES)
def test_what_is_kept(traced: Any, inclusive: bool, all_frames: bool, module: Any) -> None:
    for pattern in PATTERNS:
        patterns = {"function_pattern": pattern, "module_pattern": module}
        kept = []
        for trace, count in rows(traced):
            frames = trace[2] if all_frames else trace[2][:1]
            found = any(
                fnmatch.fnmatchcase(name, pattern)
                and (module is None or fnmatch.fnmatchcase(module_name(file), module))
                for file, _line, name in frames
            )
            if found == inclusive:
                kept.append((trace, count))
        for kind in (ours.Filter, Plain):
            own = kind(inclusive, "*", all_frames=all_frames, **patterns)
            assert rows(traced.filter_traces([own])) == kept


def test_by_function(traced: Any) -> None:
    kept = traced.filter_traces([ours.Filter(True, "*pkg*", function_pattern="*inner")])
    file = "/x/site-packages/pkg/held.py"
    assert names(kept) == {("inner", file), ("Klass.inner", file)}
    left = kept.filter_traces([ours.Filter(False, "*", function_pattern="Klass.*")])
    assert names(left) == {("inner", file)}
    one_line = kept.filter_traces([ours.Filter(True, "*", 3, function_pattern="*inner")])
    assert names(one_line) == {("inner", file)}


def test_by_module(traced: Any) -> None:
    kept = traced.filter_traces([ours.Filter(True, "*", module_pattern="other")])
    assert {file for _name, file in names(kept)} == {"/x/site-packages/other/__init__.py"}
    assert [str(s.traceback) for s in kept.statistics("module")] == ["other:0"]


@many_cases
@given(
    plain_traces(),
    st.sampled_from(["*", "", "a*"]),
    st.sampled_from(["*", "a", "[!c]*", "*\ud800"]),
    st.booleans(),
    st.booleans(),
)
def test_in_python_and_in_the_engine(
    traces: list[Any], function: str, module: str, inclusive: bool, all_frames: bool
) -> None:
    patterns: dict[str, Any] = {"function_pattern": function, "module_pattern": module}
    snapshot = ours.Snapshot(SnapshotTable(traces), 5)
    there = snapshot.filter_traces([ours.Filter(inclusive, "*", None, all_frames, **patterns)])
    here = snapshot.filter_traces([Plain(inclusive, "*", None, all_frames, **patterns)])
    assert list(there.traces._traces) == list(here.traces._traces)


def test_with_a_filter_of_the_user(traced: Any) -> None:
    seen = []

    class Large(ours.BaseFilter):
        def _match(self, trace: Any) -> bool:
            seen.append(trace)
            return bool(trace[1] > 1500)

    kept = traced.filter_traces([Large(False), ours.Filter(True, "*", function_pattern="outer")])
    assert {name for name, _file in names(kept)} == {"outer"}
    assert all(trace[1] > 1500 for trace in kept.traces._traces)
    # It sees traces as it always did.
    assert {len(frame) for trace in seen for frame in trace[2]} == {2}


def test_without_the_patterns_nothing_is_new() -> None:
    def look(m: ModuleType) -> Any:
        own = m.Filter(True, "a.pyc", 3, True, 4)
        return vars(own), vars(pickle.loads(pickle.dumps(own))), own.filename_pattern

    assert ours.Filter(True, "a").function_pattern is None
    assert ours.Filter(True, "a").module_pattern is None
    assert in_both(look)[2] == "a.py"


def test_patterns_are_keywords_that_may_change() -> None:
    with pytest.raises(TypeError):
        ours.Filter(True, "a", None, False, None, "x")  # type: ignore[call-arg]
    own = ours.Filter(True, "*", function_pattern="f")
    traces = ours.Snapshot(SnapshotTable([(0, 1, (("a.py", 1),), 1)]), 1)
    assert len(traces.filter_traces([own]).traces) == 0
    own.function_pattern = ""
    assert len(traces.filter_traces([own]).traces) == 1
    own.module_pattern = "b"
    assert len(traces.filter_traces([own]).traces) == 0
