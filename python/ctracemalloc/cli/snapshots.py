"""Snapshots from files that the user names, and the options that choose among their traces."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from ctracemalloc import BaseFilter, DomainFilter, Filter, FormatError, Snapshot
from ctracemalloc.cli.arguments import Parser
from ctracemalloc.cli.errors import CommandError, UsageError
from ctracemalloc.report.domains import domain_number

# What users call the ways of grouping, and how `Snapshot.statistics` knows them.
KEY_TYPES = {
    "line": "lineno",
    "file": "filename",
    "function": "function",
    "module": "module",
    "traceback": "traceback",
}


@dataclass(frozen=True)
class Total:
    """The live bytes and blocks of a snapshot."""

    size: int
    count: int


def open_snapshot(path: str) -> Snapshot:
    """Read a snapshot, or end the command with the reason why not."""
    try:
        return Snapshot.load(path)
    except FormatError as error:
        reason = str(error).removeprefix(f"{path!r}: ")
        raise CommandError(f"cannot read {path}: {reason}") from error
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror or error}") from error
    except MemoryError as error:
        raise CommandError(f"cannot read {path}: out of memory") from error


def total_of(snapshot: Snapshot) -> Total:
    """Add up the traces."""
    # Few groups, and each block is in one of them.
    statistics = snapshot.statistics("lineno")
    return Total(
        sum(statistic.size for statistic in statistics),
        sum(statistic.count for statistic in statistics),
    )


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
            "count a block at every frame of its traceback, not only where it was allocated "
            "(not by traceback)"
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


def add_selection(parser: Parser) -> None:
    """Add the options that choose among the traces."""
    parser.add_argument(
        "--filter",
        metavar="PATTERN",
        action="append",
        default=[],
        help="keep only blocks allocated in files like this (as a shell matches names); repeatable",
    )
    parser.add_argument(
        "--exclude",
        metavar="PATTERN",
        action="append",
        default=[],
        help="leave out blocks allocated in files like this; repeatable",
    )
    parser.add_argument(
        "--all-frames",
        action="store_true",
        help="--filter and --exclude look at all frames, not only at the one that allocated",
    )
    parser.add_argument(
        "--domain",
        metavar="DOMAIN",
        action="append",
        type=_domain,
        default=[],
        help="keep only blocks of this domain, a number or a name as python or numpy; repeatable",
    )


def select(snapshot: Snapshot, options: argparse.Namespace) -> Snapshot:
    """Return a snapshot of the traces that the options of `add_selection` leave."""
    # On its own, since one inclusive filter that matches is enough for a trace to be kept.
    domains: list[BaseFilter] = [DomainFilter(True, domain) for domain in options.domain]
    names: list[BaseFilter] = [
        Filter(is_kept, pattern, all_frames=options.all_frames)
        for is_kept, patterns in ((True, options.filter), (False, options.exclude))
        for pattern in patterns
    ]
    for filters in (domains, names):
        if filters:
            snapshot = snapshot.filter_traces(filters)
    return snapshot


def nothing(path: str, snapshot: Snapshot, selected: Total) -> str | None:
    """Return the line that is shown for a selection without traces; None if it has some."""
    if selected.count:
        return None
    total = total_of(snapshot)
    if total.count:
        return f"{path}: none of the {total.count:,} traces is selected"
    return f"{path}: the snapshot has no traces"


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of entries, nor 0")
    return int(text)


def _domain(text: str) -> int:
    number = domain_number(text)
    if number is None:
        raise argparse.ArgumentTypeError(f"no domain is called {text!r}; its number will do")
    return number


def shown(entries: Sequence[object], limit: int) -> int:
    """Return how many entries the limit lets through."""
    return min(limit, len(entries)) if limit else len(entries)
