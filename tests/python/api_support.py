"""What the tests of the API share: the two modules side by side, and values to feed them with.

CTM_CASES says how many cases a property is tried with.
"""

from __future__ import annotations

import os
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import ctracemalloc
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

sys.path.insert(1, str(Path(__file__).parents[1] / "oracle"))

from analyses import KEYS as KEYS

ours = ctracemalloc
stdlib = tracemalloc
assert ours is not stdlib, "the comparison needs the standard library's own module"

CASES = int(os.environ.get("CTM_CASES", "50"))

many_cases = settings(
    max_examples=CASES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

# Many cases take long, and may.
patient = pytest.mark.timeout(300 + CASES)

# Few enough to collide, strange enough to matter.
FILENAMES = [
    "a.py",
    "b.py",
    "a.pyc",
    "c/a.py",
    "<unknown>",
    "",
    "\x00",
    "\ud800",
    "\U0001f40d",
    "é",
]

filenames = st.sampled_from(FILENAMES) | st.text(max_size=4)
surrogate_text = st.text(st.characters(codec=None), max_size=6)
lines = st.integers(0, 3) | st.sampled_from([2**31, 2**32 - 1])
frames = st.tuples(filenames, lines)
sizes = st.integers(0, 20) | st.integers(0, 2**40)
domains = st.integers(0, 2) | st.sampled_from([389047, 2**32 - 1])
totals = st.none() | st.integers(0, 5)

stacks = st.lists(frames, min_size=1, max_size=4).map(tuple)


@st.composite
def plain_traces(draw: st.DrawFn) -> list[Any]:
    """Draw a list of traces as the tracer makes them."""
    # Stacks recur, as they do in real snapshots.
    pool = draw(st.lists(stacks, min_size=1, max_size=5))
    trace = st.tuples(domains, sizes, st.sampled_from(pool), totals)
    traces = draw(st.lists(trace, max_size=12))
    # Equal traces, next to each other and apart.
    again = draw(st.lists(st.sampled_from(traces), max_size=6)) if traces else []
    return traces + again


# What nobody traces, but the standard library works with all the same.
odd_lines = lines | st.sampled_from([-1, 2**32, 2**70, True, 1.0, 1.5])
odd_frames = st.tuples(filenames | st.sampled_from([b"a.py", None, 3]), odd_lines) | frames
odd_sizes = sizes | st.sampled_from([-5, 2**63, 2**64, 2**200, 1.5, True, float("inf")])
odd_domains = domains | st.sampled_from([-1, 2**32, 1.0, None, "0", True])
odd_totals = totals | st.sampled_from([-1, 2**32, 2**70, 1.0, "x"])
odd_stacks = st.lists(odd_frames, max_size=3).map(tuple)
odd_trace_tuples = st.tuples(odd_domains, odd_sizes, odd_stacks, odd_totals)
odd_traces = st.lists(odd_trace_tuples | st.tuples(domains, sizes, odd_stacks, totals), max_size=8)

# A filter is the name of a class and its arguments.
patterns = (
    st.sampled_from(
        ["*", "a.py", "?.py", "*.pyc", "[ab].py", "[!a]*", "]", "<*>", "*\ud800*", "\n"]
    )
    | filenames
    | st.text("ab.*?[]!-\n", max_size=6)
)
filters = st.one_of(
    st.tuples(
        st.just("Filter"),
        st.tuples(
            st.booleans(),
            patterns,
            st.none() | lines | st.sampled_from([-1, 2**40]),
            st.booleans(),
            st.none() | domains | st.sampled_from([-1, 2**40]),
        ),
    ),
    st.tuples(st.just("DomainFilter"), st.tuples(st.booleans(), domains)),
)
odd_filters = filters | st.one_of(
    st.tuples(
        st.just("Filter"),
        st.tuples(
            st.sampled_from([0, 1, 2, "", "yes", None]),
            patterns,
            st.sampled_from([1.0, True, "1", 2**70]),
            st.sampled_from([0, 1, "yes"]),
            st.sampled_from([None, 1.0, True, "0"]),
        ),
    ),
    st.tuples(
        st.just("DomainFilter"),
        st.tuples(st.sampled_from([0, 2, ""]), st.sampled_from([None, 1.0, "0", True])),
    ),
)


def make_filters(module: ModuleType, specs: list[Any]) -> list[Any]:
    return [getattr(module, name)(*arguments) for name, arguments in specs]


def outcome(call: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a call returned, or the exception that it raised, in a form that compares."""
    try:
        return call(*arguments)
    except Exception as error:
        # The module's own name aside, the texts are the same.
        return type(error).__name__, str(error)


def shown_traceback(traceback: Any) -> Any:
    return (
        traceback._frames,
        traceback.total_nframe,
        repr(traceback),
        hash(traceback),
        outcome(str, traceback),
    )


def shown_statistic(statistic: Any) -> Any:
    """Everything that can be seen of a Statistic or a StatisticDiff."""
    names = ["size", "count"]
    if hasattr(statistic, "size_diff"):
        names += ["size_diff", "count_diff"]
    values = [getattr(statistic, name) for name in names]
    return (
        type(statistic).__name__,
        values,
        [type(value) for value in values],
        shown_traceback(statistic.traceback),
        repr(statistic),
        hash(statistic),
        outcome(str, statistic),
    )


def shown_statistics(call: Callable[..., list[Any]], *arguments: Any) -> Any:
    """What is seen of the statistics that a call returns, or its exception."""
    return outcome(lambda: list(map(shown_statistic, call(*arguments))))


def in_both(call: Callable[..., Any], *arguments: Any) -> Any:
    """Call with each module; return the outcome after checking that there is only one."""
    theirs = outcome(call, stdlib, *arguments)
    own = outcome(call, ours, *arguments)
    assert own == theirs
    return own
