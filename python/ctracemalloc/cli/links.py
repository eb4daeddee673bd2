"""Where a path leads: by links, and to what a process has open."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def follow(path: str) -> Path:
    """Return where the links at the end of a path lead, at most to an open file's descriptor."""
    target = Path(path)
    if target.is_symlink():
        # What leads nowhere, or in a circle, is refused by the system's own words.
        target.stat()
    while True:
        try:
            found = target.lstat()
        except FileNotFoundError:
            return target
        is_link = stat.S_ISLNK(found.st_mode)
        if (is_link or stat.S_ISFIFO(found.st_mode)) and _is_trap(target, found):
            raise OSError(errno.EACCES, "it is another user's, in a folder that all may write to")
        if not is_link or is_descriptor(target):
            return target
        target = target.parent / target.readlink()


def _is_trap(path: Path, found: os.stat_result) -> bool:
    """Tell whether others may have left a link or a FIFO there, in a folder such as /tmp.

    The rule of Linux's protected_symlinks, which a path that is followed by hand goes past.
    """
    folder = path.parent.stat()
    shared = stat.S_ISVTX | stat.S_IWOTH
    is_shared = folder.st_mode & shared == shared
    return is_shared and found.st_uid not in (os.geteuid(), folder.st_uid)


def is_descriptor(path: Path) -> bool:
    """Tell whether a path is a process's name for a file that it has open, as /dev/stdout is."""
    parts = path.parent.resolve().parts
    return parts[:2] == ("/", "proc") and parts[-1] == "fd"


def own_descriptor(path: str) -> int | None:
    """Return the descriptor of this process that a path is a name for; None if it is another's."""
    target = follow(path)
    if not is_descriptor(target):
        return None
    process = target.parent.resolve().parts[2]
    return int(target.name) if process == Path("/proc/self").resolve().name else None
