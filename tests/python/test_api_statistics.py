"""statistics(), compare_to() and filter_traces() against the standard library's."""

from __future__ import annotations

import fnmatch
import os
import random
from types import ModuleType
from typing import Any

import pytest
import random_cases
from api_support import (
    CASES,
    KEYS,
    filters,
    in_both,
    make_filters,
    many_cases,
    odd_filters,
    odd_traces,
    ours,
    patient,
    plain_traces,
    shown_statistic,
    shown_statistics,
    stdlib,
    surrogate_text,
)
from ctracemalloc._engine import SnapshotTable
from ctracemalloc._grouping import group
from ctracemalloc._snapshot import as_table
from hypothesis import given
from hypothesis import strategies as st

pytestmark = patient


def table_snapshot(traces: list[Any]) -> Any:
    """A snapshot that has its traces in the engine's form, as one that was taken has."""
    return ours.Snapshot(SnapshotTable(traces), 5)


def python_source(name: str) -> str:
    """The `.pyc` rule of the standard library, as its documentation tells it."""
    name = os.path.normcase(name)
    return name[:-1] if name.endswith(".pyc") else name


# Characters that patterns treat apart, next to all others.
pattern_text = st.text(
    st.sampled_from("[]!*?-^\\.\n\ud800ab") | st.characters(codec=None), max_size=8
)


def kept(snapshot: Any) -> list[Any]:
    return list(snapshot.traces._traces)


@many_cases
@given(plain_traces())
def test_statistics_are_equal(traces: list[Any]) -> None:
    for key, cumulative in KEYS:
        theirs = shown_statistics(stdlib.Snapshot(traces, 5).statistics, key, cumulative)
        for snapshot in (table_snapshot(traces), ours.Snapshot(traces, 5)):
            assert shown_statistics(snapshot.statistics, key, cumulative) == theirs


@many_cases
@given(plain_traces(), plain_traces())
def test_comparisons_are_equal(now: list[Any], old: list[Any]) -> None:
    # Something in common, which two random snapshots seldom have.
    old = old + now[::2]
    for key, cumulative in KEYS:
        now_there, old_there = stdlib.Snapshot(now, 5), stdlib.Snapshot(old, 5)
        theirs = shown_statistics(now_there.compare_to, old_there, key, cumulative)
        for own_now in (table_snapshot(now), ours.Snapshot(now, 5)):
            for own_old in (table_snapshot(old), ours.Snapshot(tuple(old), 5)):
                own = shown_statistics(own_now.compare_to, own_old, key, cumulative)
                assert own == theirs


@many_cases
@given(plain_traces(), st.lists(filters, max_size=4))
def test_filtered_traces_are_equal(traces: list[Any], specs: list[Any]) -> None:
    theirs = stdlib.Snapshot(traces, 5).filter_traces(make_filters(stdlib, specs))
    for snapshot in (table_snapshot(traces), ours.Snapshot(traces, 5)):
        own = snapshot.filter_traces(make_filters(ours, specs))
        assert kept(own) == kept(theirs)
        assert own.traceback_limit == 5
        assert kept(snapshot) == traces


@many_cases
@given(odd_traces, odd_traces, st.lists(odd_filters, max_size=3))
def test_odd_traces_are_treated_alike(traces: list[Any], old: list[Any], specs: list[Any]) -> None:
    def look(m: ModuleType) -> Any:
        now, before = m.Snapshot(traces, 5), m.Snapshot(old + traces[:2], 5)
        return [
            (
                shown_statistics(now.statistics, key, cumulative),
                shown_statistics(now.compare_to, before, key, cumulative),
            )
            for key, cumulative in KEYS
        ]

    in_both(look)
    in_both(lambda m: kept(m.Snapshot(traces, 5).filter_traces(make_filters(m, specs))))


@many_cases
@given(plain_traces(), st.lists(odd_filters, min_size=1, max_size=3))
def test_odd_filters_of_a_table(traces: list[Any], specs: list[Any]) -> None:
    theirs = stdlib.Snapshot(traces, 5).filter_traces(make_filters(stdlib, specs))
    own = table_snapshot(traces).filter_traces(make_filters(ours, specs))
    assert kept(own) == kept(theirs)


@many_cases
@given(plain_traces())
def test_grouping_in_python_and_in_the_engine_agree(traces: list[Any]) -> None:
    table = SnapshotTable(traces)
    for key, cumulative in KEYS:
        groups = group(table.rows(), key, cumulative).values()
        here = sorted(groups, key=ours.Statistic._sort_key, reverse=True)
        there = table.statistics(key, cumulative)
        assert list(map(shown_statistic, here)) == list(map(shown_statistic, there))


def test_random_cases_are_equal() -> None:
    """Other ones each time: a failure says how to repeat it with random_cases.py."""
    first = random.SystemRandom().randrange(2**32)
    print(f"first seed: {first}")
    random_cases.run(CASES * 10, first)


@many_cases
@given(surrogate_text, pattern_text, st.booleans())
def test_a_pattern_matches_what_fnmatch_says(name: str, pattern: str, inclusive: bool) -> None:
    for own_name in (name, pattern, f"{name}.pyc", f"{name}\n"):
        for own_pattern in (pattern, f"{pattern}.pyc", f"[!{pattern}]*", f"*{name}"):
            matches = fnmatch.fnmatch(python_source(own_name), python_source(own_pattern))
            traces = [(0, 1, ((own_name, 1),), 1)]
            filtered = table_snapshot(traces).filter_traces([ours.Filter(inclusive, own_pattern)])
            assert bool(filtered.traces) == (matches == inclusive)


@many_cases
@given(surrogate_text, surrogate_text, st.booleans())
def test_patterns_match_alike(name: str, other: str, inclusive: bool) -> None:
    traces = [(0, 1, ((name, 1),), 1), (0, 2, ((other, 1), (name, 2)), 2)]
    for pattern in (name, other, f"*{name}", f"[{other}]*", f"{name[:1]}?*", f"[!{name}]{other}"):
        theirs = stdlib.Snapshot(traces, 5).filter_traces([stdlib.Filter(inclusive, pattern)])
        own = table_snapshot(traces).filter_traces([ours.Filter(inclusive, pattern)])
        assert kept(own) == kept(theirs)


@pytest.mark.parametrize("count", [1, 20])
def test_what_a_filter_of_the_user_sees(count: int) -> None:
    traces = [(0, size, (("a.py", line),), None) for size in (1, 2) for line in (3, 4)]
    seen: list[Any] = []

    class Odd(ours.BaseFilter):
        def _match(self, trace: Any) -> bool:
            seen.append(trace)
            return bool(trace[1] == 1) == self.inclusive

    for inclusive in (True, False):
        seen.clear()
        snapshot = table_snapshot([trace for trace in traces for _ in range(count)])
        filtered = snapshot.filter_traces([Odd(inclusive), ours.Filter(False, "nothing")])
        # Once for each row of equal traces.
        assert seen == traces
        keeps = [trace for trace in traces if (trace[1] == 1) == inclusive for _ in range(count)]
        assert kept(filtered) == keeps


def test_an_instance_with_a_match_of_its_own() -> None:
    def filtered(module: ModuleType) -> Any:
        own = module.Filter(True, "nothing")
        own._match = lambda trace: trace[1] > 3
        domain = module.DomainFilter(True, 7)
        domain._match = lambda trace: trace[1] < 6
        traces = [(0, size, (("a.py", 1),), None) for size in range(8)]
        return kept(module.Snapshot(traces, 1).filter_traces([own, domain]))

    assert len(in_both(filtered)) == 8


def test_attributes_of_filters_may_change() -> None:
    traces = [(d, 1, ((f, line),), 1) for d in (0, 1) for f in ("a", "b") for line in (1, 2)]

    def filtered(module: ModuleType) -> Any:
        own = module.Filter(True, "a")
        own.lineno, own.domain, own.inclusive, own.all_frames = 2, 1, False, True
        domain = module.DomainFilter(False, 0)
        domain.inclusive = True
        return kept(module.Snapshot(traces, 1).filter_traces([own, domain]))

    assert in_both(filtered) == traces[:4]


def test_base_filter_does_not_match() -> None:
    def filtered(module: ModuleType) -> Any:
        snapshot = module.Snapshot([(0, 1, (("a", 1),), 1)], 1)
        return snapshot.filter_traces([module.BaseFilter(True)])

    assert in_both(filtered) == ("NotImplementedError", "")


@pytest.mark.parametrize("filters", [None, 3, object, lambda: None])
def test_filters_that_are_no_list(filters: Any) -> None:
    result = in_both(lambda m: m.Snapshot([], 1).filter_traces(filters))
    assert result[0] == "TypeError"
    assert "filters must be a list of filters, not " in result[1]


def test_filters_come_from_any_iterable() -> None:
    traces = [(0, 1, ((name, 1),), 1) for name in "abc"]
    for make in (tuple, set, iter, dict.fromkeys):
        in_both(
            lambda m, make: kept(m.Snapshot(traces, 1).filter_traces(make([m.Filter(True, "a")]))),
            make,
        )
    empty_generator = in_both(lambda m: kept(m.Snapshot(traces, 1).filter_traces(iter(()))))
    assert empty_generator == traces


def test_an_empty_list_of_filters_copies() -> None:
    traces = [(0, 1, (("a", 1),), 1)]
    by_hand = ours.Snapshot(traces, 1).filter_traces([])
    assert by_hand.traces._traces == traces
    assert by_hand.traces._traces is not traces
    table = table_snapshot(traces)
    assert table.filter_traces(()).traces == table.traces
    assert table.filter_traces(()).traces._traces is not table.traces._traces
    in_both(lambda m: m.Snapshot(tuple(traces), 1).filter_traces([]))


@pytest.mark.parametrize("key", ["x", "Lineno", "", None, 3, b"lineno"])
@pytest.mark.parametrize("cumulative", [False, True])
def test_unknown_keys(key: Any, cumulative: bool) -> None:
    assert in_both(lambda m: m.Snapshot([], 1).statistics(key, cumulative))[0] == "ValueError"
    empty = in_both(lambda m: m.Snapshot([], 1).compare_to(m.Snapshot([], 1), key, cumulative))
    assert empty == ("ValueError", f"unknown key_type: {key!r}")


def test_cumulative_by_traceback() -> None:
    result = in_both(lambda m: m.Snapshot([], 1).statistics("traceback", True))
    assert result == ("ValueError", "cumulative mode cannot by used with key type 'traceback'")


def test_comparing_with_something_else() -> None:
    result = in_both(lambda m: m.Snapshot([], 1).compare_to(3, "lineno"))
    assert result == ("AttributeError", "'int' object has no attribute '_group_by'")


@pytest.mark.parametrize("cls", [stdlib.Snapshot, type("Derived", (stdlib.Snapshot,), {})])
def test_comparing_with_a_snapshot_of_the_standard_library(cls: Any) -> None:
    old = [(0, 3, (("a.py", 1),), 1), (0, 4, (("b.py", 1),), 1)]
    now = [(0, 5, (("a.py", 1),), 1)]
    theirs = stdlib.Snapshot(now, 1).compare_to(stdlib.Snapshot(old, 1), "lineno")
    own = table_snapshot(now).compare_to(cls(old, 1), "lineno")
    assert list(map(shown_statistic, own)) == list(map(shown_statistic, theirs))


def test_a_recursive_frame_counts_for_each_occurrence() -> None:
    traces = [(0, 10, (("a.py", 1), ("a.py", 1), ("a.py", 2)), 3)]
    shown = in_both(
        lambda m: [str(s) for s in m.Snapshot(traces, 3).statistics("filename", cumulative=True)]
    )
    assert shown == ["a.py:0: size=30 B, count=3, average=10 B"]


def test_sums_of_more_than_64_bits() -> None:
    traces = [(0, 2**63 - 1, (("a.py", 1),) * 4, 4)] * 3
    for key, cumulative in KEYS:
        in_both(
            lambda m, *by: [(s.size, str(s)) for s in m.Snapshot(traces, 4).statistics(*by)],
            key,
            cumulative,
        )
    # Each sum fits, their difference does not.
    in_both(
        lambda m: [
            str(s) for s in m.Snapshot(traces[:2], 4).compare_to(m.Snapshot([], 4), "lineno")
        ]
    )


def test_traces_without_frames() -> None:
    traces = [(0, 3, (), 0), (0, 4, (("a.py", 1),), 1), (1, 5, (), None)]
    for key, cumulative in KEYS:
        theirs = shown_statistics(stdlib.Snapshot(traces, 1).statistics, key, cumulative)
        own = shown_statistics(table_snapshot(traces).statistics, key, cumulative)
        assert own == theirs
    for spec in (
        ("Filter", (True, "*")),
        ("Filter", (False, "*", None, True)),
        ("DomainFilter", (True, 1)),
    ):
        in_both(
            lambda m, spec: kept(m.Snapshot(traces, 1).filter_traces(make_filters(m, [spec]))),
            spec,
        )


def test_a_snapshot_by_hand_follows_its_list() -> None:
    def look(module: ModuleType) -> Any:
        traces = [(0, 3, (("a.py", 1),), 1)]
        snapshot = module.Snapshot(traces, 1)
        first = str(snapshot.statistics("lineno"))
        traces.append((0, 4, (("a.py", 1),), 1))
        return first, str(snapshot.statistics("lineno")), len(snapshot.traces)

    assert in_both(look)[2] == 2


def test_traces_from_an_iterable_that_ends() -> None:
    trace = (0, 3, (("a.py", 1),), 1)

    def look(module: ModuleType) -> Any:
        snapshot = module.Snapshot(iter([trace]), 1)
        return str(snapshot.statistics("lineno")), str(snapshot.statistics("lineno"))

    assert in_both(look)[1] == "[]"


def test_many_groups_in_order() -> None:
    rng = random.Random(1)
    traces = [
        (
            0,
            rng.randrange(4),
            tuple((f"{rng.randrange(20)}.py", rng.randrange(3)) for _ in "abc"),
            3,
        )
        for _ in range(3000)
    ]
    for key, cumulative in KEYS:
        theirs = stdlib.Snapshot(traces, 3).statistics(key, cumulative)
        own = table_snapshot(traces).statistics(key, cumulative)
        assert [repr(s) for s in own] == [repr(s) for s in theirs]


def test_what_cannot_be_represented_is_named() -> None:
    good = (0, 3, (("a.py", 1),), 1)
    bad: list[tuple[Any, str]] = [
        (3, "expected a tuple"),
        ((0, 3, (("a.py", 1),)), "expected a tuple"),
        ((-1, 3, (("a.py", 1),), 1), "a domain must"),
        ((True, 3, (("a.py", 1),), 1), "a domain must"),
        ((0, 2**63, (("a.py", 1),), 1), "a size must"),
        ((0, 2**70, (("a.py", 1),), 1), "a size must"),
        ((0, 3, [("a.py", 1)], 1), "frames must"),
        ((0, 3, (["a.py", 1],), 1), "a frame must"),
        ((0, 3, ((b"a.py", 1),), 1), "a file name must"),
        ((0, 3, (("a.py", -1),), 1), "a line must"),
        ((0, 3, (("a.py", 1),), 2**32 - 1), "total_nframe must"),
    ]
    for trace, text in bad:
        with pytest.raises(ValueError, match=f"^trace 1: {text}"):
            SnapshotTable([good, trace])
        assert as_table([good, trace]) is None
    with pytest.raises(TypeError):
        SnapshotTable(3)  # type: ignore[arg-type]
