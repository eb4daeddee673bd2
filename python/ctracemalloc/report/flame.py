"""Trees of calls as the page of a report holds them: columns of numbers, small frames folded.

A node's label is a number of `Labels`, or, negative, how many smaller frames are folded into it.
The nodes stand in pre-order, each with its depth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from ctracemalloc import Frame, Snapshot
from ctracemalloc._tree import Tree
from ctracemalloc.report.labels import Labels

SMALLEST_SHARE = 1 / 1000
"""Of the whole: what is smaller is about a pixel wide, and many of them would be a blank area."""

MOST_LEVELS = 2000
"""Of frames below the root: what draws them calls itself for each, which browsers bound."""

# The largest of those that are folded are named.
TOLD = 3


@dataclass(frozen=True)
class Folded:
    """What a page does not show of its trees."""

    frames: int
    size: int


class _Amounts(NamedTuple):
    size: int
    blocks: int
    old_size: int
    old_blocks: int

    @property
    def larger(self) -> int:
        return max(self.size, self.old_size)


_NOTHING = _Amounts(0, 0, 0, 0)
# Numbers of nodes in both trees; None where a tree has no such node.
_Pair = tuple[int | None, int | None]


def flame_columns(
    snapshot: Snapshot, old: Snapshot | None, labels: Labels, *, inverted: bool
) -> tuple[dict[str, Any], Folded]:
    """Return the columns of a snapshot's tree, compared with that of an older one if there is one.

    Frames below `SMALLEST_SHARE` of the whole, now and then, and those that are deeper than
    `MOST_LEVELS`, are folded into one for each caller.
    """
    now = _Side(snapshot.tree(inverted=inverted))
    before = None if old is None else _Side(old.tree(inverted=inverted))
    writer = _Writer(now, before, labels)
    writer.write_all()
    told = {str(number): named for number, named in writer.told.items()}
    return {**writer.columns, "told": told}, Folded(writer.folded_frames, writer.folded_size)


class _Side:
    """A tree, as lists."""

    def __init__(self, tree: Tree) -> None:
        columns = tree.columns()
        self._frames = tree._frames
        self._frame = columns.frame.tolist()
        self._end = columns.end.tolist()
        self.size = columns.size.tolist()
        self.count = columns.count.tolist()
        # Of traces without any frame.
        self.nowhere = (columns.own_size[0], columns.own_count[0])

    def frame(self, node: int) -> Any:
        return self._frames[self._frame[node]]

    def children(self, node: int) -> Iterator[int]:
        child, end = node + 1, self._end[node]
        while child < end:
            yield child
            child = self._end[child]


class _Writer:
    def __init__(self, now: _Side, before: _Side | None, labels: Labels) -> None:
        self._now = now
        self._before = before
        self._labels = labels
        whole = self._amounts((0, None if before is None else 0))
        self._smallest = whole.larger * SMALLEST_SHARE
        names = ["depth", "label", "size", "count"]
        if before is not None:
            names += ["old", "oldCount"]
        self.columns: dict[str, list[int]] = {name: [] for name in names}
        # The largest of the frames that are folded into a node: label, size, label, size, ...
        self.told: dict[int, list[int]] = {}
        self.folded_frames = 0
        self.folded_size = 0

    def write_all(self) -> None:
        """Write the nodes of both trees; no recursion, since stacks may be deep."""
        root: _Pair = (0, None if self._before is None else 0)
        # The root's label is not looked at.
        pending = [(0, 0, root)]
        while pending:
            depth, label, pair = pending.pop()
            self._write(depth, label, self._amounts(pair))
            shown = []
            small = []
            for child in self._children(pair):
                amounts = self._amounts(child)
                if amounts.larger < self._smallest or depth >= MOST_LEVELS:
                    small.append((amounts, child))
                else:
                    shown.append((depth + 1, self._labels.number(Frame(self._frame(child))), child))
            if small:
                self._fold(depth + 1, small)
            # The last in is the next out.
            pending += reversed(shown)
        self._write_nowhere()

    def _children(self, pair: _Pair) -> Iterator[_Pair]:
        now, before = pair
        nodes = () if now is None else self._now.children(now)
        if before is None or self._before is None:
            yield from ((node, None) for node in nodes)
            return
        gone = {self._before.frame(node): node for node in self._before.children(before)}
        for node in nodes:
            yield node, gone.pop(self._now.frame(node), None)
        yield from ((None, node) for node in gone.values())

    def _frame(self, pair: _Pair) -> Any:
        now, before = pair
        if now is not None:
            return self._now.frame(now)
        assert self._before is not None, "a node is of one tree at least"
        assert before is not None, "a node is of one tree at least"
        return self._before.frame(before)

    def _amounts(self, pair: _Pair) -> _Amounts:
        now, before = pair
        size, count = (0, 0) if now is None else (self._now.size[now], self._now.count[now])
        if before is None or self._before is None:
            return _Amounts(size, count, 0, 0)
        return _Amounts(size, count, self._before.size[before], self._before.count[before])

    def _fold(self, depth: int, small: list[tuple[_Amounts, _Pair]]) -> None:
        sums = _Amounts(*map(sum, zip(*(amounts for amounts, _ in small), strict=True)))
        self.folded_frames += len(small)
        self.folded_size += sums.size
        if sums.larger >= self._smallest:
            # It can be seen, and is asked for what is in it.
            small.sort(key=lambda item: -item[0].larger)
            told = self.told[len(self.columns["depth"])] = []
            for amounts, pair in small[:TOLD]:
                told += [self._labels.number(Frame(self._frame(pair))), amounts.larger]
        self._write(depth, -len(small), sums)

    def _write_nowhere(self) -> None:
        size, count = self._now.nowhere
        old_size, old_count = (0, 0) if self._before is None else self._before.nowhere
        amounts = _Amounts(size, count, old_size, old_count)
        if amounts != _NOTHING:
            self._write(1, self._labels.number(None), amounts)

    def _write(self, depth: int, label: int, amounts: _Amounts) -> None:
        # Without a second tree there are fewer columns.
        for column, value in zip(self.columns.values(), (depth, label, *amounts), strict=False):
            column.append(value)
