"""The numbers in tables of statistics: those of an entry, and of all that a table leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from ctracemalloc import Statistic, StatisticDiff
from ctracemalloc._text import human_size

# Faster than loops: there may be a hundred thousand entries.
_SIZE, _COUNT = attrgetter("size"), attrgetter("count")
_SIZE_DIFF, _COUNT_DIFF = attrgetter("size_diff"), attrgetter("count_diff")


class Total:
    """The bytes and blocks of several groups, or of a snapshot."""

    __slots__ = ("count", "size")

    def __init__(self, size: int, count: int) -> None:
        self.size = size
        self.count = count


class Change:
    """What several groups have in the newer of two snapshots, and by how much that is more."""

    __slots__ = ("count_diff", "size", "size_diff")

    def __init__(self, size: int, size_diff: int, count_diff: int) -> None:
        self.size = size
        self.size_diff = size_diff
        self.count_diff = count_diff


def added(statistics: Sequence[Statistic]) -> Total:
    """Add up groups of which no block is in two."""
    return Total(sum(map(_SIZE, statistics)), sum(map(_COUNT, statistics)))


def added_diffs(diffs: Sequence[StatisticDiff]) -> Change:
    """Add up the differences of groups of which no block is in two."""
    sizes = sum(map(_SIZE, diffs)), sum(map(_SIZE_DIFF, diffs))
    return Change(*sizes, sum(map(_COUNT_DIFF, diffs)))


def amounts(part: Total | Statistic, whole: int) -> tuple[str, str, str]:
    """Write the size, the blocks, and the share of the whole."""
    return human_size(part.size), f"{part.count:,}", share_of(part.size, whole)


def changes(part: Change | StatisticDiff) -> tuple[str, str, str]:
    """Write the growth of the size, that of the blocks, and the size now."""
    growth = human_size(part.size_diff, sign=True)
    return growth, f"{part.count_diff:+,}", human_size(part.size)


def share_of(size: int, whole: int) -> str:
    """Write what part of the whole a size is; nothing where the whole is nothing."""
    return f"{size / whole:.1%}" if whole else ""
