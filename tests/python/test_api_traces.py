"""Snapshot.traces, and the table that stands behind it."""

from __future__ import annotations

import copy
import pickle
import sys
from types import ModuleType
from typing import Any

import pytest
from api_support import (
    in_both,
    many_cases,
    ours,
    outcome,
    patient,
    plain_traces,
    stdlib,
    surrogate_text,
)
from ctracemalloc._engine import SnapshotTable
from hypothesis import given
from hypothesis import strategies as st

pytestmark = patient

TRACES: list[Any] = [
    *[(0, 10, (("a.py", 2), ("b.py", 4)), 3)] * 3,
    (1, 2, (("a.py", 5), ("b.py", 4)), 3),
    (2, 66, (("b.py", 1),), 1),
    (3, 7, (("<unknown>", 0),), None),
    (0, 10, (("a.py", 2), ("b.py", 4)), 3),
]


@many_cases
@given(plain_traces(), st.integers(-15, 15), st.slices(12))
def test_a_table_is_the_list_of_its_traces(traces: list[Any], index: int, part: slice) -> None:
    table = SnapshotTable(traces)
    assert len(table) == len(traces)
    assert list(table) == traces
    assert table == traces
    assert traces == table
    assert (table != traces) is False
    assert table[part] == traces[part]
    assert outcome(lambda: table[index]) == outcome(lambda: traces[index])
    assert list(reversed(table)) == traces[::-1]
    assert [trace for trace, count in table.rows() for _ in range(count)] == traces
    assert table == SnapshotTable(traces)
    assert table.copy() == table
    for trace in traces:
        assert trace in table
    assert (9, 9, (("z", 1),), None) not in table


@many_cases
@given(plain_traces(), plain_traces())
def test_tables_are_equal_as_lists_are(a: list[Any], b: list[Any]) -> None:
    # Over different tables of names and stacks, with rows that are cut elsewhere.
    mixed = SnapshotTable(b + a).select(select_tail(b + a, len(a)))
    assert (mixed == SnapshotTable(a)) == (list(mixed) == a)
    assert (SnapshotTable(a) == SnapshotTable(b)) == (a == b)
    assert (SnapshotTable(a) != SnapshotTable(b)) == (a != b)


def select_tail(traces: list[Any], length: int) -> bytes:
    """Keep the rows that begin at the last `length` traces."""
    keep = []
    position = 0
    for _, count in SnapshotTable(traces).rows():
        keep.append(position >= len(traces) - length)
        position += count
    return bytes(keep)


@many_cases
@given(surrogate_text, surrogate_text)
def test_file_names_come_back(a: str, b: str) -> None:
    traces = [(0, 1, ((a, 1), (b, 2), (a + b, 3)), 3)]
    assert list(SnapshotTable(traces)) == traces


@pytest.mark.parametrize(
    "name", ["x" * 2**20, "\ud800" * 1000, "\ud83d\ude00", "\U0001f600", "a\0b", "\x80", "\uffff"]
)
def test_unusual_file_names_come_back(name: str) -> None:
    ((frame,),) = (trace[2] for trace in SnapshotTable([(0, 1, ((name, 1),), 1)]))
    assert frame == (name, 1)


def test_equal_stacks_are_one_object() -> None:
    table = SnapshotTable(TRACES)
    assert table[0][2] is table[6][2]
    assert table.filter([(True, None, None, False, 0, None)])[0][2] is table[0][2]


def test_a_table_is_no_list_of_something_else() -> None:
    table = SnapshotTable(TRACES)
    assert table != tuple(TRACES)
    assert table != TRACES[:-1]
    assert table != 3
    assert 3 not in table
    assert (0, 10.0, (("a.py", 2), ("b.py", 4)), 3) in table
    with pytest.raises(TypeError):
        hash(table)
    with pytest.raises(TypeError):
        _ = table < table  # type: ignore[operator]
    assert repr(table) == "<SnapshotTable len=7>"
    for index in (7, -8, "x", 1.0, 2**70, None):
        assert outcome(lambda index=index: table[index]) == outcome(
            lambda index=index: TRACES[index]
        )


def test_select_wants_a_byte_for_each_row() -> None:
    table = SnapshotTable(TRACES)
    assert list(table.select(b"\1\0\0\0\1")) == TRACES[:3] + TRACES[6:]
    for keep in (b"", b"\1" * 7, "xxxxx"):
        with pytest.raises(ValueError, match="expected 5 bytes"):
            table.select(keep)  # type: ignore[arg-type]


def test_an_error_in_a_matcher_is_the_callers() -> None:
    def fails(name: str) -> bool:
        raise LookupError(name)

    with pytest.raises(LookupError):
        SnapshotTable(TRACES).filter([(True, fails, None, False, None, None)])


def test_names_are_matched_once() -> None:
    seen = []

    def matches(name: str) -> bool:
        seen.append(name)
        return name == "a.py"

    kept = SnapshotTable(TRACES).filter([(True, matches, None, False, None, None)])
    assert len(kept) == 5
    assert sorted(seen) == ["<unknown>", "a.py", "b.py"]


def both_snapshots() -> list[Any]:
    return [
        stdlib.Snapshot(TRACES, 2),
        ours.Snapshot(TRACES, 2),
        ours.Snapshot(SnapshotTable(TRACES), 2),
    ]


def test_traces_are_a_sequence() -> None:
    shown = []
    for snapshot in both_snapshots():
        traces = snapshot.traces
        shown.append(
            (
                repr(traces),
                len(traces),
                [repr(trace) for trace in traces],
                [str(trace) for trace in reversed(traces)],
                type(traces[1:3]),
                [repr(trace) for trace in traces[::-2]],
                repr(traces[-1]),
                outcome(lambda traces=traces: traces[7]),
                traces.index(traces[3]),
                traces.count(traces[0]),
                traces[2] in traces,
                outcome(lambda traces=traces: 3 in traces),
                outcome(lambda traces=traces: hash(traces)),
                traces == snapshot.traces,
                traces == TRACES,
            )
        )
    assert shown[1] == shown[0]
    assert shown[2] == shown[0]


def test_snapshots_of_both_kinds_have_equal_traces() -> None:
    _, by_hand, table = both_snapshots()
    assert by_hand.traces == table.traces
    assert table.traces == by_hand.traces
    assert ours.Snapshot(TRACES[1:], 2).traces != table.traces


def test_traces_may_be_replaced() -> None:
    def look(module: ModuleType) -> Any:
        snapshot = module.Snapshot(TRACES, 2)
        snapshot.traces = module._Traces(TRACES[:1])
        snapshot.extra = 3
        return str(snapshot.statistics("lineno")), sorted(vars(snapshot))

    in_both(look)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_snapshots_are_pickled(protocol: int) -> None:
    for snapshot in both_snapshots()[1:]:
        snapshot.extra = {"a": [1]}
        copies: list[Any] = [
            pickle.loads(pickle.dumps(snapshot, protocol)),
            copy.copy(snapshot),
            copy.deepcopy(snapshot),
        ]
        for again in copies:
            assert type(again) is ours.Snapshot
            assert again.traces == snapshot.traces
            assert again.traceback_limit == 2
            assert vars(again)["extra"] == {"a": [1]}


def test_a_table_keeps_what_it_is_when_pickled() -> None:
    table = SnapshotTable(TRACES, nframe=7)
    again = pickle.loads(pickle.dumps(table))
    assert type(again) is SnapshotTable
    assert again == table
    assert again.info() == table.info()
    # Sums that no file can hold.
    large = SnapshotTable([(0, 2**63 - 1, (("a", 1),), 1)] * 5)
    assert pickle.loads(pickle.dumps(large)) == large


def test_a_table_tells_its_memory() -> None:
    assert SnapshotTable(TRACES).memory() > SnapshotTable([]).memory() > 0


def test_walks_may_be_left_and_nested() -> None:
    table = SnapshotTable(TRACES)
    walk = iter(table)
    next(walk)
    assert [list(table) for _ in range(2)] == [TRACES, TRACES]
    del table
    assert list(walk) == TRACES[1:]
    assert list(walk) == []


def test_a_million_traces_cost_what_is_looked_at() -> None:
    ours.start(1)
    try:
        live = [object() for _ in range(1_000_000)]
        before = sys.getallocatedblocks()
        traces = ours.take_snapshot().traces
        again = ours.take_snapshot().traces
        assert sys.getallocatedblocks() - before < 1000
        ours.reset_churn()
        middle = len(traces) // 2
        assert repr(traces[middle]) == repr(traces[middle - len(traces)])
        assert len(traces[10:20]) == len(traces[-20:-10]) == 10
        assert [trace.size for trace, _ in zip(traces, range(10), strict=False)]
        assert traces[0] in traces
        assert traces[0] in again
        assert ours.Trace((9, 9, (("z", 1),), None)) not in traces
        assert traces == ours.Snapshot(traces._traces, 1).traces
        made = ours.take_snapshot(at="churn")
    finally:
        ours.stop()
    assert len(live) == 1_000_000 <= len(traces)
    assert sum(each.count for each in made.statistics("filename")) < 5000
