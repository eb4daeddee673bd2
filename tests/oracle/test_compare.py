"""The comparison must find each kind of difference and refuse what no rule allows."""

from __future__ import annotations

import sys
from collections import Counter

import analyses
import pytest
from compare import CLASSES, Comparison, compare, free_list_sizes, judge
from reading import RawTrace

HERE = (("here.py", 1), ("main.py", 9))
THERE = (("there.py", 2), ("main.py", 9))
FLOAT_SIZE = float.__basicsize__
OTHER_SIZE = 12_345


def trace(size: int = OTHER_SIZE, frames: tuple[tuple[str, int], ...] = HERE) -> RawTrace:
    return (0, size, frames, 2)


def compared(
    stdlib: list[RawTrace], ours: list[RawTrace], *, stdlib_alone: bool = False
) -> Comparison:
    return compare(Counter(stdlib), Counter(ours), Counter(stdlib), stdlib_alone=stdlib_alone)


def classes(**counts: int) -> dict[str, int]:
    return dict.fromkeys(CLASSES, 0) | counts


def test_equal_traces() -> None:
    comparison = compared([trace()] * 3, [trace()] * 3)
    assert comparison == Comparison(3, 0, classes())
    assert judge([comparison]) == []


@pytest.mark.parametrize(
    ("stdlib", "ours", "expected"),
    [
        ([trace()], [], classes(missing=1)),
        ([], [trace()], classes(extra=1)),
        ([trace()] * 3, [trace()], classes(missing=2)),
        ([trace()], [trace(frames=THERE)], classes(moved=1)),
        ([trace(100)], [trace(101)], classes(missing=1, extra=1)),
        ([(0, OTHER_SIZE, HERE, 2)], [(1, OTHER_SIZE, HERE, 2)], classes(missing=1, extra=1)),
        ([(0, OTHER_SIZE, HERE, 2)], [(0, OTHER_SIZE, HERE, 3)], classes(depth=1)),
        ([trace()] * 2, [trace(frames=THERE), (0, OTHER_SIZE, HERE, 3)], classes(moved=1, depth=1)),
        ([(5, FLOAT_SIZE, HERE, 2)], [(5, FLOAT_SIZE, THERE, 2)], classes(moved=1)),
    ],
)
@pytest.mark.parametrize("stdlib_alone", [False, True])
def test_classes(
    stdlib: list[RawTrace], ours: list[RawTrace], expected: dict[str, int], stdlib_alone: bool
) -> None:
    comparison = compared(stdlib, ours, stdlib_alone=stdlib_alone)
    assert comparison.classes == expected
    assert comparison.samples
    assert judge([comparison])


@pytest.mark.parametrize("there", [(0, FLOAT_SIZE, THERE, 2), (0, FLOAT_SIZE, HERE, 3)])
def test_reuse_is_allowed_where_stdlib_alone_follows(there: RawTrace) -> None:
    allowed = compared([trace(FLOAT_SIZE)], [there], stdlib_alone=True)
    assert allowed.classes == classes(reused=1)
    assert judge([allowed]) == []
    refused = compared([trace(FLOAT_SIZE)], [there])
    assert refused.classes["reused"] == 0
    assert judge([refused])
    assert judge([allowed, refused]) == judge([refused])


def test_reused_blocks_are_known_to_both() -> None:
    comparison = compared([trace(FLOAT_SIZE)] * 2, [trace(FLOAT_SIZE, THERE)], stdlib_alone=True)
    assert comparison.classes == classes(reused=1, missing=1)
    assert judge([comparison]) == ["1 blocks missing, where none may be"]


@pytest.mark.parametrize("name", CLASSES)
def test_no_share_is_small_enough(name: str) -> None:
    comparison = Comparison(10**9, 0, classes(**{name: 1}))
    assert judge([comparison]) == [f"1 blocks {name}, where none may be"]


def test_method_that_disturbs_is_refused() -> None:
    comparison = compare(Counter([trace()]), Counter([trace()]), Counter([trace(), trace(7)]))
    assert comparison.control == 1
    (problem,) = judge([comparison])
    assert "two readings of stdlib's own" in problem


def test_nothing_is_no_success() -> None:
    assert judge([]) == ["no trace was compared"]
    assert judge([compared([], [])]) == ["no trace was compared"]


def test_sizes_of_free_lists_are_those_of_real_blocks() -> None:
    samples: tuple[object, ...] = (1.5, [], {}, slice(1), (1,), tuple(range(20)))
    assert {sys.getsizeof(sample) for sample in samples} <= free_list_sizes()


def test_analyses_of_equal_traces_are_equal() -> None:
    counted = Counter({trace(): 30, trace(7): 5, trace(FLOAT_SIZE, THERE): 12})
    assert analyses.differences(counted, 25) == []


def test_an_analysis_that_differs_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counter({trace(): 30, trace(FLOAT_SIZE, THERE): 12})
    monkeypatch.setattr(analyses, "SnapshotTable", lambda traces: traces[1:])
    found = analyses.differences(counted, 25)
    assert any(problem.startswith("statistics('filename', True): at ") for problem in found)
    assert any(problem.startswith("compare_to('traceback', False): ") for problem in found)
    assert any(problem.startswith("filter_traces: patterns: ") for problem in found)
    comparison = compared([trace()], [trace()])
    comparison.analyses = found
    assert judge([comparison]) == found
