"""A folder with the snapshots of one run, bounded in number and in bytes."""

# The import of pathlib is left to the program.
# ruff: noqa: PTH103, PTH107, PTH118, PTH202

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctracemalloc import Snapshot

DEFAULT_KEEP = 64
DEFAULT_KEEP_BYTES = 256 * 2**20
LEAST_KEEP = 4


class SeriesFull(Exception):
    """A single snapshot is larger than all of them may be."""


class Series:
    """Snapshots in the order of their numbers: `000001.ctm`, `000002.ctm`, ...

    Where there are too many, or too many bytes, every second one of the older half is removed, as
    often as it takes. So the first one stays, what is recent is dense, and what is long ago is
    sparse, the more so the longer ago it is.

    The folder is the first of the names that nothing has yet; it is made for the first snapshot.
    """

    def __init__(self, names: Iterable[str], keep: int, keep_bytes: int) -> None:
        self._names = iter(names)
        self.folder = next(self._names)
        self._keep = keep
        self._keep_bytes = keep_bytes
        self._has_folder = False
        self._taken = 0
        self._files: list[tuple[str, int]] = []

    def add(self, snapshot: Snapshot) -> None:
        """Write a snapshot, and remove what is then too much.

        After an `OSError` the next one may be tried.
        """
        # What could not be removed the last time.
        self._thin_to_bounds()
        if self._has_folder:
            # Somebody may have taken it away.
            os.makedirs(self.folder, exist_ok=True)
        else:
            self._make_folder()
        path = os.path.join(self.folder, f"{self._taken + 1:06}.ctm")
        snapshot.dump(path, command=True)
        self._taken += 1
        self._files.append((path, os.path.getsize(path)))
        self._thin_to_bounds()

    def _make_folder(self) -> None:
        while True:
            try:
                os.makedirs(self.folder)
            except FileExistsError:
                # Of a run before this one, perhaps by the same process.
                self.folder = next(self._names)
            else:
                self._has_folder = True
                return

    def _thin_to_bounds(self) -> None:
        while len(self._files) > self._keep or self._bytes() > self._keep_bytes:
            self._thin()

    def _bytes(self) -> int:
        return sum(size for _, size in self._files)

    def _thin(self) -> None:
        if len(self._files) == 1:
            self._remove(list(self._files))
            raise SeriesFull(
                f"one snapshot takes more than the {self._keep_bytes:,} bytes for all of them"
            )
        # Of two or three, the first goes: the newest is worth more.
        self._remove(self._files[: len(self._files) // 2][1::2] or self._files[:1])

    def _remove(self, files: list[tuple[str, int]]) -> None:
        for file in files:
            _remove_if_there(file[0])
            self._files.remove(file)


def _remove_if_there(path: str) -> None:
    try:
        os.remove(path)
    except FileNotFoundError:
        # Somebody took it away before.
        return
