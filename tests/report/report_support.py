"""What the tests of reports share: snapshots that are made by hand."""

from __future__ import annotations

from pathlib import Path

from ctracemalloc import Snapshot

HOSTILE = "</script><script>document.title='owned'</script>.py"

Trace = tuple[int, int, tuple[tuple[str, int], ...], int]


def trace(size: int, *frames: tuple[str, int], domain: int = 0) -> Trace:
    """Make a trace; the newest frame comes last."""
    return (domain, size, tuple(reversed(frames)), len(frames))


def write_snapshot(path: Path, traces: list[Trace]) -> Path:
    Snapshot(traces, 25).dump(str(path))
    return path
