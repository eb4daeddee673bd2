"""Snapshot.merge(): several snapshots in one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from api_support import many_cases, odd_traces, ours, patient, plain_traces, stdlib
from ctracemalloc._engine import SnapshotTable
from hypothesis import given
from hypothesis import strategies as st

pytestmark = patient

merge: Any = ours.Snapshot.merge


def snapshot_of(traces: list[Any], limit: int = 5, **attributes: Any) -> Any:
    snapshot = ours.Snapshot(SnapshotTable(traces, nframe=limit), limit)
    vars(snapshot).update(attributes)
    return snapshot


def multiset(snapshot: Any) -> Counter[Any]:
    return Counter(snapshot.traces._traces)


def meaning(snapshot: Any) -> Any:
    """All that a snapshot says, but for the order of its traces."""
    state = {name: value for name, value in vars(snapshot).items() if name != "traces"}
    table = snapshot.traces._traces
    return multiset(snapshot), state, table.info(), table.about(), snapshot.kind


labels = st.dictionaries(
    st.sampled_from(["host", "label", "run"]),
    st.sampled_from(["a", "b", "a, b", "c", 1, True, 1.0, None, ("a",)]),
    max_size=3,
)
labelled = st.builds(
    lambda traces, limit, label: snapshot_of(traces, limit, **label),
    plain_traces(),
    st.integers(1, 3),
    labels,
)


@many_cases
@given(st.lists(labelled, min_size=1, max_size=4))
def test_all_traces_are_there(snapshots: list[Any]) -> None:
    merged = merge(*snapshots)
    wanted: Counter[Any] = Counter()
    for snapshot in snapshots:
        wanted += multiset(snapshot)
    assert multiset(merged) == wanted
    assert merged.traceback_limit == max(s.traceback_limit for s in snapshots)
    for by in ("lineno", "traceback", "module"):
        alone = snapshot_of(list(wanted.elements()))
        assert merged.statistics(by) == alone.statistics(by)


@many_cases
@given(labelled, labelled, labelled)
def test_order_and_grouping_do_not_count(a: Any, b: Any, c: Any) -> None:
    whole = meaning(merge(a, b, c))
    assert meaning(merge(merge(a, b), c)) == whole
    assert meaning(merge(a, merge(b, c))) == whole
    assert meaning(merge(c, a, b)) == whole
    assert meaning(merge(b, a, c)) == whole


@many_cases
@given(odd_traces, plain_traces())
def test_what_the_engine_cannot_take_merges_too(odd: list[Any], plain: list[Any]) -> None:
    merged = merge(ours.Snapshot(odd, 2), ours.Snapshot(tuple(plain), 3))
    assert sorted(map(repr, merged.traces._traces)) == sorted(map(repr, odd + plain))
    assert merged.traceback_limit == 3


def taken(limit: int, at: str = "now") -> Any:
    ours.start(limit)
    try:
        held = [bytes(1000) for _ in range(10)]
        snapshot = ours.take_snapshot(at=at)
        del held
        return snapshot
    finally:
        ours.stop()


def test_what_was_so_at_the_moment() -> None:
    a, b = taken(1), taken(3)
    merged = merge(a, b)
    table = merged.traces._traces
    info, first, second = table.info(), a.traces._traces.info(), b.traces._traces.info()
    for name in ("current_bytes", "current_blocks", "peak_bytes", "dropped", "lost"):
        assert info[name] == first[name] + second[name]
    assert info["time_ns"] == second["time_ns"] >= first["time_ns"]
    assert info["pid"] == first["pid"] == second["pid"] != 0
    assert info["nframe"] == merged.traceback_limit == 3
    assert table.about() == a.traces._traces.about()
    by_hand = merge(a, snapshot_of([(0, 1, (("a.py", 1),), 1)]))
    assert by_hand.traces._traces.info()["current_bytes"] == 0
    assert by_hand.traces._traces.info()["pid"] == 0
    assert by_hand.traces._traces.about() == {}


def test_a_merged_snapshot_goes_to_a_file_and_back(tmp_path: Path) -> None:
    a = taken(2)
    a.host = "one"
    b = taken(2)
    b.host = "two"
    merged = merge(a, b)
    merged.dump(tmp_path / "whole.ctm")
    loaded: Any = ours.Snapshot.load(tmp_path / "whole.ctm")
    assert loaded.host == "one, two"
    assert meaning(loaded) == meaning(merged)
    assert list(loaded.traces) == list(merged.traces)
    assert loaded.tree().root.size == a.tree().root.size + b.tree().root.size


def test_names_of_functions_stay() -> None:
    a = taken(2)
    twice = {s.traceback: 2 * s.size for s in a.statistics("function")}
    assert {s.traceback: s.size for s in merge(a, a).statistics("function")} == twice


def test_attributes() -> None:
    def common(*labels: Any) -> Any:
        return getattr(merge(*(snapshot_of([], label=label) for label in labels)), "label", "none")

    assert common("a", "a") == "a"
    assert common("b", "a") == "a, b"
    assert common("b", "a, c") == "a, b, c"
    assert common(1, 1) == 1
    assert common(1, 2) == "none"
    assert common(1, True) == "none"
    assert not hasattr(merge(snapshot_of([], label="a"), snapshot_of([])), "label")


def test_kinds() -> None:
    peak, churn = taken(1, "peak"), taken(1, "churn")
    assert merge(peak, peak).kind == "peak"
    total = sum(s.size for s in peak.statistics("lineno"))
    assert sum(s.size for s in merge(peak, peak).statistics("lineno")) == 2 * total
    with pytest.raises(ValueError, match="different kinds do not merge: churn, peak"):
        merge(peak, churn)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="needs at least one snapshot"):
        merge()
    with pytest.raises(TypeError, match="expected a Snapshot, not int"):
        merge(snapshot_of([]), 3)
    large = snapshot_of([(0, 2**63 - 1, (("a.py", 1),), 1)] * 2)
    with pytest.raises(OverflowError):
        merge(large, large)
    with pytest.raises(ValueError, match="at least one table"):
        SnapshotTable.merge([], {})
    with pytest.raises(TypeError, match="expected a SnapshotTable, not int"):
        SnapshotTable.merge([3], {})  # type: ignore[list-item]


@pytest.mark.parametrize("cls", [stdlib.Snapshot, type("Derived", (stdlib.Snapshot,), {})])
def test_a_snapshot_of_the_standard_library(cls: Any) -> None:
    theirs = cls([(0, 1, (("a.py", 1),), 1)], 7)
    merged = merge(snapshot_of([(0, 2, (("a.py", 1),), 1)]), theirs)
    assert [str(s) for s in merged.statistics("lineno")] == [
        "a.py:1: size=3 B, count=2, average=2 B"
    ]
    assert merged.traceback_limit == 7
