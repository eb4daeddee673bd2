"""The classes of traces and statistics, and the filters, beside the standard library's."""

from __future__ import annotations

import copy
import gc
import linecache
import operator
import pickle
import sys
import weakref
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import pytest
from api_support import KEYS, frames, in_both, many_cases, ours, outcome, patient, stdlib
from hypothesis import given
from hypothesis import strategies as st

pytestmark = patient

CLASSES = [
    "Frame",
    "Traceback",
    "Trace",
    "Statistic",
    "StatisticDiff",
    "Snapshot",
    "BaseFilter",
    "Filter",
    "DomainFilter",
    "_Traces",
]
TRACES: list[Any] = [
    (0, 10, (("a.py", 2), ("b.py", 4)), 3),
    (0, 10, (("a.py", 2), ("b.py", 4)), 3),
    (1, 2, (("c.py", 5), ("b.py", 4)), 3),
]
OPERATORS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]


def make_objects(m: ModuleType) -> dict[str, Any]:
    snapshot = m.Snapshot(TRACES, 2)
    traceback = m.Traceback((("a.py", 2), ("b.py", 4)), 7)
    return {
        "frame": m.Frame(("a.py", 2)),
        "traceback": traceback,
        "short traceback": m.Traceback((("a.py", 2),)),
        "empty traceback": m.Traceback(()),
        "trace": snapshot.traces[2],
        "statistic": snapshot.statistics("lineno")[0],
        "statistic by traceback": snapshot.statistics("traceback")[1],
        "statistic by hand": m.Statistic(traceback, 3.5, 0),
        "diff": snapshot.compare_to(m.Snapshot(TRACES[1:], 2), "filename")[0],
        "diff by hand": m.StatisticDiff(traceback, 2**70, -(2**70), 5, 2**40),
    }


OBJECTS = sorted(make_objects(stdlib))


def attributes(thing: Any) -> dict[str, Any]:
    """The values of a thing, by the names of its slots."""
    return {name: getattr(thing, name) for name in thing.__slots__}


@pytest.mark.parametrize("name", OBJECTS)
def test_texts(name: str) -> None:
    in_both(lambda m: repr(make_objects(m)[name]))
    in_both(lambda m: str(make_objects(m)[name]))


@pytest.mark.parametrize("name", OBJECTS)
def test_hashes(name: str) -> None:
    in_both(lambda m: hash(make_objects(m)[name]))


@pytest.mark.parametrize("name", CLASSES)
def test_names_of_classes(name: str) -> None:
    theirs, own = getattr(stdlib, name), getattr(ours, name)
    # The line where a class begins goes by when it gets the module's name as its home; pickle
    # leaves names behind.
    assert set(dir(theirs)) - set(dir(own)) <= {"__firstlineno__", "__slotnames__"}
    assert own.__name__ == theirs.__name__
    assert own.__module__ == "ctracemalloc"
    assert getattr(own, "__slots__", None) == getattr(theirs, "__slots__", None)
    assert issubclass(own, Sequence) == issubclass(theirs, Sequence)
    assert own.__doc__


@pytest.mark.parametrize("name", OBJECTS)
def test_unknown_attributes_are_refused(name: str) -> None:
    def set_one(module: ModuleType) -> None:
        make_objects(module)[name].nothing = 3

    assert in_both(set_one)[0] == "AttributeError"
    assert in_both(lambda m: make_objects(m)[name].nothing)[0] == "AttributeError"
    assert in_both(lambda m: weakref.ref(make_objects(m)[name]))[0] == "TypeError"
    assert in_both(lambda m: vars(make_objects(m)[name]))[0] == "TypeError"


@pytest.mark.parametrize("name", OBJECTS)
def test_slots_are_set_and_deleted(name: str) -> None:
    for slot in make_objects(stdlib)[name].__slots__:

        def change(module: ModuleType, slot: str = slot) -> Any:
            thing = make_objects(module)[name]
            setattr(thing, slot, 5)
            delattr(thing, slot)
            gone = [
                outcome(lambda: getattr(thing, slot))[0],
                outcome(lambda: delattr(thing, slot))[0],
            ]
            setattr(thing, slot, "new")
            return gone, getattr(thing, slot)

        assert in_both(change) == (["AttributeError", "AttributeError"], "new")


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("frame", "filename"),
        ("frame", "lineno"),
        ("traceback", "total_nframe"),
        ("trace", "size"),
        ("trace", "domain"),
        ("trace", "traceback"),
    ],
)
def test_properties_are_read_only(name: str, attribute: str) -> None:
    # The texts differ from version to version as they do for the standard library's.
    result = in_both(lambda m: setattr(make_objects(m)[name], attribute, 5))
    assert result[0] == "AttributeError"


@many_cases
@given(
    st.lists(frames, max_size=3).map(tuple),
    st.lists(frames, max_size=3).map(tuple),
    st.none() | st.integers(0, 3),
)
def test_comparisons(a: Any, b: Any, total: int | None) -> None:
    for compare in OPERATORS:
        in_both(lambda m, f: f(m.Traceback(a, total), m.Traceback(b)), compare)
        in_both(lambda m, f: f(m.Traceback(a, total), m.Traceback(a)), compare)
        if a and b:
            in_both(lambda m, f: f(m.Frame(a[0]), m.Frame(b[0])), compare)
            in_both(lambda m, f: f(m.Frame(a[0]), m.Frame(a[0])), compare)


@pytest.mark.parametrize("compare", OPERATORS)
@pytest.mark.parametrize("name", OBJECTS)
def test_comparisons_with_others(name: str, compare: Any) -> None:
    in_both(lambda m: compare(make_objects(m)[name], make_objects(m)[name]))
    in_both(lambda m: outcome(lambda: compare(make_objects(m)[name], 3)))
    in_both(lambda m: outcome(lambda: compare(None, make_objects(m)[name])))
    for other in OBJECTS:
        in_both(lambda m, other: compare(make_objects(m)[name], make_objects(m)[other]), other)


def test_comparisons_that_cannot_be() -> None:
    for compare in OPERATORS:
        in_both(lambda m, f: f(m.Frame(("a", 1)), m.Frame(("a", None))), compare)
        in_both(lambda m, f: f(m.Frame(("a", float("nan"))), m.Frame(("a", float("nan")))), compare)


def test_traceback_is_a_sequence() -> None:
    rows = (("a.py", 2), ("b.py", 4), ("c.py", 6))

    def look(m: ModuleType) -> Any:
        traceback = m.Traceback(rows, 9)
        return (
            len(traceback),
            [repr(frame) for frame in traceback],
            [repr(frame) for frame in reversed(traceback)],
            repr(traceback[0]),
            repr(traceback[-1]),
            repr(traceback[1:]),
            outcome(lambda: traceback[3]),
            outcome(lambda: traceback["x"]),
            m.Frame(("b.py", 4)) in traceback,
            m.Frame(("b.py", 5)) in traceback,
            outcome(lambda: 3 in traceback),
            traceback.index(m.Frame(("b.py", 4))),
            traceback.count(m.Frame(("b.py", 4))),
            traceback._frames,
            traceback._total_nframe,
            traceback.total_nframe,
        )

    in_both(look)
    in_both(lambda m: m.Traceback(list(rows))._frames)
    in_both(lambda m: m.Traceback(3))
    in_both(lambda m: m.Traceback(iter(rows)))
    in_both(lambda m: m.Traceback(rows, total_nframe="many").total_nframe)


@pytest.mark.parametrize("limit", [None, 0, 1, 2, 3, 9, -1, -2, -3, -9, True, 1.5, "x"])
@pytest.mark.parametrize("most_recent_first", [False, True, 0, "yes"])
def test_format(limit: Any, most_recent_first: Any, tmp_path: Any) -> None:
    source = tmp_path / "source.py"
    source.write_text("first\n    second()  \n\nfourth\n")
    rows = [(str(source), line) for line in (1, 2, 3, 4)] + [("/nowhere.py", 1), ("<unknown>", 0)]
    linecache.clearcache()
    in_both(lambda m: m.Traceback(rows).format(limit, most_recent_first))
    in_both(lambda m: m.Traceback(rows).format(limit=limit, most_recent_first=most_recent_first))


def test_format_asks_linecache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours.linecache, "getline", lambda name, line: f"  <{name}, {line}>\n")
    assert ours.Traceback((("a.py", 2),)).format() == ['  File "a.py", line 2', "    <a.py, 2>"]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", OBJECTS)
def test_pickles(name: str, protocol: int) -> None:
    thing = make_objects(ours)[name]
    again = pickle.loads(pickle.dumps(thing, protocol))
    assert type(again) is type(thing)
    assert again == thing
    assert attributes(again) == attributes(thing)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", [*OBJECTS, "snapshot", "filter", "domain filter"])
def test_pickles_of_the_standard_library_while_in_its_place(
    name: str, protocol: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(m: ModuleType) -> Any:
        others = {
            "snapshot": m.Snapshot(TRACES, 2),
            "filter": m.Filter(False, "*.pyc", 3),
            "domain filter": m.DomainFilter(True, 5),
        }
        return others[name] if name in others else make_objects(m)[name]

    theirs = pickle.dumps(make(stdlib), protocol)
    monkeypatch.setitem(sys.modules, "tracemalloc", ours)
    own = pickle.loads(theirs)
    assert type(own) is type(make(ours))
    if name == "snapshot":
        assert own.traces == make(ours).traces
        assert repr(own.statistics("lineno")) == repr(make(stdlib).statistics("lineno"))
    elif "filter" in name:
        assert vars(own) == vars(make(ours))
    else:
        assert own == make(ours)
        assert repr(own) == repr(make(stdlib))


@pytest.mark.parametrize("name", OBJECTS)
def test_copies(name: str) -> None:
    thing = make_objects(ours)[name]
    for again in (copy.copy(thing), copy.deepcopy(thing)):
        assert type(again) is type(thing)
        assert again is not thing
        assert again == thing
        assert repr(again) == repr(thing)


@pytest.mark.parametrize("name", ["Frame", "Traceback", "Trace", "Statistic", "StatisticDiff"])
def test_instances_without_values(name: str) -> None:
    for slot in getattr(stdlib, name).__slots__:

        def look(m: ModuleType, slot: str = slot) -> Any:
            cls = getattr(m, name)
            return outcome(lambda: getattr(cls.__new__(cls), slot))[0]

        assert in_both(look) == "AttributeError"
    in_both(lambda m: outcome(getattr(m, name))[0])
    again = copy.copy(getattr(ours, name).__new__(getattr(ours, name)))
    assert type(again) is getattr(ours, name)


def test_subclasses() -> None:
    def look(m: ModuleType) -> Any:
        class Named(m.Statistic):  # type: ignore[misc, name-defined]
            def __init__(self, name: str) -> None:
                super().__init__(m.Traceback((("a", 1),)), 1, 2)
                self.name = name

        thing = Named("x")
        thing.size += 4
        return str(thing), vars(thing), thing == m.Statistic(m.Traceback((("a", 1),)), 5, 2)

    assert in_both(look)[1] == {"name": "x"}


def test_the_traceback_of_a_statistic_is_one_object() -> None:
    snapshot = ours.Snapshot(TRACES, 2)
    for key, cumulative in KEYS:
        for statistic in snapshot.statistics(key, cumulative):
            assert statistic.traceback is statistic.traceback
            assert type(statistic.traceback) is ours.Traceback


def test_a_statistic_outlives_its_snapshot() -> None:
    statistics = ours.Snapshot(TRACES, 2).statistics("traceback")
    gc.collect()
    assert [str(s) for s in statistics] == [
        str(s) for s in stdlib.Snapshot(TRACES, 2).statistics("traceback")
    ]


def test_statistics_in_circles_are_collected() -> None:
    class Guard:
        pass

    makers: list[Callable[[], Any]] = [
        lambda: ours.Snapshot(TRACES, 2).statistics("lineno")[0],
        lambda: ours.Snapshot(TRACES, 2).statistics("traceback")[0],
        lambda: ours.Statistic(None, 1, 1),  # type: ignore[arg-type]
    ]
    for make in makers:
        statistic = make()
        guard = Guard()
        alive = weakref.ref(guard)
        statistic.traceback = [statistic, guard]
        del statistic, guard
        gc.collect()
        assert alive() is None


@pytest.mark.parametrize("sign", [False, True])
def test_sizes(sign: bool) -> None:
    numbers: list[float] = [0, 1, 99, 100, 1023, 1024, 10239, 10240, 10241, 102399, 2**20]
    numbers += [10 * 2**20 - 1, 10 * 2**20, 2**40, 10 * 2**40, 2**50, 2**70]
    numbers += [1.5, 99.95, 1e300, 102348.8]
    for number in [*numbers, *(-number for number in numbers), float("nan"), float("inf")]:
        in_both(lambda m, number: m._format_size(number, sign), number)
    in_both(lambda m: m._format_size(10**400, sign))
    in_both(lambda m: m._format_size("x", sign))


def test_filters_show_their_attributes() -> None:
    in_both(lambda m: vars(m.Filter(True, "a.pyc")))
    in_both(lambda m: vars(m.Filter(False, "a", 1, True, 3)))
    in_both(
        lambda m: vars(
            m.Filter(inclusive=1, filename_pattern="a", lineno=2, all_frames=0, domain=4)
        )
    )
    in_both(lambda m: vars(m.DomainFilter(inclusive=True, domain=3)))
    in_both(lambda m: vars(m.BaseFilter("x")))
    in_both(lambda m: (m.Filter(True, "x.pyc").filename_pattern, m.DomainFilter(True, 3).domain))
    for arguments in [(), (True,), (True, 3), (True, b"a"), (True, None), (True, "a", 1, 2, 3, 4)]:
        in_both(lambda m, arguments: vars(m.Filter(*arguments)), arguments)
    in_both(lambda m: setattr(m.Filter(True, "a"), "filename_pattern", "b"))
    in_both(lambda m: setattr(m.DomainFilter(True, 1), "domain", 2))


def test_filters_match_by_themselves() -> None:
    t1, t2 = (("a.py", 2), ("b.pyc", 3)), (("b.py", 4), ("b.py", 5))
    for inclusive in (True, False):
        for all_frames in (True, False):
            for lineno in (None, 0, 3, 4):
                for domain in (None, 0, 1):

                    def look(
                        m: ModuleType, a: Any = (inclusive, "b.py", lineno, all_frames, domain)
                    ) -> Any:
                        f = m.Filter(*a)
                        return (
                            [f._match_frame(*frame) for frame in t1 + t2],
                            [f._match_frame_impl(*frame) for frame in t1 + t2],
                            [f._match_traceback(t) for t in (t1, t2)],
                            [f._match((d, 1, t, None)) for t in (t1, t2) for d in (0, 1)],
                            m.DomainFilter(a[0], 1)._match((1, 1, t1, None)),
                        )

                    in_both(look)
