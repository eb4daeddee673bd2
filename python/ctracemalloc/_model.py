"""The classes that traces and statistics are shown as: as those of the standard library are."""

from __future__ import annotations

# `collections.abc` would load all of `collections` at every start.
from _collections_abc import Iterator, Sequence

from ctracemalloc import _load
from ctracemalloc._engine import SnapshotTable, StatisticDiffFields, StatisticFields
from ctracemalloc._text import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, SupportsIndex, TypeVar, overload

    _Class = TypeVar("_Class", bound=type)
    _FrameSequence = Sequence["Frame"]
    _TraceSequence = Sequence["Trace"]
else:
    _FrameSequence = Sequence
    _TraceSequence = Sequence

FrameTuple = tuple[str, int]
# With the name of the function.
NamedFrameTuple = tuple[str, int, str]
# The newest frame is the first one.
FramesTuple = tuple[FrameTuple, ...]
NamedFramesTuple = tuple[FrameTuple | NamedFrameTuple, ...]
TraceTuple = tuple[int, int, FramesTuple, int | None]
# What the constructors take, as type checkers know it of the standard library's.
GivenFrames = Sequence[FrameTuple | NamedFrameTuple]
GivenTrace = tuple[int, int, GivenFrames, int | None] | tuple[int, int, GivenFrames]

# As the standard library's module calls it.
_format_size = human_size


def _order_by_less(cls: _Class) -> _Class:
    """Add the other comparisons to a class that has `<` and `==`.

    As `functools.total_ordering` does, which would have to be loaded at every start.
    """

    def make(
        name: str, decide: Callable[[bool, object, object], bool]
    ) -> Callable[[object, object], bool]:
        def compare(self: object, other: object) -> bool:
            less: bool = type(self).__lt__(self, other)  # type: ignore[operator]
            return less if less is NotImplemented else decide(less, self, other)

        compare.__name__ = name
        compare.__qualname__ = f"{cls.__qualname__}.{name}"
        return compare

    for method in (
        make("__gt__", lambda less, self, other: not less and self != other),
        make("__le__", lambda less, self, other: less or self == other),
        make("__ge__", lambda less, self, other: not less),
    ):
        setattr(cls, method.__name__, method)
    return cls


@_order_by_less
class Frame:
    """One line of a stack: a file name and a line number, and in trees and where traces are
    grouped by function also the function's name, which then counts in comparisons.
    """

    __module__ = "ctracemalloc"

    __slots__ = ("_frame",)

    if TYPE_CHECKING:
        _frame: FrameTuple | NamedFrameTuple

    def __init__(self, frame: FrameTuple | NamedFrameTuple) -> None:
        self._frame = frame

    @property
    def filename(self) -> str:
        """Name of the file, or `<unknown>`."""
        return self._frame[0]

    @property
    def lineno(self) -> int:
        """Number of the line; 0 if it is unknown."""
        return self._frame[1]

    @property
    def name(self) -> str:
        """Qualified name of the function; empty if it is unknown."""
        return self._frame[2] if len(self._frame) == 3 else ""

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Frame):
            return self._frame == other._frame
        return NotImplemented

    def __lt__(self, other: Frame) -> bool:
        if isinstance(other, Frame):
            return self._frame < other._frame
        return NotImplemented

    if TYPE_CHECKING:

        def __gt__(self, other: Frame) -> bool: ...
        def __le__(self, other: Frame) -> bool: ...
        def __ge__(self, other: Frame) -> bool: ...

    def __hash__(self) -> int:
        return hash(self._frame)

    def __getstate__(self) -> object:
        # What is inherited does not serve the first two protocols of pickle.
        return object.__getstate__(self)

    def __str__(self) -> str:
        name = self.name
        if not name:
            return f"{self.filename!s}:{self.lineno!s}"
        if self.lineno == 0:
            return f"{self.filename}:{name}"
        return f"{self.filename}:{self.lineno} ({name})"

    def __repr__(self) -> str:
        name = f" name={self.name!r}" if len(self._frame) == 3 else ""
        return f"<Frame filename={self.filename!r} lineno={self.lineno!r}{name}>"


@_order_by_less
class Traceback(_FrameSequence):
    """The frames of a stack, from the oldest to the most recent one."""

    __module__ = "ctracemalloc"

    __slots__ = ("_frames", "_total_nframe")

    if TYPE_CHECKING:
        _frames: NamedFramesTuple
        _total_nframe: int | None

    def __init__(self, frames: GivenFrames, total_nframe: int | None = None) -> None:
        # They come with the most recent one first.
        self._frames = tuple(reversed(frames))
        self._total_nframe = total_nframe

    @property
    def total_nframe(self) -> int | None:
        """Number of frames that the stack had before it was cut; None if that is unknown."""
        return self._total_nframe

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

    def __contains__(self, frame: Frame) -> bool:  # type: ignore[override]
        return frame._frame in self._frames

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Traceback):
            return self._frames == other._frames
        return NotImplemented

    def __lt__(self, other: Traceback) -> bool:
        if isinstance(other, Traceback):
            return self._frames < other._frames
        return NotImplemented

    if TYPE_CHECKING:

        def __gt__(self, other: Traceback) -> bool: ...
        def __le__(self, other: Traceback) -> bool: ...
        def __ge__(self, other: Traceback) -> bool: ...

    def __hash__(self) -> int:
        return hash(self._frames)

    def __getstate__(self) -> object:
        return object.__getstate__(self)

    def __str__(self) -> str:
        return str(self[0])

    def __repr__(self) -> str:
        total = "" if self._total_nframe is None else f" total_nframe={self.total_nframe!s}"
        return f"<Traceback {tuple(self)}{total}>"

    def format(self, limit: int | None = None, most_recent_first: bool = False) -> list[str]:
        """Return the lines of text that show the traceback, with the source where it is found.

        A positive limit keeps that many of the most recent frames, a negative one leaves out
        that many of them.
        """
        _load("linecache")
        # What it loads itself when it reads a file.
        _load("tokenize")
        import linecache

        frames: Sequence[Frame] = self
        if limit is not None:
            frames = self[-limit:] if limit > 0 else self[:limit]
        lines = []
        for frame in reversed(frames) if most_recent_first else frames:
            lines.append(f'  File "{frame.filename!s}", line {frame.lineno!s}')
            source = linecache.getline(frame.filename, frame.lineno).strip()
            if source:
                lines.append(f"    {source}")
        return lines


class Trace:
    """One memory block: its size, and the stack that allocated it."""

    __module__ = "ctracemalloc"

    __slots__ = ("_trace",)

    if TYPE_CHECKING:
        _trace: GivenTrace

    def __init__(self, trace: GivenTrace) -> None:
        self._trace = trace

    @property
    def domain(self) -> int:
        """Address space of the block; 0 is Python's."""
        return self._trace[0]

    @property
    def size(self) -> int:
        """Size of the block in bytes."""
        return self._trace[1]

    @property
    def traceback(self) -> Traceback:
        """Where the block was allocated."""
        return Traceback(*self._trace[2:])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Trace):
            return self._trace == other._trace
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._trace)

    def __getstate__(self) -> object:
        return object.__getstate__(self)

    def __str__(self) -> str:
        return f"{self.traceback}: {human_size(self.size)}"

    def __repr__(self) -> str:
        return (
            f"<Trace domain={self.domain!s} size={human_size(self.size)}, "
            f"traceback={self.traceback!r}>"
        )


class _Traces(_TraceSequence):
    """The traces of a snapshot. Each `Trace` is made when it is looked at."""

    __module__ = "ctracemalloc"

    _traces: SnapshotTable | Sequence[TraceTuple]

    def __init__(self, traces: SnapshotTable | Sequence[GivenTrace]) -> None:
        # Others than those of the annotation cannot be analysed, here as there.
        self._traces = traces  # type: ignore[assignment]

    def __len__(self) -> int:
        return len(self._traces)

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, index: SupportsIndex) -> Trace: ...
        @overload
        def __getitem__(self, index: slice) -> tuple[Trace, ...]: ...

    def __getitem__(self, index: SupportsIndex | slice) -> Trace | tuple[Trace, ...]:
        if isinstance(index, slice):
            return tuple(map(Trace, self._traces[index]))
        return Trace(self._traces[index])  # type: ignore[call-overload]

    def __iter__(self) -> Iterator[Trace]:
        return map(Trace, self._traces)

    def __contains__(self, trace: Trace) -> bool:  # type: ignore[override]
        return trace._trace in self._traces

    def __eq__(self, other: object) -> bool:
        if isinstance(other, _Traces):
            return self._traces == other._traces
        return NotImplemented

    def __repr__(self) -> str:
        if isinstance(self._traces, SnapshotTable) and self._traces.kind() != "live":
            return f"<Traces of the {self._traces.kind()}>"
        return f"<Traces len={len(self)}>"


def _average(size: float, count: int) -> str:
    """Write the last part of the text of a statistic; there is none without blocks."""
    return f", average={human_size(size / count)}" if count else ""


class Statistic(StatisticFields):
    """The blocks of one place: their number and their bytes."""

    __module__ = "ctracemalloc"

    __slots__: tuple[str, ...] = ()

    @property
    def is_exact(self) -> bool:
        """Whether all that the place counted is in it, and nothing else.

        False only of a churn, where it may be otherwise: what stacks counted that were given back
        is known by its line. So functions may be wrong, and where more than one frame is kept also
        tracebacks, and all that counts callers (`cumulative`). Where it is known by less than its
        line (`Snapshot.is_exact`), lines may be wrong, too.
        """
        return True

    def __init__(self, traceback: Traceback, size: int, count: int) -> None:
        self.traceback = traceback
        self.size = size
        self.count = count

    def __hash__(self) -> int:
        return hash((self.traceback, self.size, self.count))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Statistic):
            return NotImplemented
        return (
            self.traceback == other.traceback
            and self.size == other.size
            and self.count == other.count
        )

    def __getstate__(self) -> object:
        return object.__getstate__(self)

    def __str__(self) -> str:
        size = human_size(self.size)
        # %i, since a count may be any number.
        text = "%s: size=%s, count=%i" % (self.traceback, size, self.count)  # noqa: UP031
        return text + _average(self.size, self.count)

    def __repr__(self) -> str:
        values = (self.traceback, self.size, self.count)
        return "<Statistic traceback=%r size=%i count=%i>" % values  # noqa: UP031

    def _repr_html_(self) -> str:
        _load("ctracemalloc.report.cells")
        from ctracemalloc.report.cells import statistic_html

        return statistic_html(self)

    def _sort_key(self) -> tuple[Any, ...]:
        return (self.size, self.count, self.traceback)


class InexactStatistic(Statistic):
    """A statistic that may be wrong: its place may have counted more than is known of it."""

    __slots__: tuple[str, ...] = ()

    @property
    def is_exact(self) -> bool:
        """False."""
        return False


class StatisticDiff(StatisticDiffFields):
    """The blocks of one place in a new snapshot, and what changed since an old one."""

    __module__ = "ctracemalloc"

    __slots__: tuple[str, ...] = ()

    @property
    def is_exact(self) -> bool:
        """Whether what both snapshots say of the place is exact: see `Statistic.is_exact`."""
        return True

    def __init__(
        self, traceback: Traceback, size: int, size_diff: int, count: int, count_diff: int
    ) -> None:
        self.traceback = traceback
        self.size = size
        self.size_diff = size_diff
        self.count = count
        self.count_diff = count_diff

    def __hash__(self) -> int:
        return hash((self.traceback, self.size, self.size_diff, self.count, self.count_diff))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StatisticDiff):
            return NotImplemented
        return (
            self.traceback == other.traceback
            and self.size == other.size
            and self.size_diff == other.size_diff
            and self.count == other.count
            and self.count_diff == other.count_diff
        )

    def __getstate__(self) -> object:
        return object.__getstate__(self)

    def __str__(self) -> str:
        size = human_size(self.size)
        size_diff = human_size(self.size_diff, sign=True)
        values = (self.traceback, size, size_diff, self.count, self.count_diff)
        text = "%s: size=%s (%s), count=%i (%+i)" % values  # noqa: UP031
        return text + _average(self.size, self.count)

    def __repr__(self) -> str:
        values = (self.traceback, self.size, self.size_diff, self.count, self.count_diff)
        form = "<StatisticDiff traceback=%r size=%i (%+i) count=%i (%+i)>"
        return form % values

    def _repr_html_(self) -> str:
        _load("ctracemalloc.report.cells")
        from ctracemalloc.report.cells import diffs_html

        return diffs_html([self])

    def _sort_key(self) -> tuple[Any, ...]:
        size, count = abs(self.size_diff), abs(self.count_diff)
        return (size, self.size, count, self.count, self.traceback)


class InexactStatisticDiff(StatisticDiff):
    """A difference of which a side may be wrong."""

    __slots__: tuple[str, ...] = ()

    @property
    def is_exact(self) -> bool:
        """False."""
        return False


# The attributes stand in the base classes; what asks a class for its slots (pickle and copy do)
# finds them as in the standard library's.
Statistic.__slots__ = ("traceback", "size", "count")
StatisticDiff.__slots__ = ("traceback", "size", "size_diff", "count", "count_diff")
SnapshotTable.use_classes(Statistic, StatisticDiff, Traceback)
