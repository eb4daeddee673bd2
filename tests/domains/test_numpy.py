"""The traps of numpy's memory, with ours alone on. Needs numpy: `check.sh VERSION domains`."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from pathlib import Path

import ctracemalloc
import pytest
from ctracemalloc import _engine

np = pytest.importorskip("numpy")

NUMPY = 389047
# Of these sizes there is nothing else.
SIZE = 12_345_679
OTHER_SIZE = 23_456_789
# The array object, and what reading the traces leaves behind.
MOST_BESIDE = 200_000


@pytest.fixture(params=[1, 25])
def _tracing(request: pytest.FixtureRequest) -> Iterator[None]:
    gc.collect()
    ctracemalloc.start(request.param)
    yield
    ctracemalloc.stop()


tracing = pytest.mark.usefixtures("_tracing")


def domains_of(size: int) -> list[int]:
    """Give the domains of all traces of a size."""
    return [trace[0] for trace in _engine._get_traces() if trace[1] == size]


def numpy_bytes() -> int:
    """Add up what numpy holds."""
    return sum(trace[1] for trace in _engine._get_traces() if trace[0] == NUMPY)


@tracing
@pytest.mark.parametrize("make", [np.empty, np.zeros, np.ones])
def test_the_bytes_of_an_array_count_once(make: object) -> None:
    before, _ = ctracemalloc.get_traced_memory()
    array = make(SIZE, dtype=np.uint8)  # type: ignore[operator]
    added = ctracemalloc.get_traced_memory()[0] - before
    assert domains_of(SIZE) == [NUMPY]
    assert SIZE <= added < SIZE + MOST_BESIDE
    del array
    assert domains_of(SIZE) == []
    assert ctracemalloc.get_traced_memory()[0] - before < MOST_BESIDE


@tracing
def test_the_bytes_of_an_array_count_once_at_the_peak() -> None:
    before, _ = ctracemalloc.get_traced_memory()
    ctracemalloc.reset_peak()
    np.empty(SIZE, dtype=np.uint8)
    peak = ctracemalloc.get_traced_memory()[1]
    assert SIZE <= peak - before < SIZE + MOST_BESIDE


@tracing
@pytest.mark.parametrize("make", [np.empty, np.zeros, np.ones])
def test_an_array_that_makes_the_peak_is_numpys_there(make: object) -> None:
    ctracemalloc.reset_churn()
    make(SIZE, dtype=np.uint8)  # type: ignore[operator]
    for at in ("peak", "churn"):
        snapshot = ctracemalloc.take_snapshot(at=at)
        for is_numpys, least in ((True, SIZE), (False, 0)):
            rest = snapshot.filter_traces([ctracemalloc.DomainFilter(is_numpys, NUMPY)])
            size = sum(line.size for line in rest.statistics("lineno"))
            assert least <= size < least + MOST_BESIDE


@tracing
def test_an_array_that_grows_to_the_peak_is_numpys_there() -> None:
    array = np.zeros(SIZE, dtype=np.uint8)
    ctracemalloc.reset_peak()
    array.resize(OTHER_SIZE, refcheck=False)
    snapshot = ctracemalloc.take_snapshot(at="peak")
    numpys, pythons = (
        sum(line.size for line in snapshot.filter_traces([only]).statistics("lineno"))
        for only in (ctracemalloc.DomainFilter(inclusive, NUMPY) for inclusive in (True, False))
    )
    assert numpys >= OTHER_SIZE
    assert pythons < MOST_BESIDE


@tracing
@pytest.mark.parametrize(("size", "new_size"), [(SIZE, OTHER_SIZE), (OTHER_SIZE, SIZE)])
def test_a_resize_replaces_the_trace(size: int, new_size: int) -> None:
    array = np.zeros(size, dtype=np.uint8)
    array.resize(new_size, refcheck=False)
    assert domains_of(size) == []
    assert domains_of(new_size) == [NUMPY]
    [trace] = [trace for trace in _engine._get_traces() if trace[1] == new_size]
    line = test_a_resize_replaces_the_trace.__code__.co_firstlineno
    assert trace[2][0] == (__file__, line + 4)


@tracing
def test_views_have_no_bytes_of_their_own() -> None:
    array = np.zeros(SIZE, dtype=np.uint8)
    before = numpy_bytes()
    views = [array[:1000], array[::2], array[: SIZE // 7 * 7].reshape(7, -1), array.T]
    views += [array.view(np.int8), np.asarray(memoryview(array)), np.broadcast_to(array, (9, SIZE))]
    assert numpy_bytes() == before
    del array
    assert domains_of(SIZE) == [NUMPY]  # the views hold it
    views.clear()
    assert domains_of(SIZE) == []


@tracing
def test_an_array_on_foreign_memory_has_no_bytes_of_its_own() -> None:
    data = bytes(SIZE)
    before = numpy_bytes()
    array = np.frombuffer(data, dtype=np.uint8)
    assert numpy_bytes() == before
    assert 0 in {trace[0] for trace in _engine._get_traces() if trace[1] >= SIZE}
    del array


@tracing
def test_a_mapped_file_has_no_trace(tmp_path: Path) -> None:
    before, _ = ctracemalloc.get_traced_memory()
    array = np.memmap(tmp_path / "array", dtype=np.uint8, mode="w+", shape=(SIZE,))
    array[:] = 1
    assert domains_of(SIZE) == []
    # The import of mmap may be among it.
    assert ctracemalloc.get_traced_memory()[0] - before < SIZE // 2


@tracing
def test_arrays_are_made_and_freed_by_different_threads() -> None:
    arrays: list[object] = []

    def make() -> None:
        arrays.append(np.empty(SIZE, dtype=np.uint8))

    def run(function: object) -> None:
        thread = threading.Thread(target=function)  # type: ignore[arg-type]
        thread.start()
        thread.join()

    run(make)
    [trace] = [trace for trace in _engine._get_traces() if trace[1] == SIZE]
    assert trace[0] == NUMPY
    assert trace[2][0] == (__file__, make.__code__.co_firstlineno + 1)
    arrays.clear()
    assert domains_of(SIZE) == []
    make()
    assert domains_of(SIZE) == [NUMPY]
    run(arrays.clear)
    assert domains_of(SIZE) == []


@tracing
def test_the_total_is_that_of_nbytes() -> None:
    before = numpy_bytes()
    arrays = [np.zeros(length) for length in range(200, 5_000, 7)]
    arrays += [np.zeros((i, 50, 3), dtype=np.complex64) for i in range(10, 60)]
    arrays += [np.array(["a word"] * 500), np.full(300, None), np.zeros(3_000, dtype="M8[s]")]
    arrays += [arrays[0] + arrays[0], np.concatenate(arrays[:30]), arrays[5].astype(np.float32)]
    assert numpy_bytes() - before == sum(array.nbytes for array in arrays)
    del arrays[::2]
    assert numpy_bytes() - before == sum(array.nbytes for array in arrays)


@tracing
def test_a_snapshot_can_be_of_arrays_alone() -> None:
    array = np.empty(SIZE, dtype=np.uint8)
    snapshot = ctracemalloc.take_snapshot().filter_traces([ctracemalloc.DomainFilter(True, NUMPY)])
    assert {trace.domain for trace in snapshot.traces} == {NUMPY}
    [line] = [stat for stat in snapshot.statistics("lineno") if stat.size == array.nbytes]
    assert line.traceback[0].filename == __file__


def test_an_array_freed_after_stop_leaves_no_trace_for_the_next_start() -> None:
    ctracemalloc.start()
    array = np.empty(SIZE, dtype=np.uint8)
    assert domains_of(SIZE) == [NUMPY]
    ctracemalloc.stop()
    del array
    ctracemalloc.start()
    assert domains_of(SIZE) == []
    again = np.empty(SIZE, dtype=np.uint8)  # most likely at the same address
    assert domains_of(SIZE) == [NUMPY]
    del again
    assert domains_of(SIZE) == []
    ctracemalloc.stop()


def test_an_array_from_before_start_has_no_trace_until_it_is_resized() -> None:
    array = np.zeros(OTHER_SIZE, dtype=np.uint8)
    ctracemalloc.start()
    assert domains_of(OTHER_SIZE) == []
    array.resize(SIZE, refcheck=False)
    assert domains_of(SIZE) == [NUMPY]
    ctracemalloc.stop()
    ctracemalloc.start()
    before, _ = ctracemalloc.get_traced_memory()
    del array
    assert domains_of(SIZE) == []
    assert ctracemalloc.get_traced_memory()[0] - before < MOST_BESIDE
    ctracemalloc.stop()
