"""Filters by function and by module."""

from __future__ import annotations

import fnmatch
import pickle
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from api_support import in_both, many_cases, ours, outcome, patient, plain_traces, stdlib
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


# What patterns are made of, closed and left open, and what is special in names and in a regular
# expression; any other character besides.
PIECES = [
    *(
        "*",
        "**",
        "?",
        "[",
        "]",
        "[]",
        "[!]",
        "[]]",
        "[!]]",
        "[!x]",
        "[x]",
        "[^x]",
        "[!!]",
        "[a-c]",
        "[c-a]",
    ),
    *(
        "[a-]",
        "[-a]",
        "[--]",
        "[!a-c-e]",
        "[[]",
        "[\\]]",
        "[&&]",
        "[||]",
        "[~~]",
        "!",
        "-",
        "^",
        "\\",
        "$",
        ".",
    ),
    *(
        "(?s:",
        ")",
        "\\Z",
        "{2}",
        "+",
        "|",
        "x",
        "a",
        "b",
        "\n",
        "\r",
        "\0",
        "\x85",
        "\u2028",
        "\ud800",
    ),
    *(
        "\udc80",
        "\udfff",
        "\U0001f40d",
        "\U0010ffff",
        "é",
        "e\u0301",
        ".py",
        ".pyc",
        ".PYC",
        ".pyco",
        "/",
    ),
]
pieces = st.sampled_from(PIECES) | st.text(st.characters(codec=None), max_size=3)
any_text = st.lists(pieces, max_size=5).map("".join)


@many_cases
@given(any_text, st.lists(any_text, min_size=1, max_size=8), st.booleans(), st.booleans())
def test_names_match_as_in_the_standard_library(
    pattern: str, names: list[str], inclusive: bool, all_frames: bool
) -> None:
    # The pattern itself is the likeliest of all names to match it, or to differ by its end alone.
    names = [*names, pattern, pattern + "c", pattern + "\n"]
    traces = [(0, 1, ((name, 1), ("last", 2)), 2) for name in names]
    theirs: Any = stdlib.Snapshot(traces, 2)
    wanted = theirs.filter_traces([stdlib.Filter(inclusive, pattern, None, all_frames)])
    for content in (traces, SnapshotTable(traces)):
        for kind in (ours.Filter, Plain):
            own = kind(inclusive, pattern, None, all_frames)
            kept = ours.Snapshot(content, 2).filter_traces([own])
            assert list(kept.traces._traces) == wanted.traces._traces


class Raised(BaseException):
    pass


@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("error", [Raised("why"), KeyError(3), MemoryError(), StopIteration(3)])
def test_what_a_filter_of_the_user_raises(error: BaseException, inclusive: bool) -> None:
    """It comes out as it went in, from whoever is asked, and the snapshot stays as it was."""
    traces = [(0, size, (("a.py", 1),), 1) for size in range(5)]

    def filtered(module: ModuleType, content: Any, others: list[Any]) -> Any:
        class Raising(module.BaseFilter):  # type: ignore[name-defined, misc]
            def _match(self, trace: Any) -> bool:
                if trace[1] == 3:
                    raise error
                return bool(trace[1] != 2)

        filters = [getattr(module, name)(inclusive, *arguments) for name, arguments in others]
        snapshot = module.Snapshot(content, 1)
        try:
            kept = snapshot.filter_traces([*filters, Raising(inclusive)])
        except BaseException as raised:
            return raised if raised is error else repr(raised)
        finally:
            assert list(snapshot.traces._traces) == traces
        return list(kept.traces._traces)

    others: list[Any]
    for others in ([], [("Filter", ("a*",))], [("DomainFilter", (1,))]):
        wanted = filtered(stdlib, traces, others)
        for content in (traces, SnapshotTable(traces)):
            assert filtered(ours, content, others) == wanted
    assert filtered(ours, traces, []) in (error, "RuntimeError('generator raised StopIteration')")


def test_what_a_pattern_raises() -> None:
    def filtered(module: ModuleType, pattern: Any, all_frames: bool) -> Any:
        own = module.Filter(True, "a", None, all_frames)
        own._filename_pattern = pattern
        snapshot = module.Snapshot([(0, 1, (("a", 1), ("b", 1)), 2)], 2)
        return list(snapshot.filter_traces([own]).traces._traces)

    for pattern in (b"a", 3, None, ["a"], ("a",)):
        for all_frames in (True, False):
            result = in_both(filtered, pattern, all_frames)
            assert result[0] in ("TypeError", "AttributeError"), result
    table = ours.Snapshot(SnapshotTable([(0, 1, (("a", 1),), 1)]), 1)
    broken = ours.Filter(True, "a")
    broken._filename_pattern = b"a"  # type: ignore[assignment]
    assert outcome(table.filter_traces, [broken])[0] == "TypeError"
    assert len(table.traces) == 1


@pytest.mark.parametrize("all_frames", [False, True])
@pytest.mark.parametrize("is_table", [False, True])
def test_the_name_of_our_file_means_the_package(
    is_table: bool, all_frames: bool, tmp_path: Path
) -> None:
    folder = Path(ours.__file__).parent
    files = ["__init__.py", "_snapshot.py", "report/text.py"]
    own = [str(folder / name) for name in files]
    others = ["a.py", f"{folder}.py", str(folder.parent / "ctracemalloc_startup.py"), str(folder)]
    traces = [(0, 1, ((name, 5), ("b.py", 1)), 2) for name in own + others]
    snapshot = ours.Snapshot(SnapshotTable(traces) if is_table else traces, 2)
    snapshot.dump(tmp_path / "x.ctm")
    for one in snapshot, ours.Snapshot.load(tmp_path / "x.ctm"):
        for inclusive, kept in (True, own), (False, others):
            for name in ours.__file__, f"{ours.__file__}c":
                own_filter = ours.Filter(inclusive, name, all_frames=all_frames)
                assert own_filter.filename_pattern == ours.__file__
                filtered = one.filter_traces([own_filter])
                assert {trace.traceback[-1].filename for trace in filtered.traces} == set(kept)
    of_a_line = snapshot.filter_traces([ours.Filter(True, ours.__file__, 5, all_frames)])
    assert [trace.traceback[-1].filename for trace in of_a_line.traces] == own[:1]
    assert ours.Filter(True, ours.__file__)._match_frame(own[1], 5)


def test_a_filter_leaves_out_what_the_tracer_keeps() -> None:
    ours.start()
    try:
        kept = [ours.take_snapshot().filter_traces([ours.Filter(True, "*")]) for _ in range(5)]
        shown = [snapshot.statistics("traceback") for snapshot in kept]
        snapshot = ours.take_snapshot()
    finally:
        ours.stop()
    folder = str(Path(ours.__file__).parent)

    def own_bytes(filters: list[Any]) -> int:
        found = snapshot.filter_traces(filters).statistics("filename")
        return sum(s.size for s in found if s.traceback[0].filename.startswith(folder))

    assert shown[-1]
    assert own_bytes([]) > 0
    assert own_bytes([ours.Filter(False, ours.__file__)]) == 0


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
