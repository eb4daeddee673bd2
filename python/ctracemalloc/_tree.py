"""The traces of a snapshot as a tree of calls: what flame graphs are drawn from."""

from __future__ import annotations

from _collections_abc import Iterator, Sequence

from ctracemalloc._engine import SnapshotTable
from ctracemalloc._model import Frame, Traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import SupportsIndex, overload

    from ctracemalloc._model import FrameTuple, NamedFrameTuple

    _NodeSequence = Sequence["TreeNode"]
    _FrameSequence = Sequence[Frame]
else:
    _NodeSequence = Sequence
    _FrameSequence = Sequence

_KEYS = ("lineno", "function", "filename", "module")


class TreeColumns:
    """What a tree is made of: memoryviews with an item for each node.

    Nodes are numbered from the root, 0, each right before all that is below it; those with one
    parent by size, then by count, the largest first, then by frame. What is below node i is
    range(i + 1, end[i]); its first child, if any, is i + 1, and a child's sibling is its end.

    `parent` and `frame`, an index into `Tree.frames`, are 0xFFFFFFFF for the root. `size` and
    `count` are the bytes and blocks of the stacks that go through a node, `own_size` and
    `own_count` those of the stacks of which it is the last frame.
    """

    __slots__ = ("count", "end", "frame", "own_count", "own_size", "parent", "size")

    def __init__(self, columns: tuple[bytes, ...]) -> None:
        parent, frame, end, size, count, own_size, own_count = columns
        self.parent: memoryview[int] = memoryview(parent).cast("I")
        self.frame: memoryview[int] = memoryview(frame).cast("I")
        self.end: memoryview[int] = memoryview(end).cast("I")
        self.size: memoryview[int] = memoryview(size).cast("Q")
        self.count: memoryview[int] = memoryview(count).cast("Q")
        self.own_size: memoryview[int] = memoryview(own_size).cast("Q")
        self.own_count: memoryview[int] = memoryview(own_count).cast("Q")


class _Frames(_FrameSequence):
    """Frames, each made when it is looked at."""

    def __init__(self, frames: list[FrameTuple | NamedFrameTuple]) -> None:
        self._frames = frames

    def __len__(self) -> int:
        return len(self._frames)

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, index: SupportsIndex) -> Frame: ...
        @overload
        def __getitem__(self, index: slice) -> tuple[Frame, ...]: ...

    def __getitem__(self, index: SupportsIndex | slice) -> Frame | tuple[Frame, ...]:
        if isinstance(index, slice):
            return tuple(map(Frame, self._frames[index]))
        return Frame(self._frames[index])


class Tree(_NodeSequence):
    """A tree of calls, as a sequence of its nodes: the root first, what is below a node after it.

    The root stands for all traces. Below it are the oldest frames of the stacks, below each frame
    what it called; inverted, the newest frames and below each what called it. A node is made when
    it is looked at; `columns()` has the numbers of all without any. `Snapshot.tree()` makes it.
    """

    def __init__(self, table: SnapshotTable, by: str = "lineno", inverted: bool = False) -> None:
        if by not in _KEYS:
            raise ValueError(f"unknown key of a tree: {by!r}; expected one of {', '.join(_KEYS)}")
        self.by = by
        self.inverted = bool(inverted)
        frames, *columns = table.tree(by, self.inverted)
        self._frames = frames
        self._columns = TreeColumns(tuple(columns))

    @property
    def root(self) -> TreeNode:
        """The node that stands for all traces."""
        return TreeNode(self, 0)

    @property
    def frames(self) -> Sequence[Frame]:
        """The frames of all nodes, each once, in ascending order."""
        return _Frames(self._frames)

    def columns(self) -> TreeColumns:
        """Return the numbers of all nodes. They are not copied, and cannot be changed."""
        return self._columns

    def __len__(self) -> int:
        return len(self._columns.parent)

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, index: SupportsIndex) -> TreeNode: ...
        @overload
        def __getitem__(self, index: slice) -> tuple[TreeNode, ...]: ...

    def __getitem__(self, index: SupportsIndex | slice) -> TreeNode | tuple[TreeNode, ...]:
        numbers = range(len(self))[index]
        if isinstance(numbers, range):
            return tuple(TreeNode(self, number) for number in numbers)
        return TreeNode(self, numbers)

    def __iter__(self) -> Iterator[TreeNode]:
        return (TreeNode(self, number) for number in range(len(self)))

    def __repr__(self) -> str:
        inverted = " inverted" if self.inverted else ""
        return f"<Tree by={self.by!r}{inverted} len={len(self)}>"


class TreeNode:
    """A frame in a tree of calls, or its root."""

    __slots__ = ("number", "tree")

    tree: Tree
    number: int

    def __init__(self, tree: Tree, number: int) -> None:
        self.tree = tree
        self.number = number

    @property
    def frame(self) -> Frame | None:
        """What the node stands for; None for the root."""
        if self.number == 0:
            return None
        return Frame(self.tree._frames[self.tree._columns.frame[self.number]])

    @property
    def size(self) -> int:
        """Bytes of the stacks that go through the node."""
        return self.tree._columns.size[self.number]

    @property
    def count(self) -> int:
        """Blocks of the stacks that go through the node."""
        return self.tree._columns.count[self.number]

    @property
    def own_size(self) -> int:
        """Bytes of the stacks of which the node is the last frame."""
        return self.tree._columns.own_size[self.number]

    @property
    def own_count(self) -> int:
        """Blocks of the stacks of which the node is the last frame."""
        return self.tree._columns.own_count[self.number]

    @property
    def parent(self) -> TreeNode | None:
        """The node above; None for the root."""
        return None if self.number == 0 else TreeNode(self.tree, self._parents()[self.number])

    @property
    def children(self) -> tuple[TreeNode, ...]:
        """The nodes right below, the largest first."""
        ends = self.tree._columns.end
        children = []
        number = self.number + 1
        while number < ends[self.number]:
            children.append(TreeNode(self.tree, number))
            number = ends[number]
        return tuple(children)

    @property
    def depth(self) -> int:
        """Number of frames from the root to here; 0 for the root."""
        return sum(1 for _ in self._path())

    @property
    def traceback(self) -> Traceback:
        """The frames from the root to here as a stack, the oldest first."""
        labels = self.tree._columns.frame
        frames = [self.tree._frames[labels[number]] for number in self._path()]
        # The class takes the newest frame first.
        return Traceback(frames[::-1] if self.tree.inverted else frames)

    def _parents(self) -> memoryview[int]:
        return self.tree._columns.parent

    def _path(self) -> Iterator[int]:
        """Go from here up to below the root."""
        parents = self._parents()
        number = self.number
        while number != 0:
            yield number
            number = parents[number]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TreeNode):
            return self.tree is other.tree and self.number == other.number
        return NotImplemented

    def __hash__(self) -> int:
        return hash((id(self.tree), self.number))

    def __repr__(self) -> str:
        place = "root" if self.number == 0 else str(self.frame)
        return f"<TreeNode {place} size={self.size} count={self.count}>"
