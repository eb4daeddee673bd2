"""The stacks of a snapshot as lists of frame numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from ctracemalloc import DomainFilter, Frame, Snapshot, domain_name
from ctracemalloc.report.domains import totals_by_domain
from ctracemalloc.report.groups import filtered

# Passes items on, and may show how many of `total` went by.
Track = Callable[[Iterable[Any], int], Iterable[Any]]


class Stack(NamedTuple):
    """A stack in a domain, and the bytes and blocks that it allocated there itself."""

    domain: int
    # Numbers of frames, the newest first; empty for traces without a traceback.
    frames: list[int]
    size: int
    blocks: int


class Stacks:
    """The distinct frames of a snapshot, and the stacks of each domain: sizes are added up."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.domains = list(totals_by_domain(snapshot))
        alone = len(self.domains) <= 1
        # For each domain, numbers of `frames` by those of its own tree.
        self._parts: list[tuple[int, Any, list[int]]] = []
        numbers: dict[tuple[Frame, str], int] = {}
        for domain in self.domains:
            part = snapshot if alone else filtered(snapshot, [DomainFilter(True, domain)])
            tree = part.tree()
            keys = ((frame, frame.name) for frame in tree.frames)
            places = [numbers.setdefault(key, len(numbers)) for key in keys]
            self._parts.append((domain, tree.columns(), places))
        self.frames = [frame for frame, _name in numbers]

    def walk(self, track: Track) -> Iterator[Stack]:
        """Make the stacks, those of one domain together, and of these those below one caller."""
        for domain, columns, places in self._parts:
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
                    frames.append(places[frame[node]])
                    node = parent[node]
                yield Stack(domain, frames, own_size[number], own_count[number])


def root_name(domain: int) -> str:
    """Name the frame below which tools without domains show one; "" for Python's own, which has
    none: so what is Python's is in the same place, whatever else a snapshot holds.
    """
    return f"[{unicode(domain_name(domain))}]" if domain else ""


def frame_name(frame: Frame) -> str:
    """Name a frame for tools that show a name alone: its function, or its file if that is unknown.

    Text that is no Unicode is replaced.
    """
    return unicode(frame.name or frame.filename)


def unicode(text: str) -> str:
    """Replace lone surrogates, which no file in UTF-8 can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
