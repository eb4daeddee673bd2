"""Snapshots to files and back."""

from __future__ import annotations

import errno
import io
import os

from ctracemalloc._about import with_names
from ctracemalloc._engine import FormatError, SnapshotTable
from ctracemalloc._model import _Traces
from ctracemalloc._snapshot import Snapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO

    from ctracemalloc._snapshot import StrOrBytesPath

_LIMIT = "traceback_limit"
# What is longer is refused, and not read to its end.
_MOST_BYTES = 2**30
# A buffered file reserves what it is asked for, however short it is.
_FIRST_BYTES = 2**20


def dump(
    snapshot: Snapshot, target: StrOrBytesPath | int | BinaryIO, fsync: bool, about: dict[str, Any]
) -> None:
    """Write a snapshot to a path, a descriptor or a binary file object."""
    traces = snapshot.traces._traces
    # Traces that no file can hold are refused here, by name.
    table = traces if isinstance(traces, SnapshotTable) else SnapshotTable(traces)
    about = with_names(table, about)
    if about:
        table = table.with_about({**table.about(), **about})
    attributes = {name: value for name, value in vars(snapshot).items() if name != "traces"}
    if _has_limit(table, attributes.get(_LIMIT)):
        del attributes[_LIMIT]
    if isinstance(target, int):
        with os.fdopen(target, "wb") as file:
            _write(file, table.encode(attributes), fsync)
    elif isinstance(target, (str, bytes, os.PathLike)):
        table.write(os.fspath(target), attributes, fsync)
    elif hasattr(target, "write"):
        _write(target, table.encode(attributes), fsync)
    else:
        raise _not_a_file(target)


def load(source: StrOrBytesPath | int | BinaryIO) -> Snapshot:
    """Read a snapshot from a path, a descriptor or a binary file object."""
    if isinstance(source, int):
        with os.fdopen(source, "rb") as file:
            content = _decode(file)
    elif isinstance(source, (str, bytes, os.PathLike)):
        content = _read(os.fspath(source))
    elif hasattr(source, "read"):
        content = _decode(source)
    else:
        raise _not_a_file(source)
    return _make_snapshot(*content)


def _has_limit(table: SnapshotTable, limit: object) -> bool:
    """Tell whether a limit is the one that the table's own data says."""
    return type(limit) is int and limit == table.info()["nframe"]


def _write(file: BinaryIO, content: bytes, fsync: bool) -> None:
    _write_all(file, content)
    if fsync:
        file.flush()
        os.fsync(file.fileno())


def _write_all(file: BinaryIO, content: bytes) -> None:
    written = file.write(content)
    # A raw file may take less than it is given, also within tempfile's wrapper. What others
    # return may be anything, as the length after compression.
    if not isinstance(getattr(file, "file", file), io.RawIOBase):
        return
    done = 0
    while done < len(content):
        if not written:
            raise BlockingIOError(errno.EAGAIN, "the file takes no more without blocking", done)
        done += written
        if done < len(content):
            written = file.write(memoryview(content)[done:])


def _read(path: str | bytes) -> tuple[SnapshotTable, dict[str, Any]]:
    content = SnapshotTable.read(path)
    if content is None:
        with open(path, "rb") as file:  # noqa: PTH123 - the path may be bytes
            content = _decode(file)
    return content


def _decode(file: BinaryIO) -> tuple[SnapshotTable, dict[str, Any]]:
    parts = []
    left = _MOST_BYTES + 1
    wanted = _FIRST_BYTES
    # A raw file may give less than it is asked for.
    while left > 0:
        part = file.read(min(wanted, left))
        if not isinstance(part, bytes):
            raise TypeError(f"the file must be binary: read() returned {type(part).__name__}")
        if not part:
            break
        parts.append(part)
        left -= len(part)
        wanted = max(_FIRST_BYTES, _MOST_BYTES + 1 - left)
    return SnapshotTable.decode(parts[0] if len(parts) == 1 else b"".join(parts))


def _not_a_file(target: object) -> TypeError:
    return TypeError(f"expected a path or a binary file, not {type(target).__name__}")


def _make_snapshot(table: SnapshotTable, attributes: dict[str, Any]) -> Snapshot:
    if "traces" in attributes:
        raise FormatError("attribute 'traces' is not the user's to set")
    snapshot = Snapshot.__new__(Snapshot)
    state = vars(snapshot)
    state["traces"] = _Traces(table)
    state[_LIMIT] = table.info()["nframe"]
    state.update(attributes)
    return snapshot
