"""Open files that another process needs to answer, where it has as many as it may."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ctracemalloc.cli.errors import CommandError

# The script, modules, the snapshot, the answer: other threads may take some as well.
_FILES = 64


@contextmanager
def room_for_files(pid: int) -> Iterator[None]:
    """Let a process that could open no file more open a few for a while.

    Its interpreter would print a traceback about the script that it cannot open. The limit is
    raised as far as the system's lets it, and put back unless the process has set another one.
    """
    try:
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        is_full = _is_full(pid, before[0])
    except OSError:
        # The attempt itself says that the process is gone, or what is forbidden.
        is_full = False
    if not is_full:
        yield
        return
    raised = (min(before[0] + _FILES, before[1]), before[1])
    if raised == before:
        raise CommandError(
            f"process {pid} has as many files open as it may, and could not answer: raise the "
            f"limit first, as root by 'prlimit --pid {pid} --nofile={before[1] + _FILES}'"
        )
    resource.prlimit(pid, resource.RLIMIT_NOFILE, raised)
    try:
        yield
    finally:
        _put_back(pid, raised, before)


def _is_full(pid: int, limit: int) -> bool:
    # A new one gets the lowest free number. Some may lie above a limit that was lowered.
    taken = (int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir())
    return sum(number < limit for number in taken) == limit


def _put_back(pid: int, raised: tuple[int, int], before: tuple[int, int]) -> None:
    try:
        if resource.prlimit(pid, resource.RLIMIT_NOFILE) == raised:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    except OSError:
        # It has ended meanwhile.
        return
