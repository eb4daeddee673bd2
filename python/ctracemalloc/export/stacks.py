"""The stacks of a snapshot as lists of frame numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from ctracemalloc import Frame, Snapshot

# Passes items on, and may show how many of `total` went by.
Track = Callable[[Iterable[Any], int], Iterable[Any]]


class Stack(NamedTuple):
    """A stack, and the bytes and blocks that it allocated itself."""

    # Numbers of frames, the newest first; empty for traces without a traceback.
    frames: list[int]
    size: int
    blocks: int


class Stacks:
    """The distinct frames of a snapshot, and its stacks: domains and sizes are added up."""

    def __init__(self, snapshot: Snapshot) -> None:
        tree = snapshot.tree()
        self.frames: list[Frame] = list(tree.frames)
        self._columns = tree.columns()

    def walk(self, track: Track) -> Iterator[Stack]:
        """Make the stacks, those below one caller together."""
        columns = self._columns
        parent, frame, own_size, own_count = (
            columns.parent.tolist(),
            columns.frame.tolist(),
            columns.own_size.tolist(),
            columns.own_count.tolist(),
        )
        for number in track(range(len(parent)), len(parent)):
            if not own_count[number]:
                continue
            frames = []
            node = number
            while node:
                frames.append(frame[node])
                node = parent[node]
            yield Stack(frames, own_size[number], own_count[number])


def plain(items: Iterable[Any], _total: int) -> Iterable[Any]:
    """Pass items on, and show nothing."""
    return items


def frame_name(frame: Frame) -> str:
    """Name a frame for tools that show a name alone: its function, or its file if that is unknown.

    Text that is no Unicode is replaced.
    """
    return unicode(frame.name or frame.filename)


def unicode(text: str) -> str:
    """Replace lone surrogates, which no file in UTF-8 can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
