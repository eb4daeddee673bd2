"""The sentences of the reference about frames, tracebacks, traces and statistics."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

# Newest frame first, as the tracers give them.
FRAMES = (("new.py", 3), ("middle.py", 2), ("old.py", 1))


def pairs(frames: Any) -> list[tuple[str, int]]:
    return [(frame.filename, frame.lineno) for frame in frames]


def test_frame(tracer: ModuleType) -> None:
    frame = tracer.Traceback((("file.py", 12),))[0]
    assert type(frame) is tracer.Frame
    assert (frame.filename, frame.lineno) == ("file.py", 12)
    assert str(frame) == "file.py:12"
    assert repr(frame) == "<Frame filename='file.py' lineno=12>"
    for name in ("filename", "lineno", "other"):
        with pytest.raises(AttributeError):
            setattr(frame, name, 1)


def test_frames_compare_by_name_then_line(tracer: ModuleType) -> None:
    def frame(filename: str, lineno: int) -> Any:
        return tracer.Traceback(((filename, lineno),))[0]

    assert frame("a", 1) == frame("a", 1)
    assert hash(frame("a", 1)) == hash(frame("a", 1))
    assert frame("a", 1) != frame("a", 2)
    assert frame("a", 2) < frame("a", 10) < frame("b", 1)
    assert frame("b", 1) >= frame("a", 9)
    assert frame("a", 1) != ("a", 1)
    with pytest.raises(TypeError):
        frame("a", 1) < ("a", 2)  # noqa: B015


def test_traceback_is_a_sequence_from_the_oldest_frame_on(tracer: ModuleType) -> None:
    # The old reference says newest first, which it was before 3.7.
    traceback = tracer.Traceback(FRAMES, 5)
    is_sequence: bool = isinstance(traceback, Sequence)
    assert is_sequence
    assert pairs(traceback) == [("old.py", 1), ("middle.py", 2), ("new.py", 3)]
    assert len(traceback) == 3
    assert traceback[-1].filename == "new.py"
    assert pairs(traceback[:2]) == [("old.py", 1), ("middle.py", 2)]
    assert isinstance(traceback[:2], tuple)
    assert pairs(reversed(traceback)) == list(FRAMES)
    assert traceback[1] in traceback
    assert traceback.index(traceback[1]) == 1
    assert traceback.count(traceback[1]) == 1
    assert traceback.total_nframe == 5
    with pytest.raises(IndexError):
        traceback[3]


def test_total_nframe_may_be_unknown(tracer: ModuleType) -> None:
    traceback = tracer.Traceback(FRAMES)
    assert traceback.total_nframe is None
    assert repr(tracer.Traceback(FRAMES[:1])) == (
        "<Traceback (<Frame filename='new.py' lineno=3>,)>"
    )
    assert repr(tracer.Traceback(FRAMES[:1], 4)) == (
        "<Traceback (<Frame filename='new.py' lineno=3>,) total_nframe=4>"
    )
    assert traceback == tracer.Traceback(FRAMES, 9)
    assert hash(traceback) == hash(tracer.Traceback(FRAMES, 9))
    assert str(traceback) == "old.py:1"


def test_tracebacks_compare_from_the_oldest_frame_on(tracer: ModuleType) -> None:
    assert tracer.Traceback((("b", 1), ("a", 1))) < tracer.Traceback((("a", 1), ("b", 1)))
    assert tracer.Traceback((("a", 1),)) < tracer.Traceback((("b", 1), ("a", 1)))
    assert tracer.Traceback((("a", 1),)) != (("a", 1),)
    for name in ("total_nframe", "other"):
        with pytest.raises(AttributeError):
            setattr(tracer.Traceback(FRAMES), name, 1)


def test_traceback_has_at_least_one_frame(tracer: ModuleType) -> None:
    tracer.start(1)
    kept = [bytes(number) for number in range(1000, 1100)]
    snapshot = tracer.take_snapshot()
    tracer.stop()
    assert len(snapshot.traces) >= len(kept)
    assert all(len(trace.traceback) >= 1 for trace in snapshot.traces)
    assert all(trace.traceback.total_nframe >= 1 for trace in snapshot.traces)


@pytest.fixture
def source(tmp_path: Path) -> str:
    path = tmp_path / "source.py"
    path.write_text("one = 1\n    two = 2  \n\nfour = 4\n", encoding="utf-8")
    return str(path)


def test_format(tracer: ModuleType, source: str) -> None:
    traceback = tracer.Traceback(((source, 4), (source, 3), (source, 2), ("<nowhere>", 9)))
    lines = [
        *['  File "<nowhere>", line 9'],
        *[f'  File "{source}", line 2', "    two = 2"],
        *[f'  File "{source}", line 3'],
        *[f'  File "{source}", line 4', "    four = 4"],
    ]
    formatted = traceback.format()
    assert type(formatted) is list
    assert formatted == lines
    assert traceback.format(None) == lines
    # The newest frames; the oldest by a negative limit.
    assert traceback.format(1) == lines[4:]
    assert traceback.format(limit=2) == lines[3:]
    assert traceback.format(99) == lines
    assert traceback.format(0) == []
    assert traceback.format(-1) == lines[:4]
    assert traceback.format(-3) == lines[:1]
    assert (
        traceback.format(most_recent_first=True) == lines[4:] + lines[3:4] + lines[1:3] + lines[:1]
    )
    assert traceback.format(2, True) == lines[4:] + lines[3:4]
    assert not any("\n" in line for line in formatted)


def test_trace(tracer: ModuleType) -> None:
    trace = tracer.Trace((7, 2048, FRAMES, 5))
    assert (trace.domain, trace.size) == (7, 2048)
    assert type(trace.traceback) is tracer.Traceback
    assert trace.traceback == tracer.Traceback(FRAMES)
    assert trace.traceback.total_nframe == 5
    assert str(trace) == "old.py:1: 2048 B"
    assert repr(trace) == f"<Trace domain=7 size=2048 B, traceback={trace.traceback!r}>"
    for name in ("domain", "size", "traceback", "other"):
        with pytest.raises(AttributeError):
            setattr(trace, name, 1)


def test_traces_are_equal_in_all_parts(tracer: ModuleType) -> None:
    trace = tracer.Trace((7, 2048, FRAMES, 5))
    assert trace == tracer.Trace((7, 2048, FRAMES, 5))
    assert hash(trace) == hash(tracer.Trace((7, 2048, FRAMES, 5)))
    for other in ((8, 2048, FRAMES, 5), (7, 1, FRAMES, 5), (7, 2048, FRAMES[:1], 5)):
        assert trace != tracer.Trace(other)
    assert trace != tracer.Trace((7, 2048, FRAMES, 6))
    assert trace != (7, 2048, FRAMES, 5)


def test_statistic(tracer: ModuleType) -> None:
    stat = tracer.Statistic(tracer.Traceback(FRAMES[:1]), 3000, 4)
    assert (stat.size, stat.count) == (3000, 4)
    assert stat.traceback == tracer.Traceback(FRAMES[:1])
    assert str(stat) == "new.py:3: size=3000 B, count=4, average=750 B"
    assert repr(stat) == f"<Statistic traceback={stat.traceback!r} size=3000 count=4>"
    assert stat == tracer.Statistic(tracer.Traceback(FRAMES[:1]), 3000, 4)
    assert hash(stat) == hash(tracer.Statistic(tracer.Traceback(FRAMES[:1]), 3000, 4))
    assert stat != tracer.Statistic(tracer.Traceback(FRAMES[:1]), 3000, 5)
    assert stat != tracer.Statistic(tracer.Traceback(FRAMES[1:]), 3000, 4)
    assert stat != (stat.traceback, 3000, 4)
    stat.count = 0
    assert str(stat) == "new.py:3: size=3000 B, count=0"
    with pytest.raises(AttributeError):
        stat.other = 1


def test_statistic_difference(tracer: ModuleType) -> None:
    traceback = tracer.Traceback(FRAMES[:1])
    stat = tracer.StatisticDiff(traceback, 30_000, -2_000_000, 4, 0)
    assert (stat.size, stat.size_diff, stat.count, stat.count_diff) == (30_000, -2_000_000, 4, 0)
    assert str(stat) == "new.py:3: size=29.3 KiB (-1953 KiB), count=4 (+0), average=7500 B"
    assert repr(stat) == (
        f"<StatisticDiff traceback={traceback!r} size=30000 (-2000000) count=4 (+0)>"
    )
    assert stat == tracer.StatisticDiff(traceback, 30_000, -2_000_000, 4, 0)
    assert hash(stat) == hash(tracer.StatisticDiff(traceback, 30_000, -2_000_000, 4, 0))
    for other in ((1, -2_000_000, 4, 0), (30_000, 1, 4, 0), (30_000, -2_000_000, 4, 1)):
        assert stat != tracer.StatisticDiff(traceback, *other)
    stat.size, stat.size_diff, stat.count, stat.count_diff = 0, 7, 0, 3
    assert str(stat) == "new.py:3: size=0 B (+7 B), count=0 (+3)"
    with pytest.raises(AttributeError):
        stat.other = 1


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (10_239, "10239 B"),
        (10_240, "10.0 KiB"),
        (102_399, "100.0 KiB"),
        (102_400, "100 KiB"),
        (10 * 1024**2 - 1, "10240 KiB"),
        (10 * 1024**2, "10.0 MiB"),
        (10 * 1024**3, "10.0 GiB"),
        (10 * 1024**4, "10.0 TiB"),
        (10**6 * 1024**4, "1000000 TiB"),
    ],
)
def test_sizes_are_shown_in_units(tracer: ModuleType, size: int, text: str) -> None:
    traceback = tracer.Traceback(FRAMES[:1])
    assert str(tracer.Trace((0, size, FRAMES[:1], 1))) == f"new.py:3: {text}"
    assert str(tracer.Statistic(traceback, size, 0)) == f"new.py:3: size={text}, count=0"
    negative = f"new.py:3: size=0 B ({'-' if size else '+'}{text}), count=0 (+0)"
    assert str(tracer.StatisticDiff(traceback, 0, -size, 0, 0)) == negative


def test_all_are_copied_and_pickled(tracer: ModuleType) -> None:
    traceback = tracer.Traceback(FRAMES, 5)
    objects = [
        traceback,
        traceback[0],
        tracer.Trace((7, 2048, FRAMES, 5)),
        tracer.Statistic(traceback, 3000, 4),
        tracer.StatisticDiff(traceback, 3, -2, 4, 0),
        tracer.Filter(True, "*.py", 5, True, 3),
        tracer.DomainFilter(False, 7),
    ]
    for original in objects:
        copies = [copy.copy(original), copy.deepcopy(original)]
        # With slots and without methods of their own, stdlib's cannot be pickled by protocols 0, 1.
        copies += [pickle.loads(pickle.dumps(original, n)) for n in range(2, 6)]
        for each in copies:
            assert type(each) is type(original)
            assert repr(each) == repr(original) or "Filter" in repr(original)
            assert getattr(each, "total_nframe", None) == getattr(original, "total_nframe", None)
