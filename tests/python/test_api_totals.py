"""Snapshots of the peak and of the churn: bytes and blocks of each traceback, no single blocks."""

from __future__ import annotations

import copy
import inspect
import pickle
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import ctracemalloc
import pytest
from ctracemalloc import DomainFilter, Filter, Snapshot, Statistic

NOW, PEAK, CHURN, REUSE = "now", "peak", "churn", "reuse"
THIS = [Filter(True, __file__)]


@pytest.fixture(autouse=True)
def _tracing() -> Iterator[None]:
    ctracemalloc.stop()
    ctracemalloc.start(2)
    yield
    ctracemalloc.stop()


def line_here() -> int:
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


def at_line(snapshot: Snapshot, line: int) -> tuple[int, int]:
    """Return bytes and blocks of a line of this file."""
    found = [
        statistic
        for statistic in snapshot.filter_traces(THIS).statistics("lineno")
        if statistic.traceback[0].lineno == line
    ]
    return (found[0].size, found[0].count) if found else (0, 0)


def total(statistics: list[Statistic]) -> tuple[int, int]:
    return sum(s.size for s in statistics), sum(s.count for s in statistics)


def make_peak() -> tuple[Snapshot, int]:
    """Hold bytes, let them go; return a snapshot of the peak, and their line."""
    held, line = [bytes(1000 + i) for i in range(100)], line_here()
    del held
    return ctracemalloc.take_snapshot(at=PEAK), line


def test_the_peak_has_what_is_gone() -> None:
    peak, line = make_peak()
    size, count = at_line(peak, line)
    # The list that grows is of the same line.
    assert count >= 100
    assert size >= 100 * (1000 + sys.getsizeof(b"")) + 99 * 100 // 2
    assert at_line(ctracemalloc.take_snapshot(), line) == (0, 0)


def test_the_peak_adds_up_to_what_traced_memory_says() -> None:
    peak, _ = make_peak()
    assert total(peak.statistics("lineno"))[0] == ctracemalloc.get_traced_memory()[1]
    assert total(peak.statistics("traceback")) == total(peak.statistics("filename"))


def test_of_equal_peaks_the_first_counts() -> None:
    first, line = [bytearray(5_000_000)], line_here()
    ctracemalloc.reset_peak()
    del first[0]
    second, other_line = [bytearray(4_000_000)], line_here()
    peak = ctracemalloc.take_snapshot(at=PEAK)
    assert at_line(peak, line)[0] >= 5_000_000
    assert at_line(peak, other_line) == (0, 0)
    del first, second


def test_reset_peak_makes_now_the_peak() -> None:
    _, line = make_peak()
    ctracemalloc.reset_peak()
    # The free list may keep the list itself.
    assert at_line(ctracemalloc.take_snapshot(at=PEAK), line)[1] <= 1
    assert at_line(ctracemalloc.take_snapshot(at=CHURN), line)[1] >= 100


def churn(times: int) -> int:
    for _ in range(times):
        bytes(2000)
    return line_here() - 1


def test_churn_counts_what_is_not_live() -> None:
    line = churn(500)
    size, count = at_line(ctracemalloc.take_snapshot(at=CHURN), line)
    assert count == 500
    assert size == 500 * sys.getsizeof(bytes(2000))
    assert at_line(ctracemalloc.take_snapshot(), line)[1] <= 1


def test_a_realloc_counts_at_its_own_line() -> None:
    buffer = bytearray(1000)
    buffer.extend(bytes(9000))
    line = line_here() - 1
    size, count = at_line(ctracemalloc.take_snapshot(at=CHURN), line)
    assert count == 2
    assert size >= 10_000 + sys.getsizeof(bytes(9000))


@pytest.mark.skipif(sys.version_info < (3, 13), reason="reuse is followed from 3.13 on")
def test_reuse_is_shown_apart_and_in_the_churn() -> None:
    # Blocks from before the start, which have no trace, make way in the free list.
    spare = [number + 0.5 for number in range(1000)]
    del spare
    number = 1.5
    for _ in range(300):
        number = number + 1.0
    line = line_here() - 1
    size, count = at_line(ctracemalloc.take_snapshot(at=REUSE), line)
    assert 290 <= count <= 300
    assert size == count * sys.getsizeof(1.5)
    assert at_line(ctracemalloc.take_snapshot(at=CHURN), line)[1] >= 300


def test_reset_churn_forgets_the_totals_alone() -> None:
    _, peak_line = make_peak()
    line = churn(500)
    ctracemalloc.reset_churn()
    assert at_line(ctracemalloc.take_snapshot(at=CHURN), line) == (0, 0)
    assert at_line(ctracemalloc.take_snapshot(at=REUSE), line) == (0, 0)
    assert at_line(ctracemalloc.take_snapshot(at=PEAK), peak_line)[1] >= 100
    assert churn(7) == line
    assert at_line(ctracemalloc.take_snapshot(at=CHURN), line)[1] == 7


def test_clear_traces_forgets_all() -> None:
    _, peak_line = make_peak()
    line = churn(50)
    ctracemalloc.clear_traces()
    assert at_line(ctracemalloc.take_snapshot(at=PEAK), peak_line) == (0, 0)
    assert at_line(ctracemalloc.take_snapshot(at=CHURN), line) == (0, 0)


def test_no_single_blocks() -> None:
    peak, _ = make_peak()
    for use in (len, list, lambda traces: traces[0], lambda traces: traces[:1]):
        with pytest.raises(ValueError, match=r"snapshot of the peak knows .* no single blocks"):
            use(peak.traces)
    with pytest.raises(ValueError, match="no single blocks"):
        _ = ctracemalloc.take_snapshot().traces[0] in peak.traces
    assert repr(peak.traces) == "<Traces of the peak>"
    assert repr(peak.traces._traces).startswith("<SnapshotTable kind=peak blocks=")


def test_kinds() -> None:
    kinds = [ctracemalloc.take_snapshot(at=at).kind for at in (NOW, PEAK, CHURN, REUSE)]
    assert kinds == ["live", "peak", "churn", "reuse"]
    assert Snapshot([], 1).kind == "live"
    with pytest.raises(ValueError, match="at must be 'now', 'peak', 'churn' or 'reuse', not 'x'"):
        ctracemalloc.take_snapshot(at="x")
    ctracemalloc.stop()
    with pytest.raises(RuntimeError, match="must be tracing"):
        ctracemalloc.take_snapshot(at=PEAK)


def test_filtered_copied_pickled_saved(tmp_path: object) -> None:
    peak, line = make_peak()
    filtered = peak.filter_traces([*THIS, DomainFilter(True, 0)])
    assert filtered.kind == "peak"
    assert 0 < total(filtered.statistics("lineno"))[1] <= total(peak.statistics("lineno"))[1]
    path = f"{tmp_path}/peak.ctm"
    peak.dump(path)
    for other in (
        Snapshot.load(path),
        pickle.loads(pickle.dumps(peak)),
        copy.deepcopy(peak),
        peak.filter_traces([]),
    ):
        assert other.kind == "peak"
        assert other.traces == peak.traces
        assert other.statistics("traceback") == peak.statistics("traceback")
        assert at_line(other, line) == at_line(peak, line)


def test_kinds_are_not_equal() -> None:
    held = bytes(10_000)
    ctracemalloc.reset_peak()
    peak = ctracemalloc.take_snapshot(at=PEAK).filter_traces(THIS)
    live = ctracemalloc.take_snapshot().filter_traces(THIS)
    assert peak.traces != live.traces
    assert peak.traces._traces != []
    del held


def test_compared_with_another_kind() -> None:
    peak, line = make_peak()
    differences = peak.compare_to(ctracemalloc.take_snapshot(), "lineno")
    (difference,) = [
        d
        for d in differences
        if d.traceback[0].filename == __file__ and d.traceback[0].lineno == line
    ]
    size, count = at_line(peak, line)
    assert (difference.size_diff, difference.count_diff) == (size, count)


def test_a_filter_of_the_users_own_sees_each_traceback() -> None:
    class Own(ctracemalloc.BaseFilter):
        def _match(self, trace: tuple[int, int, tuple[tuple[str, int], ...], int | None]) -> bool:
            return trace[2][0][0] == __file__

    peak, line = make_peak()
    kept = peak.filter_traces([Own(inclusive=True)])
    assert kept.kind == "peak"
    assert at_line(kept, line) == at_line(peak, line)


class Judge(ctracemalloc.BaseFilter):
    """Keeps what a function says of the tuple that `_match` is given."""

    def __init__(self, says: Callable[[Any], object], *, inclusive: bool = True) -> None:
        super().__init__(inclusive)
        self.says = says

    def _match(self, trace: object) -> object:
        return self.says(trace)


class NamedJudge(Filter):
    """One that has names of functions shown to it, and then looks at the size."""

    def __init__(self) -> None:
        super().__init__(True, "*", function_pattern="*")

    def _match(self, trace: Any) -> bool:
        return super()._match(trace) and trace[1] > 1000


@pytest.mark.parametrize("at", [PEAK, CHURN, REUSE])
@pytest.mark.parametrize(
    "by_size",
    [
        Judge(lambda trace: trace[1] > 1000),
        Judge(lambda trace: trace[1] <= 1000, inclusive=False),
        Judge(lambda trace: trace[1] == 1000),
        Judge(lambda trace: trace[1]),
        Judge(lambda trace: trace[1] in {1000}),
        Judge(lambda trace: sum(trace[1:2]) > 1000),
        Judge(lambda trace: range(10)[trace[1]]),
        Judge(lambda trace: int(trace[1])),
        Judge(lambda trace: float(trace[1])),
        Judge(lambda trace: trace[1] & -trace[1]),
        Judge(lambda trace: abs(trace[1])),
        Judge(lambda trace: trace[1] / 1024),
        Judge(lambda trace: 2 ** trace[1]),
        Judge(lambda trace: "%d" % trace[1] == "1000"),  # noqa: UP031
        Judge(lambda trace: max(trace[1], 1000)),
        Judge(lambda trace: trace == (0, 1000, trace[2], trace[3])),
        Judge(lambda trace: hash(trace)),
        Judge(lambda trace: str(ctracemalloc.Trace(trace))),
        NamedJudge(),
    ],
)
def test_a_filter_of_the_users_own_is_shown_no_size(at: str, by_size: Filter) -> None:
    churn(10)
    spare = [number + 0.5 for number in range(1000)]
    del spare
    assert [number + 0.5 for number in range(100)]
    snapshot = ctracemalloc.take_snapshot(at=at)
    if not snapshot.statistics("lineno"):
        assert at == REUSE
        assert sys.version_info < (3, 13)
        pytest.skip("reuse is followed from 3.13 on")
    with pytest.raises(ValueError, match=f"snapshot of the {at} knows .* no single blocks"):
        snapshot.filter_traces([by_size])


def test_a_filter_of_the_users_own_sees_sizes_where_they_are_known() -> None:
    held = [bytes(size) for size in (500, 5000)]
    live = ctracemalloc.take_snapshot().filter_traces(THIS)
    kept = live.filter_traces([Judge(lambda trace: trace[1] > 5000)])
    assert [trace.size for trace in kept.traces] == [sys.getsizeof(held[1])]


def test_filters_that_do_not_look_at_the_size_unpack_it() -> None:
    def says(trace: Any) -> bool:
        domain, _size, frames, total_nframe = trace
        assert trace[:1] == (domain,)
        assert trace[2:] == (frames, total_nframe)
        assert repr(trace[:2]) == "(0, <unknown size>)"
        return bool(frames[0][0] == __file__)

    class Mine(Filter):
        pass

    peak, line = make_peak()
    filters: list[Any] = [
        Judge(says),
        Mine(True, __file__),
        Mine(True, __file__, function_pattern="*"),
        tracemalloc.Filter(True, __file__),
    ]
    for by_file in filters:
        kept = peak.filter_traces([by_file])
        assert at_line(kept, line) == at_line(peak, line)
        assert kept.statistics("lineno") == peak.filter_traces(THIS).statistics("lineno")
