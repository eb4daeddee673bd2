"""Lines of source, read from the very files that a snapshot names."""

from __future__ import annotations

import linecache
import os
import stat

from ctracemalloc import Frame

LARGEST_FILE = 16 * 2**20


def source_line(frame: Frame, width: int = 100) -> str:
    """Return the source of a frame's line, cut to `width`; empty if it is not at hand."""
    if not _is_at_hand(frame.filename):
        return ""
    return linecache.getline(frame.filename, frame.lineno).strip()[:width]


def excerpt(frame: Frame, context: int, width: int) -> dict[int, str]:
    """Return the source of a frame's line and of `context` lines before and after it, by number.

    Lines are cut to `width` and keep their indentation. Where the line itself is not at hand, or
    is empty, there are none.
    """
    if not source_line(frame):
        return {}
    lines = linecache.getlines(frame.filename)
    first = max(frame.lineno - context, 1)
    chosen = lines[first - 1 : frame.lineno + context]
    return {
        number: line.rstrip().expandtabs(4)[:width] for number, line in enumerate(chosen, first)
    }


def _is_at_hand(filename: str) -> bool:
    return filename in linecache.cache or _is_source(filename)


def _is_source(filename: str) -> bool:
    """Tell whether a file is there under its very name, and can be read to its end.

    `linecache` alone would look for a relative name along `sys.path` too, and the names are those
    of a file that may come from anyone: a pipe or a device must not be waited for.
    """
    try:
        found = os.stat(filename)  # noqa: PTH116 - an empty name is no folder here
    except (OSError, ValueError):  # ValueError: no file can have such a name
        return False
    # Files of /proc say that they are empty.
    return stat.S_ISREG(found.st_mode) and 0 < found.st_size <= LARGEST_FILE
