"""The sentences of the reference about `Filter`, `DomainFilter` and `Snapshot.filter_traces`."""

from __future__ import annotations

import re
import subprocess
from types import ModuleType
from typing import Any

import pytest

RawTrace = tuple[int, int, tuple[tuple[str, int], ...], int]

# Newest frame first, as the tracers give them.
TRACES: list[RawTrace] = [
    (0, 10, (("/app/views.py", 2), ("/app/main.py", 4)), 2),
    (0, 10, (("/app/views.py", 2), ("/app/main.py", 4)), 2),
    (0, 20, (("/app/models.pyc", 5), ("/app/main.py", 4)), 2),
    (1, 30, (("/lib/deep/core.py", 9), ("/app/views.py", 2)), 2),
    (2, 40, (("/app/main.py", 4),), 1),
    (3, 50, (("<unknown>", 0),), 1),
]
ALL = [10, 10, 20, 30, 40, 50]


@pytest.fixture
def snapshot(tracer: ModuleType) -> Any:
    return tracer.Snapshot(list(TRACES), 2)


def sizes(snapshot: Any) -> list[int]:
    return [trace.size for trace in snapshot.traces]


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        ((True, "/app/views.py"), [10, 10]),
        ((False, "/app/views.py"), [20, 30, 40, 50]),
        # fnmatch's patterns, over the whole name
        ((True, "/app/*"), [10, 10, 20, 40]),
        ((True, "*core*"), [30]),
        ((True, "/app/????.py"), [40]),
        ((True, "/app/[mv]*.py"), [*ALL[:3], 40]),
        ((True, "/app/[!m]*.py"), [10, 10]),
        ((True, "views.py"), []),
        ((True, "/APP/VIEWS.PY"), []),
        ((True, "/app/views.p"), []),
        # .pyc is .py in patterns and names, .pyo is not
        ((True, "/app/models.py"), [20]),
        ((True, "/app/models.pyc"), [20]),
        ((True, "/app/views.pyc"), [10, 10]),
        ((True, "/app/views.pyo"), []),
        # any line, or one
        ((True, "/app/views.py", None), [10, 10]),
        ((True, "/app/views.py", 2), [10, 10]),
        ((True, "/app/views.py", 3), []),
        ((False, "/app/views.py", 2), [20, 30, 40, 50]),
        ((False, "/app/views.py", 3), ALL),
        # the newest frame, or all
        ((True, "/app/main.py", None, False), [40]),
        ((True, "/app/main.py", None, True), [10, 10, 20, 40]),
        ((True, "/app/main.py", 4, True), [10, 10, 20, 40]),
        ((True, "/app/main.py", 2, True), []),
        ((False, "/app/main.py", None, True), [30, 50]),
        ((False, "/app/main.py", 5, True), ALL),
        # a domain besides
        ((True, "*.py", None, False, 0), ALL[:3]),
        ((True, "*.py", None, False, 7), []),
        ((False, "*.py", None, False, 0), [30, 40, 50]),
        ((False, "*.py", None, False, 7), ALL),
        ((False, "/app/views.py", None, True, 1), [10, 10, 20, 40, 50]),
        # tracebacks that say nothing
        ((False, "<unknown>"), ALL[:-1]),
        ((True, "<unknown>"), [50]),
    ],
)
def test_filter(tracer: ModuleType, snapshot: Any, arguments: Any, kept: list[int]) -> None:
    filtered = snapshot.filter_traces([tracer.Filter(*arguments)])
    assert sizes(filtered) == kept
    assert sizes(snapshot) == ALL


@pytest.mark.parametrize(
    ("inclusive", "domain", "kept"),
    [
        (True, 0, ALL[:3]),
        (False, 0, [30, 40, 50]),
        (True, 3, [50]),
        (True, 9, []),
        (False, 9, ALL),
    ],
)
def test_domain_filter(
    tracer: ModuleType, snapshot: Any, inclusive: bool, domain: int, kept: list[int]
) -> None:
    assert sizes(snapshot.filter_traces([tracer.DomainFilter(inclusive, domain)])) == kept


def test_all_inclusive_filters_at_once(tracer: ModuleType, snapshot: Any) -> None:
    filters = [tracer.Filter(True, "/app/views.py"), tracer.DomainFilter(True, 3)]
    assert sizes(snapshot.filter_traces(filters)) == [10, 10, 50]


def test_any_exclusive_filter_is_enough(tracer: ModuleType, snapshot: Any) -> None:
    filters = [tracer.Filter(False, "/app/views.py"), tracer.DomainFilter(False, 3)]
    assert sizes(snapshot.filter_traces(filters)) == [20, 30, 40]


def test_inclusive_and_exclusive_filters(tracer: ModuleType, snapshot: Any) -> None:
    filters = [
        tracer.Filter(True, "/app/*"),
        tracer.Filter(False, "/app/views.py"),
        tracer.DomainFilter(False, 2),
    ]
    assert sizes(snapshot.filter_traces(filters)) == [20]
    assert sizes(snapshot.filter_traces(reversed(filters))) == [20]


@pytest.mark.parametrize("filters", [[], ()])
def test_no_filter_gives_a_new_snapshot_with_the_same_traces(snapshot: Any, filters: Any) -> None:
    copy = snapshot.filter_traces(filters)
    assert copy is not snapshot
    assert copy.traces == snapshot.traces
    assert copy.traceback_limit == snapshot.traceback_limit


def test_filtered_snapshot_is_new_and_of_the_same_class(tracer: ModuleType, snapshot: Any) -> None:
    filtered = snapshot.filter_traces([tracer.Filter(True, "*")])
    assert type(filtered) is tracer.Snapshot
    assert filtered is not snapshot
    assert filtered.traceback_limit == 2


@pytest.mark.parametrize("filters", [None, 1, 1.5])
def test_filters_must_be_iterable(snapshot: Any, filters: object) -> None:
    message = f"filters must be a list of filters, not {type(filters).__name__}"
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        snapshot.filter_traces(filters)


def test_single_filter_is_no_list(tracer: ModuleType, snapshot: Any) -> None:
    with pytest.raises(TypeError, match=r"^filters must be a list of filters, not Filter$"):
        snapshot.filter_traces(tracer.Filter(True, "*"))


def test_examples_of_the_reference(tracer: ModuleType) -> None:
    traces: list[RawTrace] = [
        (0, 1, ((subprocess.__file__, 1),), 1),
        (0, 2, ((str(tracer.__file__), 1),), 1),
        (0, 3, (("<unknown>", 0),), 1),
    ]
    snapshot = tracer.Snapshot(traces, 1)
    keep = tracer.Filter(True, subprocess.__file__)
    assert sizes(snapshot.filter_traces([keep])) == [1]
    leave_out = tracer.Filter(False, tracer.__file__)
    assert sizes(snapshot.filter_traces([leave_out])) == [1, 3]
    leave_out_empty = tracer.Filter(False, "<unknown>")
    assert sizes(snapshot.filter_traces([leave_out_empty])) == [1, 2]


def test_all_frames_have_no_effect_on_tracebacks_of_one(tracer: ModuleType) -> None:
    tracer.start(1)
    kept = [bytes(n) for n in range(1000, 1100)]
    snapshot = tracer.take_snapshot()
    tracer.stop()
    newest = snapshot.filter_traces([tracer.Filter(True, __file__)])
    every = snapshot.filter_traces([tracer.Filter(True, __file__, all_frames=True)])
    assert len(newest.traces) >= len(kept)
    assert newest.traces == every.traces


def test_attributes_of_a_filter(tracer: ModuleType) -> None:
    plain = tracer.Filter(True, "/a/b.py")
    assert (plain.inclusive, plain.filename_pattern, plain.lineno) == (True, "/a/b.py", None)
    assert (plain.all_frames, plain.domain) == (False, None)
    full = tracer.Filter(
        inclusive=False, filename_pattern="/a/b.pyc", lineno=7, all_frames=True, domain=5
    )
    assert (full.inclusive, full.filename_pattern, full.lineno) == (False, "/a/b.py", 7)
    assert (full.all_frames, full.domain) == (True, 5)
    assert isinstance(full, tracer.BaseFilter)


def test_pattern_is_read_only_and_all_else_is_not(tracer: ModuleType, snapshot: Any) -> None:
    each = tracer.Filter(True, "/app/views.py")
    with pytest.raises(AttributeError):
        each.filename_pattern = "/other"
    each.inclusive = False
    each.lineno = 3
    assert sizes(snapshot.filter_traces([each])) == ALL
    each.lineno = None
    each.all_frames = True
    assert sizes(snapshot.filter_traces([each])) == [20, 40, 50]
    each.domain = 1
    assert sizes(snapshot.filter_traces([each])) == [10, 10, 20, 40, 50]
    each.note = "filters take new attributes"
    assert each.note


def test_domain_of_a_domain_filter_is_read_only(tracer: ModuleType, snapshot: Any) -> None:
    each = tracer.DomainFilter(True, 3)
    assert (each.inclusive, each.domain) == (True, 3)
    assert isinstance(each, tracer.BaseFilter)
    with pytest.raises(AttributeError):
        each.domain = 4
    each.inclusive = False
    assert sizes(snapshot.filter_traces([each])) == ALL[:-1]


def test_subclasses_of_filters_decide_themselves(tracer: ModuleType, snapshot: Any) -> None:
    base: Any = tracer.BaseFilter

    class Large(base):  # type: ignore[misc]
        def _match(self, trace: RawTrace) -> bool:
            return (trace[1] >= 30) ^ (not self.inclusive)

    assert sizes(snapshot.filter_traces([Large(True)])) == [30, 40, 50]
    assert sizes(snapshot.filter_traces([Large(False)])) == [10, 10, 20]
    with_another = [Large(False), tracer.Filter(True, "/app/views.py")]
    assert sizes(snapshot.filter_traces(with_another)) == [10, 10]
    with pytest.raises(NotImplementedError):
        snapshot.filter_traces([base(True)])
