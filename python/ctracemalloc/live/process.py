"""What the system says of this process's memory."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_PAGE = os.sysconf("SC_PAGE_SIZE")
# What is read is in the program's traced memory: no more than the system's short files have.
_PIECE = 128
# Control groups of version 1 say "no limit" by a number of about 2**63.
_NO_LIMIT = 2**60

_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


def resident_and_mapped() -> tuple[int, int]:
    """Return the bytes of this process that are in memory, and how many of them are of files, as
    the code of libraries is, or of shared memory.
    """
    _, pages, mapped, _ = _first_line("/proc/self/statm").split(None, 3)
    return int(pages) * _PAGE, int(mapped) * _PAGE


def resident() -> int:
    """Return the bytes of this process that are in memory."""
    return resident_and_mapped()[0]


def is_limited() -> bool:
    """Tell whether the system limits this process's address space (`ulimit -v`)."""
    for line in _lines("/proc/self/limits"):
        if line.startswith(b"Max address space "):
            return line.split(None, 4)[3] != b"unlimited"
    return False


def parse_size(text: str) -> int:
    """Read a number of bytes: `300000`, `512K`, `1.5GiB`; units are powers of 1024."""
    number = text.strip().lower()
    number = number.removesuffix("ib") if number.endswith("ib") else number.removesuffix("b")
    unit = number[-1:] if number[-1:] in _UNITS else ""
    try:
        size = int(float(number.removesuffix(unit)) * _UNITS[unit])
    except (ValueError, OverflowError):
        size = 0
    if size <= 0:
        raise ValueError(f"{text!r} is no size (such as 300000, 512K, 20M, 1.5G)")
    return size


class Ceiling:
    """A level of memory that is reached before the system ends the process.

    `512M` is a level of the process's resident memory. `90%` is one of what may be used: what the
    control group uses without the files that it can drop, of the group's limit; where there is no
    limit, the process's resident memory of all there is.
    """

    def __init__(self, text: str, root: str = "") -> None:
        self._group: _Group | None = None
        if not text.endswith("%"):
            self.level = parse_size(text)
            return
        try:
            share = float(text[:-1]) / 100
        except ValueError:
            share = 0.0
        if not 0 < share < 1:
            raise ValueError(f"{text!r} is no share (such as 90%)")
        self._group = _find_group(root)
        limit = self._group.limit if self._group else os.sysconf("SC_PHYS_PAGES") * _PAGE
        self.level = int(limit * share)

    def used(self) -> int:
        """Return the bytes that count against the level."""
        return resident() if self._group is None else self._group.used()


class _Group:
    """The folder of a control group with a limit."""

    def __init__(self, folder: str, limit: int, usage: str, cache: str) -> None:
        self.limit = limit
        self._usage = f"{folder}/{usage}"
        self._statistics = f"{folder}/memory.stat"
        self._cache = cache.encode() + b" "

    def used(self) -> int:
        cached = 0
        for line in _lines(self._statistics):
            if line.startswith(self._cache):
                cached = int(line[len(self._cache) :])
                break
        return max(int(_first_line(self._usage)) - cached, 0)


def _find_group(root: str) -> _Group | None:
    """Return the group, of this process or above it, that has the lowest limit."""
    found = None
    for line in _lines(f"{root}/proc/self/cgroup"):
        hierarchy, controllers, path = os.fsdecode(line).split(":", 2)
        if hierarchy == "0":
            top, names = f"{root}/sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            top = f"{root}/sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        for folder in _upwards(top, path):
            limit = _limit(f"{folder}/{names[0]}")
            if limit is not None and (found is None or limit < found.limit):
                found = _Group(folder, limit, *names[1:])
    return found


def _upwards(top: str, path: str) -> list[str]:
    parts = [part for part in path.split("/") if part]
    return ["/".join([top, *parts[:count]]) for count in range(len(parts), -1, -1)]


def _limit(path: str) -> int | None:
    try:
        text = _first_line(path)
    except OSError:
        # The root has no such file, and a container may not see what is above it.
        return None
    return int(text) if text.isdigit() and int(text) < _NO_LIMIT else None


def _first_line(path: str) -> bytes:
    return next(_lines(path), b"")


def _lines(path: str) -> Iterator[bytes]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        rest = b""
        while piece := os.read(descriptor, _PIECE):
            *lines, rest = (rest + piece).split(b"\n")
            yield from lines
        if rest:
            yield rest
    finally:
        os.close(descriptor)
