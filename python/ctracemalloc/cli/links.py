"""Where a path leads: by links, and to what a process has open."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ctracemalloc import _engine


class Target(NamedTuple):
    """Where the links at the end of a path lead."""

    path: Path
    # A process's name for a file that it has open, as /dev/stdout is.
    is_descriptor: bool

    def is_replaced(self) -> bool:
        """Tell whether another file takes its place; else it is written where it is."""
        # A pipe or a device has no contents that could be lost.
        is_file = self.path.is_file() or not self.path.exists()
        return is_file and not self.is_descriptor


def follow(path: str) -> Target:
    """Return where a path leads; OSError for what another user may have left as a trap."""
    target, is_descriptor = _engine._follow_path(Path(path))
    return Target(Path(target), is_descriptor)


def own_descriptor(path: str) -> int | None:
    """Return the descriptor of this process that a path is a name for; None if it is another's."""
    target = follow(path)
    if not target.is_descriptor:
        return None
    process = target.path.parent.resolve().parts[2]
    return int(target.path.name) if process == Path("/proc/self").resolve().name else None
