"""Arrays of numpy: made, resized, viewed, mapped, handed between threads, freed."""

from __future__ import annotations

import tempfile
import threading

import numpy as np

DOMAIN = 389047


def main() -> list[object]:
    """Make arrays, and return what is alive at the end; the last entry is its number of bytes."""
    owners = [np.zeros(1000), np.arange(333), np.empty((50, 70), dtype=np.float32)]
    owners += [np.zeros(size, dtype=np.uint8) for size in range(1, 2000, 7)]
    grown = np.zeros(10)
    grown.resize(100_000, refcheck=False)
    shrunk = np.zeros(100_000)
    shrunk.resize(10, refcheck=False)
    owners += [grown, shrunk, owners[0] + owners[0], owners[1] * 2, owners[2].copy()]
    views = [owner[: len(owner) // 2] for owner in owners]
    for _ in range(3):
        np.linalg.norm(np.outer(owners[1], owners[1]))

    def make() -> None:
        owners.extend(np.zeros(500 + i) for i in range(50))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made_elsewhere = owners.pop()  # freed here, by another thread than made it
    del made_elsewhere
    with tempfile.TemporaryFile() as file:
        file.truncate(1 << 20)
        mapped = np.memmap(file, dtype=np.uint8, shape=(1 << 20,))
    return [owners, views, mapped, sum(owner.nbytes for owner in owners)]
