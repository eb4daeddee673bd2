"""The options that choose among the traces of a snapshot."""

from __future__ import annotations

import argparse
import re

from ctracemalloc import DomainFilter, Filter, Snapshot
from ctracemalloc._text import count_of, human_size
from ctracemalloc.cli.arguments import Parser
from ctracemalloc.cli.errors import UsageError
from ctracemalloc.report.amounts import Total
from ctracemalloc.report.domains import domains_of
from ctracemalloc.report.groups import filtered, total_of

# What a pattern may be of, and what `Filter` calls it.
_KINDS = {"file": None, "function": "function_pattern", "module": "module_pattern"}


def add_selection(parser: Parser) -> None:
    """Add the options."""
    parser.add_argument(
        "--filter",
        metavar="PATTERN",
        action="append",
        type=_pattern,
        default=[],
        help=(
            "keep only blocks allocated in files like this (as a shell matches names), or, as "
            "function:PATTERN or module:PATTERN, in functions (qualified names) or modules like "
            "it; repeatable"
        ),
    )
    parser.add_argument(
        "--exclude",
        metavar="PATTERN",
        action="append",
        type=_pattern,
        default=[],
        help="leave out blocks allocated in files, functions or modules like this; repeatable",
    )
    parser.add_argument(
        "--all-frames",
        action="store_true",
        help="--filter and --exclude look at all frames, not only at the one that allocated",
    )
    add_domain(parser)


def add_domain(parser: Parser) -> None:
    """Add the option of domains alone."""
    parser.add_argument(
        "--domain",
        metavar="DOMAIN",
        action="append",
        default=[],
        help=(
            "keep only blocks of this domain: a name, as numpy or what the program gave it, "
            "or a number; repeatable"
        ),
    )


def select(snapshot: Snapshot, options: argparse.Namespace) -> Snapshot:
    """Return a snapshot of the traces that the options of `add_selection` leave; files are to be
    read before, since they name domains.
    """
    names = [
        _filter(is_kept, pattern, options.all_frames)
        for is_kept, patterns in ((True, options.filter), (False, options.exclude))
        for pattern in patterns
    ]
    # One after the other, since one inclusive filter that matches is enough for a trace to be kept.
    selected = of_domains(snapshot, asked_domains(options))
    return filtered(selected, names) if names else selected


def asked_domains(options: argparse.Namespace) -> set[int]:
    """Return the domains that the option of `add_domain` asks for, none if it is not there; files
    are to be read before.
    """
    return {domain for text in options.domain for domain in _domains(text)}


def of_domains(snapshot: Snapshot, domains: set[int]) -> Snapshot:
    """Return a snapshot of the traces in these domains; in all if none is asked for."""
    filters = [DomainFilter(True, domain) for domain in sorted(domains)]
    return filtered(snapshot, filters) if filters else snapshot


def nothing(path: str, snapshot: Snapshot, selected: Total) -> str | None:
    """Return the line that is shown for a selection without traces; None if it has some."""
    if selected.count:
        return None
    total = total_of(snapshot)
    if total.count:
        return f"{path}: nothing is selected of {count_of(total.count, 'trace')}"
    return f"{path}: the snapshot has no traces"


def heading(path: str, kind: str, selected: Total) -> str:
    """Return the line that is shown above a selection that has traces."""
    return f"{path}: {size_of(kind, selected)} in {count_of(selected.count, 'block')}"


def size_of(kind: str, selected: Total) -> str:
    """Return the size of a selection with what its bytes are, if they are not live ones."""
    what = "" if kind == "live" else f"{kind} of "
    return f"{what}{human_size(selected.size)}"


def _filter(is_kept: bool, pattern: tuple[str, str], all_frames: bool) -> Filter:
    kind, text = pattern
    name = _KINDS[kind]
    if name is None:
        return Filter(is_kept, text, all_frames=all_frames)
    made = Filter(is_kept, "*", all_frames=all_frames)
    setattr(made, name, text)
    return made


def _pattern(text: str) -> tuple[str, str]:
    found = re.match(r"([a-z]+):", text)
    if not found:
        return "file", text
    kind = found[1]
    if kind not in _KINDS:
        kinds = ", ".join(f"{known}:" for known in _KINDS)
        raise argparse.ArgumentTypeError(
            f"{text!r}: there are no patterns of the kind {kind}: (there are {kinds}; for a file "
            f"of this name: file:{text})"
        )
    return kind, text[found.end() :]


def _domains(text: str) -> set[int]:
    domains = domains_of(text)
    if not domains:
        raise UsageError(f"argument --domain: no domain is called {text!r}; its number will do")
    return domains
