"""Snapshot files and pages that the tests of reports look at."""

from __future__ import annotations

from pathlib import Path

import pytest
from ctracemalloc import Snapshot

HOSTILE = "</script><script>document.title='owned'</script>.py"

Trace = tuple[int, int, tuple[tuple[str, int], ...], int]


def trace(size: int, *frames: tuple[str, int], domain: int = 0) -> Trace:
    """Make a trace; the newest frame comes last."""
    return (domain, size, tuple(reversed(frames)), len(frames))


def write_snapshot(path: Path, traces: list[Trace]) -> Path:
    Snapshot(traces, 25).dump(str(path))
    return path


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    traces = [trace(1000, ("main.py", 1), ("cache.py", 10)) for _ in range(10)]
    traces += [trace(5000, ("main.py", 2), ("gone.py", 7))]
    return write_snapshot(tmp_path / "old.ctm", traces)


@pytest.fixture
def new_file(tmp_path: Path) -> Path:
    traces = [trace(1000, ("main.py", 1), ("cache.py", 10)) for _ in range(50)]
    traces += [trace(3000, ("main.py", 3), (HOSTILE, 4))]
    traces += [trace(2000, ("main.py", 4), ("array.py", 5), domain=389047)]
    return write_snapshot(tmp_path / "new.ctm", traces)
