"""Files that commands write: whole or not at all, and over no other unless told."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ctracemalloc.cli.arguments import Parser
from ctracemalloc.cli.errors import CommandError
from ctracemalloc.cli.streams import is_stdout_closed

STDOUT = "-"


def add_output(parser: Parser) -> None:
    """Add the options that name the file."""
    parser.add_argument(
        "-o", "--output", metavar="OUT", required=True, help="the file to write; - is stdout"
    )
    parser.add_argument("--force", action="store_true", help="write over a file that is there")


def check_output(path: str, force: bool) -> None:
    """Refuse a file that cannot or may not be written, before any work is done for it."""
    if path == STDOUT:
        if is_stdout_closed():
            raise CommandError(f"cannot write {path}: the standard output is closed")
        return
    target = Path(path)
    folder = target.absolute().parent
    if target.is_dir():
        raise CommandError(f"cannot write {path}: it is a folder")
    if not folder.is_dir():
        raise CommandError(f"cannot write {path}: no such folder: {folder}")
    if target.is_file() and not force:
        raise CommandError(f"cannot write {path}: it is there already (--force writes over it)")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CommandError(f"cannot write {path}: no permission to write to {folder}")


@contextmanager
def writing(path: str) -> Iterator[BinaryIO]:
    """Give a file to write to, which takes the place of `path` when all went well."""
    if path == STDOUT:
        yield sys.stdout.buffer
        return
    target = Path(path)
    try:
        if target.exists() and not target.is_file():
            # A pipe or a device has no contents that could be lost.
            with target.open("wb") as file:
                yield file
            return
        with _replacing(target) as file:
            yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror or error}") from error


@contextmanager
def _replacing(target: Path) -> Iterator[BinaryIO]:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.absolute().parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
