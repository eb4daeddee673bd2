"""Snapshot files that the tests of reports look at."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_support import HOSTILE, trace, write_snapshot


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
