"""What stands for the size of a block where only sums are known: at the peak and in the churn."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from ctracemalloc._engine import SnapshotTable
    from ctracemalloc._model import TraceTuple

_USES = """
    lt le eq ne gt ge hash bool int float complex index round trunc floor ceil
    neg pos abs invert add sub mul matmul truediv floordiv mod divmod pow lshift rshift and or xor
    radd rsub rmul rmatmul rtruediv rfloordiv rmod rdivmod rpow rlshift rrshift rand ror rxor
"""


class _Size:
    """No number: it can be handed on, so that tuples can be unpacked, but not be used as one."""

    __slots__ = ("_table",)

    def __init__(self, table: SnapshotTable) -> None:
        self._table = table

    def __repr__(self) -> str:
        return "<unknown size>"

    def _refuse(self, *_: object) -> object:
        # Raises ValueError, in the words that all have for it who ask for single blocks.
        return len(self._table)


_UnknownSize: Any = type(
    "UnknownSize", (_Size,), {f"__{use}__": _Size._refuse for use in _USES.split()}
)


def without_sizes(
    table: SnapshotTable, rows: Iterable[tuple[TraceTuple, int]]
) -> Iterator[tuple[TraceTuple, int]]:
    """Return the rows of a table that knows no single blocks, as traces of no known size."""
    size = _UnknownSize(table)
    for (domain, _, frames, total_nframe), count in rows:
        yield (domain, size, frames, total_nframe), count
