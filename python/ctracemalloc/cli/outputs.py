"""Files that commands write: whole or not at all, and over no other unless told."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ctracemalloc import Snapshot
from ctracemalloc.cli.arguments import Parser
from ctracemalloc.cli.errors import CommandError
from ctracemalloc.cli.links import follow, is_descriptor
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
    try:
        target = follow(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    folder = target.absolute().parent
    if target.is_dir():
        raise CommandError(f"cannot write {path}: it is a folder")
    if not folder.is_dir():
        raise CommandError(f"cannot write {path}: no such folder: {folder}")
    if target.is_file() and not force:
        stdout = ", -o - writes to stdout" if is_descriptor(target) else ""
        raise CommandError(
            f"cannot write {path}: it is there already (--force writes over it{stdout})"
        )
    if _is_replaced(target) and not os.access(folder, os.W_OK | os.X_OK):
        raise CommandError(f"cannot write {path}: no permission to write to {folder}")


@contextmanager
def writing(path: str) -> Iterator[BinaryIO]:
    """Give a file to write to, which takes the place of `path` when all went well."""
    if path == STDOUT:
        yield sys.stdout.buffer
        return
    try:
        # A link keeps its place: what it leads to is replaced.
        target = follow(path)
        with _replacing(target) if _is_replaced(target) else target.open("wb") as file:
            yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _cannot_write(path, error) from error


def write_snapshot(snapshot: Snapshot, path: str) -> None:
    """Write a snapshot file, or end the command with the reason why there can be none."""
    with writing(path) as file:
        try:
            snapshot.dump(file)
        except ValueError as error:
            raise CommandError(f"cannot write {path}: {error}") from error


def _cannot_write(path: str, error: OSError) -> CommandError:
    return CommandError(f"cannot write {path}: {error.strerror or error}")


def _is_replaced(target: Path) -> bool:
    """Tell whether another file takes the target's place; else it is written where it is."""
    # A pipe or a device has no contents that could be lost.
    return not is_descriptor(target) and (target.is_file() or not target.exists())


@contextmanager
def _replacing(target: Path) -> Iterator[BinaryIO]:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.absolute().parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        _take_over_rights(target, temporary)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _take_over_rights(target: Path, temporary: Path) -> None:
    """Let the new file be whose the old one was, and as open to others."""
    try:
        old = target.stat()
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        return
    with suppress(PermissionError):
        os.chown(temporary, old.st_uid, old.st_gid)
    temporary.chmod(stat.S_IMODE(old.st_mode) & 0o777)
