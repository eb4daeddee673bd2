"""The rows of a table as columns of numbers, without their frames.

The frames of one stack can be more than the file is long.
"""

from __future__ import annotations

from typing import NamedTuple

from ctracemalloc._engine import SnapshotTable


class RowColumns(NamedTuple):
    """Memoryviews with an item for each row; stacks have equal numbers where they are the same."""

    domains: memoryview[int]
    stacks: memoryview[int]
    sizes: memoryview[int]
    counts: memoryview[int]


def row_columns(table: SnapshotTable) -> RowColumns:
    """Return the columns of a table."""
    domains, stacks, sizes, counts = table.row_columns()
    return RowColumns(
        memoryview(domains).cast("I"),
        memoryview(stacks).cast("I"),
        memoryview(sizes).cast("Q"),
        memoryview(counts).cast("Q"),
    )
