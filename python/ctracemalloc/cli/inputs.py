"""What commands read that is no file of its own: stdin, and pipes that the process has open."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ctracemalloc.cli.errors import CommandError
from ctracemalloc.cli.links import own_descriptor

STDIN = "-"
# What `.ctm` files begin with.
MAGIC = b"\x89CTM"


class Input:
    """Passes on what is read, and keeps of what kind and how much it was."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.is_ctm = False
        self.length = 0

    def read(self, size: int) -> bytes:
        read = self._file.read(size)
        if self.length == 0:
            self.is_ctm = read.startswith(MAGIC)
        self.length += len(read)
        return read


@contextmanager
def open_input(path: str) -> Iterator[Input | None]:
    """Open stdin, or a pipe of this process by a name such as /dev/fd/63; None for all else.

    A pipe that lies in a folder is not opened, since that waits for somebody to write to it.
    """
    if path == STDIN:
        if sys.stdin is None:
            raise CommandError(f"cannot read {path}: the standard input is closed")
        if sys.stdin.isatty():
            raise CommandError(f"cannot read {path}: the standard input is a terminal")
        yield Input(sys.stdin.buffer)
        return
    descriptor = own_descriptor(path) if _is_pipe(path) else None
    if descriptor is None:
        yield None
        return
    # Not by its name: to open a pipe anew may wait, too.
    with os.fdopen(os.dup(descriptor), "rb") as file:
        yield Input(file)


def _is_pipe(path: str) -> bool:
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        # Whoever opens it says why not.
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
