"""Snapshot.tree(), and grouping by function and module."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
from api_support import many_cases, ours, patient, plain_traces, shown_statistic
from ctracemalloc._engine import SnapshotTable, module_name
from ctracemalloc._grouping import group
from hypothesis import given
from hypothesis import strategies as st

pytestmark = patient

NEW_KEYS = [("function", False), ("function", True), ("module", False), ("module", True)]
TREE_KEYS = ["lineno", "function", "filename", "module"]


def snapshot_of(traces: list[Any]) -> Any:
    return ours.Snapshot(SnapshotTable(traces), 5)


def as_seen(by: str, frame: Any) -> Any:
    filename, lineno = frame
    return {
        "lineno": (filename, lineno, ""),
        "function": (filename, 0, ""),
        "filename": (filename, 0),
        "module": (module_name(filename), 0),
    }[by]


# ---- grouping ----


@many_cases
@given(plain_traces())
def test_grouping_in_python_and_in_the_engine_agree(traces: list[Any]) -> None:
    table = SnapshotTable(traces)
    for key, cumulative in NEW_KEYS:
        groups = group(table.rows(), key, cumulative).values()
        here = sorted(groups, key=ours.Statistic._sort_key, reverse=True)
        there = table.statistics(key, cumulative)
        assert list(map(shown_statistic, here)) == list(map(shown_statistic, there))


@many_cases
@given(plain_traces(), plain_traces())
def test_comparisons_in_python_and_in_the_engine_agree(now: list[Any], old: list[Any]) -> None:
    old = old + now[::2]
    for key, cumulative in NEW_KEYS:
        there = snapshot_of(now).compare_to(snapshot_of(old), key, cumulative)
        # A tuple of lists is nothing that the engine takes.
        here = ours.Snapshot(Listed(now), 5).compare_to(
            ours.Snapshot(Listed(old), 5), key, cumulative
        )
        assert list(map(shown_statistic, here)) == list(map(shown_statistic, there))


class Listed(list[Any]):
    """A list that the engine does not take for one."""


@pytest.fixture
def traced() -> Any:
    """A snapshot of three functions that hold memory, and what they are called."""
    ours.start(8)
    try:
        code = compile(SOURCE, "/x/site-packages/pkg/held.py", "exec")
        namespace: dict[str, Any] = {}
        exec(code, namespace)
        held = [namespace["outer"](), namespace["Klass"]().method()]
        snapshot = ours.take_snapshot()
        del held
        return snapshot.filter_traces([ours.Filter(True, "/x/*", all_frames=True)])
    finally:
        ours.stop()


SOURCE = """
def inner():
    return bytes(1000)

def outer():
    return [inner(), inner(), bytearray(3000)]

class Klass:
    def method(self):
        return inner()
"""


def test_statistics_by_function(traced: Any) -> None:
    statistics = {str(s.traceback): s for s in traced.statistics("function")}
    file = "/x/site-packages/pkg/held.py"
    inner = statistics[f"{file}:inner"]
    (frame,) = inner.traceback
    assert (frame.filename, frame.lineno, frame.name) == (file, 0, "inner")
    assert inner.count == 3
    assert inner.size >= 3000
    assert statistics[f"{file}:outer"].size >= 3000
    cumulative = {s.traceback[0].name: s for s in traced.statistics("function", True)}
    assert cumulative["outer"].size == statistics[f"{file}:outer"].size + inner.size * 2 // 3
    assert cumulative["inner"].count == 3


def test_statistics_by_module(traced: Any) -> None:
    (statistic,) = traced.statistics("module")
    assert str(statistic.traceback) == "pkg.held:0"
    assert statistic.size == sum(trace.size for trace in traced.traces)
    assert statistic.count == len(traced.traces)


def test_changes_by_function(traced: Any) -> None:
    nothing = snapshot_of([])
    grown = {d.traceback[0].name: d.size_diff for d in traced.compare_to(nothing, "function")}
    gone = {d.traceback[0].name: d.size_diff for d in nothing.compare_to(traced, "function")}
    assert grown["inner"] >= 3000
    assert gone == {name: -size for name, size in grown.items()}
    assert all(d.size_diff == 0 for d in traced.compare_to(traced, "function"))


def test_functions_are_told_apart_by_name_alone() -> None:
    named = ours.Frame(("a.py", 0, "f"))
    assert (named.filename, named.lineno, named.name) == ("a.py", 0, "f")
    assert repr(named) == "<Frame filename='a.py' lineno=0 name='f'>"
    assert str(named) == "a.py:f"
    assert str(ours.Frame(("a.py", 3, "f"))) == "a.py:3 (f)"
    assert str(ours.Frame(("a.py", 0, ""))) == "a.py:0"
    assert named == ours.Frame(("a.py", 0, "f")) != ours.Frame(("a.py", 0, "g"))
    assert named != ours.Frame(("a.py", 0))
    assert named < ours.Frame(("a.py", 0, "g")) < ours.Frame(("a.py", 1, "a"))
    assert len({named, ours.Frame(("a.py", 0, "f"))}) == 1
    assert ours.Frame(("a.py", 1)).name == ""


def test_sums_of_more_than_64_bits() -> None:
    traces = [(0, 2**63 - 1, (("a.py", 1),) * 4, 4)] * 3
    snapshot = snapshot_of(traces)
    for key, cumulative in NEW_KEYS:
        (statistic,) = snapshot.statistics(key, cumulative)
        assert statistic.size == (2**63 - 1) * (12 if cumulative else 3)
    with pytest.raises(OverflowError):
        snapshot.tree()


@pytest.mark.parametrize(
    ("module", "function"),
    [
        ("json.decoder", "py_scanstring"),
        ("importlib._bootstrap", "_call_with_frames_removed"),
        ("hypothesis.core", "given"),
        ("email.charset", "add_charset"),
    ],
)
def test_modules_have_their_names(module: str, function: str) -> None:
    code = getattr(importlib.import_module(module), function).__code__
    assert module_name(code.co_filename) == module


def test_modules_of_odd_files() -> None:
    assert module_name("/x/src/\ud800/é.py") == "\ud800.é"
    assert module_name("a\x00b.py") == "a\x00b"
    assert module_name("") == ""
    with pytest.raises(TypeError, match="a file name must be a str, not bytes"):
        module_name(b"a.py")  # type: ignore[arg-type]


# ---- tree ----


@many_cases
@given(plain_traces(), st.sampled_from(TREE_KEYS), st.booleans())
def test_nodes_have_what_their_stacks_have(traces: list[Any], by: str, inverted: bool) -> None:
    size: Counter[Any] = Counter()
    count: Counter[Any] = Counter()
    own: Counter[Any] = Counter()
    for _domain, bytes_, frames, _total in traces:
        path = [as_seen(by, frame) for frame in (frames if inverted else frames[::-1])]
        for depth in range(len(path) + 1):
            size[tuple(path[:depth])] += bytes_
            count[tuple(path[:depth])] += 1
        own[tuple(path)] += bytes_
    tree = snapshot_of(traces).tree(by=by, inverted=inverted)
    seen = set()
    for node in tree:
        path = list(node.traceback._frames)[:: -1 if inverted else 1]
        assert node.size == size[tuple(path)]
        assert node.count == count[tuple(path)]
        assert node.own_size == own[tuple(path)]
        assert node.depth == len(path)
        assert (node.frame is None) == (node == tree.root)
        assert [child.parent for child in node.children] == [node] * len(node.children)
        order = [(-child.size, -child.count, child.frame) for child in node.children]
        assert order == sorted(order)
        seen.add(tuple(path))
    assert seen | {()} == set(count) | {()}


def walk(node: Any) -> Any:
    yield node
    for child in node.children:
        yield from walk(child)


@many_cases
@given(plain_traces(), st.sampled_from(TREE_KEYS), st.booleans())
def test_columns_are_the_nodes(traces: list[Any], by: str, inverted: bool) -> None:
    tree = snapshot_of(traces).tree(by=by, inverted=inverted)
    columns = tree.columns()
    assert list(tree) == list(walk(tree.root)) == list(tree[:])
    assert {len(getattr(columns, name)) for name in columns.__slots__} == {len(tree)}
    assert list(tree.frames) == sorted(set(tree.frames))
    for node in tree:
        i = node.number
        assert (columns.size[i], columns.count[i]) == (node.size, node.count)
        assert (columns.own_size[i], columns.own_count[i]) == (node.own_size, node.own_count)
        below = list(walk(node))[1:]
        assert [other.number for other in below] == list(range(i + 1, columns.end[i]))
        if i == 0:
            assert columns.parent[0] == columns.frame[0] == 0xFFFFFFFF
        else:
            assert node.parent == tree[columns.parent[i]]
            assert node.frame == tree.frames[columns.frame[i]]


def test_a_tree_of_a_traced_program(traced: Any) -> None:
    tree = traced.tree()
    assert tree.root.size == sum(trace.size for trace in traced.traces)
    assert tree.root.parent is None
    by_name = {node.frame.name: node for node in tree if node.frame and node.own_size >= 1000}
    assert by_name["outer"].own_size >= 3000
    assert by_name["outer"].frame.lineno == 6
    stack = by_name["inner"].traceback
    assert [frame.name for frame in stack][-1] == "inner"
    assert stack[-1].lineno == 3
    inverted = traced.tree(by="function", inverted=True)
    inner = next(n for n in inverted.root.children if n.frame.name == "inner")
    assert {node.frame.name for node in inner.children} == {"outer", "Klass.method"}
    assert next(iter(inner.children)).traceback[-1].name == "inner"


def test_a_tree_of_traces_made_by_hand() -> None:
    tree = ours.Snapshot([(0, 3, (("a.py", 1), ("b.py", 2)), 2)], 2).tree()
    assert [str(node.frame) for node in tree] == ["None", "b.py:2", "a.py:1"]
    assert repr(tree) == "<Tree by='lineno' len=3>"
    assert repr(tree[2]) == "<TreeNode a.py:1 size=3 count=1>"
    assert repr(tree.root) == "<TreeNode root size=3 count=1>"
    assert tree[-1] == tree[2]
    assert hash(tree[2]) == hash(tree[-1])
    assert tree[0] != 0
    with pytest.raises(IndexError):
        tree[3]
    with pytest.raises(ValueError, match="trace 0: a size must be"):
        ours.Snapshot([(0, -3, (("a.py", 1),), 1)], 1).tree()


@pytest.mark.parametrize("by", ["traceback", "line", "", None])
def test_unknown_keys_of_a_tree(by: Any) -> None:
    with pytest.raises(ValueError, match=f"unknown key of a tree: {by!r}; expected one of lineno"):
        snapshot_of([]).tree(by=by)


def test_columns_cannot_be_changed() -> None:
    columns = snapshot_of([]).tree().columns()
    assert list(columns.size) == [0]
    with pytest.raises(TypeError):
        columns.size[0] = 1


def test_deep_stacks_need_no_recursion() -> None:
    depth = 3 * sys.getrecursionlimit()
    frames = tuple(("a.py", line) for line in range(depth))
    tree = snapshot_of([(0, 1, frames, depth)]).tree()
    assert len(tree) == depth + 1
    assert tree[depth].depth == depth
    assert len(tree[depth].traceback) == depth


def test_the_tree_is_not_loaded_before_it_is_asked_for() -> None:
    code = "import sys, ctracemalloc; print('ctracemalloc._tree' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
