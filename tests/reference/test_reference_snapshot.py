"""The sentences of the reference about `Snapshot`, and how its statistics are made and sorted."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

RawTrace = tuple[int, int, tuple[tuple[str, int], ...], int]

OLD: list[RawTrace] = [
    (0, 10, (("a.py", 2), ("b.py", 4)), 3),
    (0, 10, (("a.py", 2), ("b.py", 4)), 3),
    (0, 20, (("a.py", 2), ("c.py", 1)), 3),
    (1, 5, (("a.py", 7), ("b.py", 4)), 2),
    (2, 70, (("b.py", 1),), 1),
    (3, 7, (("<unknown>", 0),), 1),
]
NEW: list[RawTrace] = [
    (0, 10, (("a.py", 2), ("b.py", 4)), 3),
    (0, 10, (("a.py", 2), ("b.py", 4)), 9),
    (0, 10, (("a.py", 2), ("b.py", 4)), 3),
    (2, 5000, (("a.py", 5), ("b.py", 4)), 3),
    (4, 400, (("d.py", 578),), 1),
    (3, 7, (("<unknown>", 0),), 1),
]


@pytest.fixture
def old(tracer: ModuleType) -> Any:
    return tracer.Snapshot(list(OLD), 2)


@pytest.fixture
def new(tracer: ModuleType) -> Any:
    return tracer.Snapshot(list(NEW), 2)


def shown(statistics: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Traceback, oldest frame first, with size and count (and their differences)."""
    rows: list[tuple[Any, ...]] = []
    for stat in statistics:
        frames = [(frame.filename, frame.lineno) for frame in stat.traceback]
        if hasattr(stat, "size_diff"):
            rows.append((frames, stat.size, stat.size_diff, stat.count, stat.count_diff))
        else:
            rows.append((frames, stat.size, stat.count))
    return rows


def test_take_snapshot_gives_one(tracer: ModuleType) -> None:
    tracer.start(4)
    snapshot = tracer.take_snapshot()
    assert type(snapshot) is tracer.Snapshot
    assert snapshot.traceback_limit == tracer.get_traceback_limit() == 4


def test_traces_are_a_sequence_of_trace(tracer: ModuleType, old: Any) -> None:
    assert isinstance(old.traces, Sequence)
    assert len(old.traces) == len(OLD)
    assert all(type(trace) is tracer.Trace for trace in old.traces)
    assert [trace.size for trace in old.traces] == [10, 10, 20, 5, 70, 7]
    assert old.traces[3].size == 5
    assert old.traces[-1].size == 7
    assert [trace.size for trace in old.traces[1:4]] == [10, 20, 5]
    assert isinstance(old.traces[1:4], tuple)
    assert old.traces[0] in old.traces
    assert tracer.Trace((0, 11, (("a.py", 2), ("b.py", 4)), 3)) not in old.traces
    with pytest.raises(IndexError):
        old.traces[6]


def test_traces_are_read_again_in_the_same_order(tracer: ModuleType) -> None:
    tracer.start(5)
    kept = [[number, str(number)] for number in range(1000, 1500)]
    snapshot = tracer.take_snapshot()
    tracer.stop()
    assert len(snapshot.traces) > len(kept)
    assert list(snapshot.traces) == list(snapshot.traces)
    assert [snapshot.traces[i] for i in range(len(snapshot.traces))] == list(snapshot.traces)


@pytest.mark.parametrize(
    ("key_type", "expected"),
    [
        (
            "filename",
            [
                ([("b.py", 0)], 70, 1),
                ([("a.py", 0)], 45, 4),
                ([("<unknown>", 0)], 7, 1),
            ],
        ),
        (
            "lineno",
            [
                ([("b.py", 1)], 70, 1),
                ([("a.py", 2)], 40, 3),
                ([("<unknown>", 0)], 7, 1),
                ([("a.py", 7)], 5, 1),
            ],
        ),
        (
            "traceback",
            [
                ([("b.py", 1)], 70, 1),
                ([("b.py", 4), ("a.py", 2)], 20, 2),
                ([("c.py", 1), ("a.py", 2)], 20, 1),
                ([("<unknown>", 0)], 7, 1),
                ([("b.py", 4), ("a.py", 7)], 5, 1),
            ],
        ),
    ],
)
def test_statistics(tracer: ModuleType, old: Any, key_type: str, expected: Any) -> None:
    statistics = old.statistics(key_type)
    assert type(statistics) is list
    assert all(type(stat) is tracer.Statistic for stat in statistics)
    assert shown(statistics) == expected


@pytest.mark.parametrize(
    ("key_type", "expected"),
    [
        (
            "filename",
            [
                ([("b.py", 0)], 95, 4),
                ([("a.py", 0)], 45, 4),
                ([("c.py", 0)], 20, 1),
                ([("<unknown>", 0)], 7, 1),
            ],
        ),
        (
            "lineno",
            [
                ([("b.py", 1)], 70, 1),
                ([("a.py", 2)], 40, 3),
                ([("b.py", 4)], 25, 3),
                ([("c.py", 1)], 20, 1),
                ([("<unknown>", 0)], 7, 1),
                ([("a.py", 7)], 5, 1),
            ],
        ),
    ],
)
def test_cumulative_statistics(old: Any, key_type: str, expected: Any) -> None:
    assert shown(old.statistics(key_type, True)) == expected
    assert shown(old.statistics(key_type, cumulative=True)) == expected


def test_frame_that_occurs_twice_is_cumulated_twice(tracer: ModuleType) -> None:
    recursive = tracer.Snapshot([(0, 8, (("a.py", 1), ("a.py", 1), ("a.py", 2)), 3)], 3)
    assert shown(recursive.statistics("lineno", True)) == [
        ([("a.py", 1)], 16, 2),
        ([("a.py", 2)], 8, 1),
    ]
    assert shown(recursive.statistics("filename", True)) == [([("a.py", 0)], 24, 3)]


def test_cumulative_needs_a_frame_as_key(old: Any) -> None:
    message = "^cumulative mode cannot by used with key type 'traceback'$"
    with pytest.raises(ValueError, match=message):
        old.statistics("traceback", True)
    with pytest.raises(ValueError, match=message):
        old.compare_to(old, "traceback", True)


@pytest.mark.parametrize("key_type", ["", "size", "FILENAME", 1, None, ("lineno",)])
def test_unknown_key_type(old: Any, key_type: object) -> None:
    for call in (old.statistics, lambda key: old.compare_to(old, key)):
        message = f"^{re.escape(f'unknown key_type: {key_type!r}')}$"
        with pytest.raises(ValueError, match=message):
            call(key_type)


def test_statistics_of_nothing(tracer: ModuleType, old: Any) -> None:
    empty = tracer.Snapshot([], 1)
    assert empty.statistics("lineno") == []
    assert empty.compare_to(empty, "lineno") == []
    assert len(empty.compare_to(old, "lineno")) == len(old.statistics("lineno"))


def test_ties_are_sorted_by_count_then_traceback(tracer: ModuleType) -> None:
    traces: list[RawTrace] = [
        (0, 4, (("a.py", 1),), 1),
        (0, 4, (("b.py", 1),), 1),
        (0, 4, (("b.py", 10),), 1),
        (0, 4, (("b.py", 9),), 1),
        (0, 2, (("a.py", 3),), 1),
        (0, 2, (("a.py", 3),), 1),
        (0, 4, (("\N{SNAKE}.py", 1),), 1),
        (0, 4, (("\uffff.py", 1),), 1),
    ]
    snapshot = tracer.Snapshot(traces, 1)
    order = [str(stat.traceback) for stat in snapshot.statistics("lineno")]
    assert order == [
        "a.py:3",
        *("\N{SNAKE}.py:1", "\uffff.py:1", "b.py:10", "b.py:9", "b.py:1", "a.py:1"),
    ]


@pytest.mark.parametrize(
    ("key_type", "expected"),
    [
        (
            "filename",
            [
                ([("a.py", 0)], 5030, 4985, 4, 0),
                ([("d.py", 0)], 400, 400, 1, 1),
                ([("b.py", 0)], 0, -70, 0, -1),
                ([("<unknown>", 0)], 7, 0, 1, 0),
            ],
        ),
        (
            "lineno",
            [
                ([("a.py", 5)], 5000, 5000, 1, 1),
                ([("d.py", 578)], 400, 400, 1, 1),
                ([("b.py", 1)], 0, -70, 0, -1),
                ([("a.py", 2)], 30, -10, 3, 0),
                ([("a.py", 7)], 0, -5, 0, -1),
                ([("<unknown>", 0)], 7, 0, 1, 0),
            ],
        ),
        (
            "traceback",
            [
                ([("b.py", 4), ("a.py", 5)], 5000, 5000, 1, 1),
                ([("d.py", 578)], 400, 400, 1, 1),
                ([("b.py", 1)], 0, -70, 0, -1),
                ([("c.py", 1), ("a.py", 2)], 0, -20, 0, -1),
                ([("b.py", 4), ("a.py", 2)], 30, 10, 3, 1),
                ([("b.py", 4), ("a.py", 7)], 0, -5, 0, -1),
                ([("<unknown>", 0)], 7, 0, 1, 0),
            ],
        ),
    ],
)
def test_differences(tracer: ModuleType, old: Any, new: Any, key_type: str, expected: Any) -> None:
    differences = new.compare_to(old, key_type)
    assert type(differences) is list
    assert all(type(stat) is tracer.StatisticDiff for stat in differences)
    assert shown(differences) == expected


def test_cumulative_differences(old: Any, new: Any) -> None:
    assert shown(new.compare_to(old, "filename", cumulative=True)) == [
        ([("a.py", 0)], 5030, 4985, 4, 0),
        ([("b.py", 0)], 5030, 4935, 4, 0),
        ([("d.py", 0)], 400, 400, 1, 1),
        ([("c.py", 0)], 0, -20, 0, -1),
        ([("<unknown>", 0)], 7, 0, 1, 0),
    ]


def test_no_difference_to_itself(old: Any) -> None:
    differences = old.compare_to(old, "traceback")
    assert len(differences) == len(old.statistics("traceback"))
    assert {(stat.size_diff, stat.count_diff) for stat in differences} == {(0, 0)}


def test_leak_is_on_top_of_the_differences(tracer: ModuleType) -> None:
    tracer.start()
    first = tracer.take_snapshot()
    leak = [bytes(1000) for _ in range(500)]
    second = tracer.take_snapshot()
    tracer.stop()
    top = second.compare_to(first, "lineno")[0]
    line = test_leak_is_on_top_of_the_differences.__code__.co_firstlineno + 3
    assert str(top.traceback) == f"{__file__}:{line}"
    assert top.size_diff >= sum(map(len, leak))
    assert top.count_diff >= len(leak)


def test_dump_and_load(tracer: ModuleType, old: Any, tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    old.dump(path)
    loaded = tracer.Snapshot.load(path)
    assert type(loaded) is tracer.Snapshot
    assert loaded.traces == old.traces
    assert list(loaded.traces) == list(old.traces)
    assert loaded.traceback_limit == old.traceback_limit
    assert shown(loaded.statistics("traceback")) == shown(old.statistics("traceback"))


def test_dump_and_load_of_a_real_snapshot(tracer: ModuleType, tmp_path: Path) -> None:
    tracer.start(10)
    kept = [{number: str(number)} for number in range(1000)]
    snapshot = tracer.take_snapshot()
    tracer.stop()
    assert len(snapshot.traces) > len(kept)
    path = os.fspath(tmp_path / "snapshot")
    snapshot.dump(path)
    loaded = tracer.Snapshot.load(path)
    assert loaded.traces == snapshot.traces
    assert loaded.statistics("traceback") == snapshot.statistics("traceback")
    assert {stat.size_diff for stat in loaded.compare_to(snapshot, "traceback")} == {0}


def test_attributes_survive_dump_and_load(tracer: ModuleType, old: Any, tmp_path: Path) -> None:
    old.note = ["anything", 1]
    old.traceback_limit = 17
    old.dump(tmp_path / "snapshot")
    loaded = tracer.Snapshot.load(tmp_path / "snapshot")
    assert loaded.note == ["anything", 1]
    assert loaded.traceback_limit == 17


def test_dump_replaces_a_file(tracer: ModuleType, old: Any, new: Any, tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    old.dump(path)
    new.dump(path)
    assert tracer.Snapshot.load(path).traces == new.traces


def test_dump_and_load_without_a_file(tracer: ModuleType, old: Any, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        old.dump(tmp_path / "no folder" / "snapshot")
    with pytest.raises(FileNotFoundError):
        tracer.Snapshot.load(tmp_path / "no file")


def test_load_is_a_static_method(tracer: ModuleType, old: Any, tmp_path: Path) -> None:
    # The old reference calls it a class method: then a subclass would load as itself.
    old.dump(tmp_path / "snapshot")
    base: Any = tracer.Snapshot
    subclass: Any = type("Subclass", (base,), {})
    assert type(subclass.load(tmp_path / "snapshot")) is base


def test_pickled_snapshot(tracer: ModuleType, old: Any) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        loaded = pickle.loads(pickle.dumps(old, protocol))
        assert type(loaded) is tracer.Snapshot
        assert loaded.traces == old.traces


def test_snapshot_is_writable(tracer: ModuleType, old: Any, new: Any) -> None:
    old.traces = new.traces
    assert shown(old.statistics("lineno")) == shown(new.statistics("lineno"))
    with pytest.raises(AttributeError):
        del old.no_such_attribute


def test_subclass_of_snapshot(tracer: ModuleType) -> None:
    base: Any = tracer.Snapshot

    class Subclass(base):  # type: ignore[misc]
        def total(self) -> int:
            return sum(trace.size for trace in self.traces)

    assert Subclass(list(OLD), 2).total() == sum(trace[1] for trace in OLD)
