"""The module itself: its names, take_snapshot(), what it loads."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing
from types import ModuleType
from typing import Any
from unittest import mock

import ctracemalloc._engine as engine
import pytest
from api_support import in_both, ours, stdlib


def test_all_names_are_there() -> None:
    assert set(dir(stdlib)) <= set(dir(ours))


@pytest.mark.parametrize("name", sorted(set(dir(stdlib)) - {"__builtins__"}))
def test_names_are_of_the_same_kind(name: str) -> None:
    theirs, own = getattr(stdlib, name), getattr(ours, name)
    assert callable(own) == callable(theirs)
    assert isinstance(own, type) == isinstance(theirs, type)
    if isinstance(theirs, ModuleType):
        assert own is theirs


def test_star_import() -> None:
    theirs: dict[str, Any] = {}
    own: dict[str, Any] = {}
    exec("from tracemalloc import *", theirs)
    exec("from ctracemalloc import *", own)
    assert set(theirs) <= set(own)
    assert {"install", "uninstall", "FormatError"} <= set(own)


def test_all_is_sorted_and_exists() -> None:
    assert ours.__all__ == sorted(ours.__all__)
    for name in ours.__all__:
        assert hasattr(ours, name)


def test_annotations_can_be_evaluated() -> None:
    """Those of every public name, and of its methods, except for what needs `typing`."""
    wrong = set()
    for name in ours.__all__:
        thing = getattr(ours, name)
        if not (getattr(thing, "__module__", None) or "").startswith("ctracemalloc"):
            continue
        for path, one in [(name, thing), *_methods(name, thing)]:
            try:
                typing.get_type_hints(one)
            except NameError as error:
                wrong.add((path, error.name))
    assert wrong == {
        ("Snapshot.dump", "BinaryIO"),
        ("Snapshot.load", "BinaryIO"),
        ("Traceback.__getitem__", "SupportsIndex"),
        ("Tree.__getitem__", "SupportsIndex"),
    }


def _methods(name: str, cls: object) -> list[tuple[str, Any]]:
    if not isinstance(cls, type):
        return []
    methods = []
    for key, method in inspect.getmembers_static(cls):
        if not key.startswith("_") or key.startswith("__") or key == "_match":
            function = getattr(method, "fget", None) or getattr(method, "__func__", method)
            if inspect.isfunction(function):
                methods.append((f"{name}.{key}", function))
    return methods


def test_unknown_names() -> None:
    with pytest.raises(AttributeError, match="module 'ctracemalloc' has no attribute 'nothing'"):
        _ = ours.nothing  # type: ignore[attr-defined]


def test_import_loads_little() -> None:
    code = (
        f"import sys; sys.path[:] = {sys.path!r}; before = set(sys.modules); import ctracemalloc; "
        "print(*set(sys.modules) - before)"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    loaded = {name for name in output.split() if not name.startswith("ctracemalloc")}
    assert loaded <= {"__future__"}, "each costs every process that is traced from its start"


def test_take_snapshot_looks_its_functions_up() -> None:
    traces = [(0, 5, (("a.py", 2),), 10)]

    def look(m: ModuleType) -> Any:
        with (
            mock.patch.object(m, "is_tracing", return_value=True),
            mock.patch.object(m, "get_traceback_limit", return_value=5),
            mock.patch.object(m, "_get_traces", return_value=traces),
        ):
            snapshot = m.take_snapshot()
        assert snapshot.traces._traces is traces
        return snapshot.traceback_limit, repr(snapshot.traces[0])

    assert in_both(look)[0] == 5


def test_take_snapshot_asks_whether_it_traces() -> None:
    text = "the tracemalloc module must be tracing memory allocations to take a snapshot"
    assert in_both(lambda m: m.take_snapshot()) == ("RuntimeError", text)

    ours.start()
    try:
        with (
            mock.patch.object(ours, "is_tracing", return_value=False),
            pytest.raises(RuntimeError, match=text),
        ):
            ours.take_snapshot()
    finally:
        ours.stop()


def test_take_snapshot_makes_no_object_for_each_block() -> None:
    ours.start(3)
    try:
        blocks = [bytearray(100 + i) for i in range(1000)]
        snapshot = ours.take_snapshot()
    finally:
        ours.stop()
    assert type(snapshot.traces._traces) is engine.SnapshotTable
    assert snapshot.traceback_limit == 3
    assert len(snapshot.traces) >= len(blocks)
    here = ours.Filter(True, __file__)
    (statistic,) = [
        s for s in snapshot.filter_traces([here]).statistics("lineno") if s.count >= 1000
    ]
    assert statistic.size >= sum(100 + i for i in range(1000))


def test_take_snapshot_when_tracing_stops_meanwhile() -> None:
    with (
        mock.patch.object(ours, "is_tracing", return_value=True),
        mock.patch.object(ours, "get_traceback_limit", return_value=5),
    ):
        snapshot = ours.take_snapshot()
    assert list(snapshot.traces) == []


def test_get_object_traceback_looks_its_function_up() -> None:
    def look(m: ModuleType) -> Any:
        with mock.patch.object(m, "_get_object_traceback", return_value=(("a", 1), ("b", 2))):
            return repr(m.get_object_traceback(3))

    in_both(look)
    assert ours.get_object_traceback(object()) is None


def test_compare_grouped_stats() -> None:
    def look(m: ModuleType) -> Any:
        a, b, c = (m.Traceback(((name, 1),)) for name in "abc")
        old = {a: m.Statistic(a, 3, 1), b: m.Statistic(b, 5, 2)}
        new = {b: m.Statistic(b, 4, 2), c: m.Statistic(c, 7, 1)}
        return [repr(diff) for diff in m._compare_grouped_stats(old, new)]

    assert len(in_both(look)) == 3


def test_normalize_filename() -> None:
    for name in ("a.py", "a.pyc", "A.PYC", "a.pyo", ".pyc", "", "é.pyc"):
        in_both(lambda m, name: m._normalize_filename(name), name)
    for bad in (3, None, b"a.pyc"):
        in_both(lambda m, name: m._normalize_filename(name), bad)


def test_the_engines_classes_are_checked() -> None:
    class Wide(engine.StatisticFields):
        pass

    for arguments in (
        (Wide, ours.StatisticDiff, ours.Traceback),
        (ours.Statistic, ours.Statistic, ours.Traceback),
        (ours.Statistic, ours.StatisticDiff, 3),
    ):
        with pytest.raises(TypeError, match="add no storage"):
            engine.SnapshotTable.use_classes(*arguments)
