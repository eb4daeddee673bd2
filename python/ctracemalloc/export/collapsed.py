"""A snapshot as collapsed stacks: a line each, the oldest frame first, and its bytes.

Stacks of another domain than Python's begin with a frame of its name.
"""

from __future__ import annotations

from typing import BinaryIO

from ctracemalloc import Frame, Snapshot
from ctracemalloc.export.stacks import Stacks, Track, root_name, unicode
from ctracemalloc.report.places import NO_TRACEBACK


def write(snapshot: Snapshot, file: BinaryIO, track: Track) -> None:
    """Write the lines."""
    stacks = Stacks(snapshot)
    names = list(map(_name, stacks.frames))
    roots = {domain: _cleaned(root_name(domain)) for domain in stacks.domains}
    for stack in stacks.walk(track):
        text = ";".join(names[number] for number in reversed(stack.frames)) or NO_TRACEBACK
        root = roots[stack.domain]
        file.write(f"{f'{root};' if root else ''}{text} {stack.size}\n".encode())


def _name(frame: Frame) -> str:
    place = f"{frame.filename}:{frame.lineno}" if frame.lineno else frame.filename
    return _cleaned(f"{frame.name} ({place})" if frame.name else place)


def _cleaned(text: str) -> str:
    # What ends a frame or a line in this format cannot stand in a name.
    text = text.replace(";", ":")
    return unicode("".join(letter if letter.isprintable() else "?" for letter in text))
