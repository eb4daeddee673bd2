"""How the places of statistics are written: for people and for programs."""

from __future__ import annotations

import os
from typing import Any

from ctracemalloc import Frame, StatisticDiff, Traceback
from ctracemalloc.report.source import source_line

# Of a trace without any frame, as one made by hand may be.
NO_TRACEBACK = "<no traceback>"


def place(traceback: Traceback, folder: str | None) -> str:
    """Name the newest frame; a file below `folder` is shown relative to it."""
    if not len(traceback):
        return NO_TRACEBACK
    return frame_text(traceback[-1], folder)


def mark(diff: StatisticDiff) -> str:
    """Tell whether a site is in one of the snapshots only."""
    if not diff.count:
        return "gone"
    return "new" if diff.count == diff.count_diff else ""


def details(traceback: Traceback, folder: str | None) -> list[str]:
    """Return the source of the newest frame, then that of its callers with their places."""
    lines: list[str] = []
    for number, frame in enumerate(reversed(traceback)):
        if number:
            lines.append(f"  called from {frame_text(frame, folder)}")
        source = source_line(frame)
        if source:
            lines.append(f"    {source}")
    return lines


def frame_text(frame: Frame, folder: str | None) -> str:
    """Write a frame as a place that editors and people can follow, its function behind it."""
    text = short_name(frame.filename, folder)
    if frame.lineno:
        text += f":{frame.lineno}"
    return f"{text} ({frame.name})" if frame.name else text


def frames_as_json(traceback: Traceback) -> list[dict[str, Any]]:
    """Describe the frames, newest first."""
    return [
        {"filename": frame.filename, "lineno": frame.lineno, "name": frame.name}
        for frame in reversed(traceback)
    ]


def short_name(filename: str, folder: str | None) -> str:
    """Return a file's name, relative to the folder if it is below it."""
    if folder is None:
        return filename
    prefix = folder.rstrip(os.sep) + os.sep
    return filename.removeprefix(prefix) if prefix != os.sep else filename
