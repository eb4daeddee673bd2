"""The one place where a tracer is read: what is allocated here belongs to no program."""

from __future__ import annotations

from collections.abc import Callable

RawFrames = tuple[tuple[str, int], ...]
RawTrace = tuple[int, int, RawFrames, int]


def read(get_traces: Callable[[], list[RawTrace]], prepare: Callable[[], None]) -> list[RawTrace]:
    """Read a tracer after `prepare`; the traces of this file's frames are not the program's."""
    prepare()
    return get_traces()
