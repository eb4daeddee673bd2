"""Sets and maps of cykhash, made, grown, copied, emptied."""

from __future__ import annotations

import cykhash
import numpy as np

DOMAIN = 414141


def main() -> list[object]:
    """Make tables of each kind, and return what is alive at the end."""
    numbers = np.arange(20_000, dtype=np.int64)
    fractions = np.linspace(0, 1, 5_000)
    kept: list[object] = [
        cykhash.Int64Set_from_buffer(numbers),
        cykhash.Float64Set_from_buffer(fractions),
        cykhash.Int64toFloat64Map_from_buffers(numbers[:5_000], fractions),
        cykhash.PyObjectSet_from(f"word {i}" for i in range(3_000)),
        cykhash.PyObjectMap(),
        cykhash.unique_int64(numbers % 1000),
    ]
    grown = cykhash.Int32Set(number_of_elements_hint=10)
    for i in range(10_000):
        grown.add(i)
    for i in range(0, 10_000, 2):
        grown.discard(i)
    kept += [grown, cykhash.copy_int32(grown)]
    gone = cykhash.Float32Set()
    for i in range(1_000):
        gone.add(i)
    del gone
    return [*kept, None]
