"""Snapshots from files that the user names, and the options that say how they are grouped."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from ctracemalloc import FormatError, Snapshot
from ctracemalloc._about import said_of
from ctracemalloc._domains import learn_names
from ctracemalloc._snapshot import as_table
from ctracemalloc._text import printable
from ctracemalloc.cli.arguments import Parser
from ctracemalloc.cli.errors import CommandError, UsageError
from ctracemalloc.cli.inputs import MAGIC, open_input
from ctracemalloc.cli.progress import track, working

# What users call the ways of grouping, and how `Snapshot.statistics` knows them.
KEY_TYPES = {
    "line": "lineno",
    "file": "filename",
    "function": "function",
    "module": "module",
    "traceback": "traceback",
}


class Content(NamedTuple):
    """A snapshot, and of what file it is: a `.ctm` one, or a pickle."""

    snapshot: Snapshot
    is_ctm: bool
    length: int


def open_snapshot(path: str) -> Snapshot:
    """Read a snapshot, or end the command with the reason why not."""
    return open_content(path).snapshot


def open_content(path: str) -> Content:
    """Read a snapshot as `open_snapshot` does, and look at its file."""
    with working(f"reading {printable(path)}"):
        return _load(path)


def open_snapshots(paths: Sequence[str]) -> list[Snapshot]:
    """Read several snapshots as `open_snapshot` does."""
    if len(paths) == 1:
        return [open_snapshot(paths[0])]
    return [_load(path).snapshot for path in track(paths, len(paths), "reading")]


def open_comparable(paths: Sequence[str]) -> list[Snapshot]:
    """Read snapshots that are to be compared; refuse those of which that would say nothing."""
    snapshots = open_snapshots(paths)
    first, kind = paths[0], snapshots[0].kind
    for path, snapshot in zip(paths, snapshots, strict=True):
        if not _do_compare(kind, snapshot.kind):
            one, other = _blocks_of(kind), _blocks_of(snapshot.kind)
            raise CommandError(f"{first} is of {one}, {path} of {other}: they do not compare")
    return snapshots


def _do_compare(one: str, other: str) -> bool:
    # What is live now and what was at the peak can be set against each other.
    return one == other or {one, other} == {"live", "peak"}


def _blocks_of(kind: str) -> str:
    return "live blocks" if kind == "live" else f"the {kind}"


def _load(path: str) -> Content:
    try:
        content = _read(path)
    except FormatError as error:
        reason = str(error).removeprefix(f"{path!r}: ")
        if Path(path).is_fifo():
            reason += f" (to read it: - < {path})"
        raise CommandError(f"cannot read {path}: {reason}") from error
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror or error}") from error
    except MemoryError as error:
        raise CommandError(f"cannot read {path}: out of memory") from error
    table = as_table(content.snapshot.traces._traces)
    if table is not None:
        learn_names(said_of(table).get("domains", {}))
    return content


def _read(path: str) -> Content:
    with open_input(path) as source:
        if source is not None:
            snapshot = Snapshot.load(cast("BinaryIO", source))
            return Content(snapshot, source.is_ctm, source.length)
    snapshot = Snapshot.load(path)
    with Path(path).open("rb") as file:
        is_ctm = file.read(len(MAGIC)) == MAGIC
        return Content(snapshot, is_ctm, os.fstat(file.fileno()).st_size)


def add_grouping(parser: Parser, limit: int) -> None:
    """Add the options that say what is counted together, and how much of it is shown."""
    parser.add_argument(
        "--by",
        choices=KEY_TYPES,
        default="line",
        help="what is counted together (default: line)",
    )
    parser.add_argument(
        "--cumulative",
        action="store_true",
        help=(
            "count a block at all that its traceback goes through, once at each, not only where it "
            "was allocated (not by traceback)"
        ),
    )
    parser.add_argument(
        "--limit",
        metavar="K",
        type=_limit,
        default=limit,
        help=f"entries to show, 0 for all (default: {limit})",
    )


def key_type(options: argparse.Namespace) -> str:
    """Return the key type that the options ask for."""
    if options.cumulative and options.by == "traceback":
        raise UsageError("--cumulative does not go with --by traceback")
    return KEY_TYPES[options.by]


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of entries, nor 0")
    return int(text)


def shown(entries: Sequence[object], limit: int) -> int:
    """Return how many entries the limit lets through."""
    return min(limit, len(entries)) if limit else len(entries)
