"""What the tests of reports share: snapshots that are made by hand, and contrast."""

from __future__ import annotations

from pathlib import Path

from ctracemalloc import Snapshot

HOSTILE = "</script><script>document.title='owned'</script>.py"

Trace = tuple[int, int, tuple[tuple[str, int], ...], int]
Colour = tuple[float, float, float]


def trace(size: int, *frames: tuple[str, int], domain: int = 0) -> Trace:
    """Make a trace; the newest frame comes last."""
    return (domain, size, tuple(reversed(frames)), len(frames))


def write_snapshot(path: Path, traces: list[Trace]) -> Path:
    Snapshot(traces, 25).dump(str(path))
    return path


def linear(colour: str) -> Colour:
    """Return red, green and blue as light has them."""

    def channel(at: int) -> float:
        value = int(colour[at : at + 2], 16) / 255
        return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)

    return channel(1), channel(3), channel(5)


def _luminance(colour: Colour) -> float:
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


def contrast(one: str, other: str) -> float:
    """Return the ratio of contrast of two colours, as WCAG 2.2 defines it."""
    dark, bright = sorted((_luminance(linear(one)), _luminance(linear(other))))
    return (bright + 0.05) / (dark + 0.05)
