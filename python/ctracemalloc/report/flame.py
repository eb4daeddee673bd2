"""Trees of calls as the page of a report holds them: columns of numbers, small frames folded.

A node's label is a number of `Labels`, or, negative, how many smaller frames are folded into it.
The nodes stand in pre-order, each with its depth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ctracemalloc import Frame, Snapshot, TreeNode
from ctracemalloc._engine import module_name

SMALLEST_SHARE = 1 / 1000
"""Of the whole: what is smaller is about a pixel wide, and many of them would be a blank area."""


@dataclass
class Labels:
    """The distinct frames of all trees of a page, and the modules that they are in."""

    texts: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)
    module_of: list[int] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)
    _module_numbers: dict[str, int] = field(default_factory=dict)

    def number(self, frame: Frame) -> int:
        """Return the number of a frame's label."""
        text = f"{frame.name} ({frame.filename}:{frame.lineno})" if frame.name else str(frame)
        number = self._numbers.get(text)
        if number is None:
            number = self._numbers[text] = len(self.texts)
            self.texts.append(text)
            self.module_of.append(self._module(module_name(frame.filename)))
        return number

    def _module(self, name: str) -> int:
        number = self._module_numbers.get(name)
        if number is None:
            number = self._module_numbers[name] = len(self.modules)
            self.modules.append(name)
        return number


@dataclass(frozen=True)
class Folded:
    """What a page does not show of its trees."""

    frames: int
    size: int


def flame_columns(
    snapshot: Snapshot, old: Snapshot | None, labels: Labels, *, inverted: bool
) -> tuple[dict[str, list[int]], Folded]:
    """Return the columns of a snapshot's tree, compared with that of an older one if there is one.

    Frames below `SMALLEST_SHARE` of the whole, now and then, are folded into one for each caller.
    """
    now_root = snapshot.tree(inverted=inverted).root
    old_root = None if old is None else old.tree(inverted=inverted).root
    smallest = max(now_root.size, old_root.size if old_root else 0) * SMALLEST_SHARE
    writer = _Writer(labels, smallest, compared=old is not None)
    writer.add(0, 0, now_root, old_root)
    return writer.columns, Folded(writer.folded_frames, writer.folded_size)


class _Writer:
    def __init__(self, labels: Labels, smallest: float, *, compared: bool) -> None:
        names = ["depth", "label", "size", "count", *(["old", "oldCount"] if compared else [])]
        self.columns: dict[str, list[int]] = {name: [] for name in names}
        self.folded_frames = 0
        self.folded_size = 0
        self._labels = labels
        self._smallest = smallest
        self._compared = compared

    def add(self, depth: int, label: int, now: TreeNode | None, old: TreeNode | None) -> None:
        """Write a node of both trees, and all below it; no recursion, since stacks may be deep."""
        pending = [(depth, label, now, old)]
        while pending:
            depth, label, now, old = pending.pop()
            self._write(depth, label, _amounts(now), _amounts(old))
            shown, small = self._children(now, old)
            if small:
                sums = tuple(map(sum, zip(*small, strict=True)))
                self.folded_frames += len(small)
                self.folded_size += sums[0]
                self._write(depth + 1, -len(small), sums[:2], sums[2:])
            # The last in is the next out.
            pending += [(depth + 1, *child) for child in reversed(shown)]

    def _children(
        self, now: TreeNode | None, old: TreeNode | None
    ) -> tuple[list[tuple[int, TreeNode | None, TreeNode | None]], list[tuple[int, int, int, int]]]:
        before = dict(self._labelled(old))
        pairs = [(label, node, before.pop(label, None)) for label, node in self._labelled(now)]
        gone: list[tuple[int, TreeNode | None, TreeNode | None]]
        gone = [(label, None, node) for label, node in before.items()]
        shown = []
        small = []
        for label, new_node, old_node in [*pairs, *gone]:
            amounts = (*_amounts(new_node), *_amounts(old_node))
            if max(amounts[0], amounts[2]) < self._smallest:
                small.append(amounts)
            else:
                shown.append((label, new_node, old_node))
        return shown, small

    def _labelled(self, node: TreeNode | None) -> Iterator[tuple[int, TreeNode]]:
        for child in node.children if node is not None else ():
            assert child.frame is not None, "only a root has no frame"
            yield self._labels.number(child.frame), child

    def _write(self, depth: int, label: int, now: tuple[int, ...], old: tuple[int, ...]) -> None:
        values = [depth, label, *now, *(old if self._compared else ())]
        for column, value in zip(self.columns.values(), values, strict=True):
            column.append(value)


def _amounts(node: TreeNode | None) -> tuple[int, int]:
    return (0, 0) if node is None else (node.size, node.count)
