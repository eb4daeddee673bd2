"""The sentences of the reference about the module's functions."""

from __future__ import annotations

import gc
import inspect
import sys
from types import ModuleType
from typing import Any

import pytest

THIS_FILE = __file__
BYTES_HEADER = sys.getsizeof(b"")


class Slotted:
    """An object whose own block is what `get_object_traceback` asks for on every version."""

    __slots__ = ("value",)


def here() -> int:
    """Line number of the caller."""
    frame = sys._getframe(1)
    return frame.f_lineno


def traced_bytes(tracer: ModuleType, size: int) -> int:
    """Blocks of exactly this size that were allocated in this file."""
    return sum(
        trace.size == size and trace.traceback[-1].filename == THIS_FILE
        for trace in tracer.take_snapshot().traces
    )


def test_traceback_where_an_object_was_allocated(tracer: ModuleType) -> None:
    tracer.start()
    obj, line = Slotted(), here()
    traceback = tracer.get_object_traceback(obj)
    assert isinstance(traceback, tracer.Traceback)
    assert [(frame.filename, frame.lineno) for frame in traceback] == [(THIS_FILE, line)]


def test_object_traceback_is_none_if_not_tracing(tracer: ModuleType) -> None:
    assert tracer.get_object_traceback(Slotted()) is None


def test_object_traceback_is_none_if_allocated_before_start(tracer: ModuleType) -> None:
    obj = Slotted()
    tracer.start()
    assert tracer.get_object_traceback(obj) is None


@pytest.mark.parametrize("obj", [None, True, 1, "", (), int, len], ids=repr)
def test_object_traceback_is_none_for_static_objects(tracer: ModuleType, obj: object) -> None:
    tracer.start()
    assert tracer.get_object_traceback(obj) is None


def test_one_frame_by_default(tracer: ModuleType) -> None:
    tracer.start()
    assert tracer.get_traceback_limit() == 1
    assert {len(trace.traceback) for trace in tracer.take_snapshot().traces} <= {1}


def test_limit_is_set_by_start(tracer: ModuleType) -> None:
    tracer.start(25)
    obj = Slotted()
    assert tracer.get_traceback_limit() == 25
    assert len(tracer.get_object_traceback(obj)) == min(25, len(inspect.stack()))


def test_limit_is_known_while_off(tracer: ModuleType) -> None:
    # The old reference says that this raises an exception; the interpreter's own does not.
    tracer.start(7)
    tracer.stop()
    assert tracer.get_traceback_limit() == 7


def test_second_start_is_ignored(tracer: ModuleType) -> None:
    tracer.start(1)
    tracer.start(25)
    assert tracer.get_traceback_limit() == 1


@pytest.mark.parametrize("nframe", [0, -1, 65536, 2**31 - 1])
@pytest.mark.parametrize("tracing", [False, True])
def test_number_of_frames_has_a_range(tracer: ModuleType, nframe: int, tracing: bool) -> None:
    if tracing:
        tracer.start()
    with pytest.raises(ValueError, match=r"^the number of frames must be in range \[1; 65535\]$"):
        tracer.start(nframe)
    assert tracer.is_tracing() == tracing


def test_most_frames(tracer: ModuleType) -> None:
    tracer.start(65535)
    assert tracer.get_traceback_limit() == 65535


@pytest.mark.parametrize(
    ("arguments", "keywords", "error"),
    [
        ((2**31,), {}, OverflowError),
        ((-(2**31) - 1,), {}, OverflowError),
        ((1.5,), {}, TypeError),
        (("1",), {}, TypeError),
        ((None,), {}, TypeError),
        ((1, 2), {}, TypeError),
        ((), {"nframe": 1}, TypeError),
    ],
)
def test_start_refuses(
    tracer: ModuleType,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
    error: type[Exception],
) -> None:
    import tracemalloc

    with pytest.raises(error) as expected:
        tracemalloc.start(*arguments, **keywords)
    with pytest.raises(error) as raised:
        tracer.start(*arguments, **keywords)
    assert str(raised.value) == str(expected.value)
    assert not tracer.is_tracing()


def test_is_tracing(tracer: ModuleType) -> None:
    assert tracer.is_tracing() is False
    tracer.start()
    assert tracer.is_tracing() is True
    tracer.stop()
    assert tracer.is_tracing() is False


def test_traced_memory_is_a_pair(tracer: ModuleType) -> None:
    tracer.start()
    block = bytearray(1_000_000)
    memory = tracer.get_traced_memory()
    assert type(memory) is tuple
    current, peak = memory
    assert 1_000_000 <= current <= peak < 1_100_000
    del block
    current_after, peak_after = tracer.get_traced_memory()
    assert current - current_after >= 999_000
    assert peak_after >= peak


def test_reset_peak(tracer: ModuleType) -> None:
    tracer.start()
    bytearray(1_000_000)
    assert tracer.get_traced_memory()[1] >= 1_000_000
    tracer.reset_peak()
    current, peak = tracer.get_traced_memory()
    assert current <= peak < 100_000


def test_memory_of_the_tracer_is_an_int(tracer: ModuleType) -> None:
    tracer.start()
    kept = [Slotted() for _ in range(10_000)]
    assert type(tracer.get_tracemalloc_memory()) is int
    assert tracer.get_tracemalloc_memory() > 0
    del kept


def test_memory_of_the_tracer_while_off_is_no_more_than_stdlibs(tracer: ModuleType) -> None:
    # Stdlib's keeps two empty tables up to 3.13, and nothing later.
    import tracemalloc

    taken = tracer.get_tracemalloc_memory()
    assert type(taken) is int
    assert 0 <= taken <= tracemalloc.get_tracemalloc_memory()


def test_more_frames_take_more_memory(tracer: ModuleType) -> None:
    def grow(depth: int, kept: list[object]) -> None:
        kept.append(bytes(100))
        if depth:
            grow(depth - 1, kept)

    taken = []
    for nframe in (1, 100):
        tracer.start(nframe)
        kept: list[object] = []
        grow(300, kept)
        taken.append(tracer.get_tracemalloc_memory())
        tracer.stop()
    assert taken[0] <= taken[1]


def test_clear_traces(tracer: ModuleType) -> None:
    tracer.start()
    obj = Slotted()
    block = bytes(12_345)
    tracer.clear_traces()
    assert tracer.is_tracing()
    assert tracer.get_object_traceback(obj) is None
    assert traced_bytes(tracer, 12_345 + BYTES_HEADER) == 0
    assert tracer.get_object_traceback(Slotted()) is not None
    del block


def test_cleared_counters(tracer: ModuleType) -> None:
    tracer.start()
    block = bytes(100_000)
    tracer.clear_traces()
    assert tracer.get_traced_memory() == (0, 0)
    # A block whose trace is gone takes nothing away when it is released.
    del block
    assert tracer.get_traced_memory()[0] >= 0


def test_stop_clears_all_traces(tracer: ModuleType) -> None:
    tracer.start()
    obj = Slotted()
    tracer.stop()
    assert tracer.get_traced_memory() == (0, 0)
    assert tracer._get_traces() == []
    tracer.start()
    assert tracer.get_object_traceback(obj) is None


def test_functions_do_nothing_while_off(tracer: ModuleType) -> None:
    assert tracer.get_traced_memory() == (0, 0)
    assert tracer.clear_traces() is None
    assert tracer.reset_peak() is None
    assert tracer.stop() is None
    assert tracer._get_traces() == []


def test_snapshot_needs_tracing(tracer: ModuleType) -> None:
    message = "^the tracemalloc module must be tracing memory allocations to take a snapshot$"
    with pytest.raises(RuntimeError, match=message):
        tracer.take_snapshot()


def test_snapshot_is_new_and_survives_stop(tracer: ModuleType) -> None:
    tracer.start()
    block = bytes(12_345)
    first, second = tracer.take_snapshot(), tracer.take_snapshot()
    assert isinstance(first, tracer.Snapshot)
    assert first is not second
    tracer.stop()
    size = 12_345 + BYTES_HEADER
    assert sum(trace.size == size for trace in first.traces) == 1
    del block
    assert sum(trace.size == size for trace in first.traces) == 1


def test_snapshot_has_no_blocks_from_before_start(tracer: ModuleType) -> None:
    before = bytes(12_345)
    tracer.start()
    during = bytes(23_456)
    assert traced_bytes(tracer, 12_345 + BYTES_HEADER) == 0
    assert traced_bytes(tracer, 23_456 + BYTES_HEADER) == 1
    del before, during


def test_tracebacks_of_a_snapshot_are_limited(tracer: ModuleType) -> None:
    tracer.start(3)
    kept = bytes(12_345)
    snapshot = tracer.take_snapshot()
    assert snapshot.traceback_limit == 3
    assert {len(trace.traceback) for trace in snapshot.traces} <= {1, 2, 3}
    (trace,) = (each for each in snapshot.traces if each.size == len(kept) + BYTES_HEADER)
    assert len(trace.traceback) == 3
    assert trace.traceback.total_nframe == len(inspect.stack())


def test_getsizeof_and_referrers_work_beside(tracer: ModuleType) -> None:
    tracer.start()
    block = bytes(12_345)
    holder = [block]
    assert traced_bytes(tracer, sys.getsizeof(block)) == 1
    assert any(referrer is holder for referrer in gc.get_referrers(block))
