"""Files that commands write: whole or not at all, and over no other unless told."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from ctracemalloc import Snapshot, _engine
from ctracemalloc.cli.arguments import Parser
from ctracemalloc.cli.errors import CommandError
from ctracemalloc.cli.links import Target, follow, own_descriptor
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
    with failing(path):
        _check_target(path, follow(path), force)


def is_stdout(path: str) -> bool:
    """Tell whether a path that `check_output` let through is of what this process prints to."""
    return path == STDOUT or own_descriptor(path) == 1


def _check_target(path: str, target: Target, force: bool) -> None:
    folder = target.path.absolute().parent
    if target.path.is_dir():
        raise CommandError(f"cannot write {path}: it is a folder")
    if not folder.is_dir():
        raise CommandError(f"cannot write {path}: no such folder: {folder}")
    if target.path.is_file() and not force:
        stdout = ", -o - writes to stdout" if target.is_descriptor else ""
        raise CommandError(
            f"cannot write {path}: it is there already (--force writes over it{stdout})"
        )
    if target.is_replaced() and not os.access(folder, os.W_OK | os.X_OK):
        raise CommandError(f"cannot write {path}: no permission to write to {folder}")


def write_file(path: str, write: Callable[[BinaryIO], object]) -> None:
    """Let a function write a file, which takes the place of `path` when all went well."""
    if path == STDOUT:
        with _whole_stdout() as file:
            write(file)
        return

    def write_to(descriptor: int) -> None:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            write(file)

    with failing(path):
        _engine._save(Path(path), write_to)


@contextmanager
def _whole_stdout() -> Iterator[BinaryIO]:
    """Give a file that writes all it is given to stdout, where stdout may write a part."""
    stdout = cast("io.BufferedIOBase | io.RawIOBase", sys.stdout.buffer)
    if not isinstance(stdout, io.RawIOBase):
        # Its buffer goes out when the command ends.
        yield sys.stdout.buffer
        return
    buffered = io.BufferedWriter(stdout)
    try:
        yield buffered
        buffered.flush()
    finally:
        # What could not be written cannot be now either.
        with suppress(OSError):
            buffered.detach()


def write_snapshot(snapshot: Snapshot, path: str) -> None:
    """Write a snapshot file, or end the command with the reason why there can be none."""
    try:
        if path == STDOUT:
            snapshot.dump(sys.stdout.buffer)
        else:
            with failing(path):
                snapshot.dump(Path(path))
    except ValueError as error:
        raise CommandError(f"cannot write {path}: {error}") from error


@contextmanager
def failing(path: str) -> Iterator[None]:
    """End the command if the system has no place for the file."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror or error}") from error
