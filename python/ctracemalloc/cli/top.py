"""`ctracemalloc top`: what holds the memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from ctracemalloc import Statistic
from ctracemalloc._text import count_of, human_size, printable
from ctracemalloc.cli.arguments import Parser
from ctracemalloc.cli.progress import working
from ctracemalloc.cli.selection import add_selection, heading, nothing, select
from ctracemalloc.cli.snapshots import add_grouping, key_type, open_snapshot, shown
from ctracemalloc.live.target import current_folder
from ctracemalloc.report.amounts import Total, added, amounts
from ctracemalloc.report.domains import domains_as_json, shares_of_domains, totals_by_domain
from ctracemalloc.report.exactness import doubt_about_places
from ctracemalloc.report.groups import statistics_of, total_of
from ctracemalloc.report.places import details, frames_as_json, place
from ctracemalloc.report.table import Row, print_table

_DESCRIPTION = """\
Print a table of what holds the memory in a snapshot: by line, file, function, module or traceback.
"""

_EPILOG = """\
examples:
  ctracemalloc top app.ctm
  ctracemalloc top app.ctm --by file --limit 20 --exclude '*/site-packages/*'
  ctracemalloc top app.ctm --by traceback --domain numpy --sort count
  ctracemalloc top app.ctm --cumulative --json | jq '.entries[0]'

A snapshot without traces is no failure: one line says so.
"""

_ORDERS: dict[str, Callable[[Statistic], Any]] = {
    "size": lambda statistic: (-statistic.size, -statistic.count),
    "count": lambda statistic: (-statistic.count, -statistic.size),
    "average": lambda statistic: -average(statistic),
    "name": lambda statistic: statistic.traceback,
}


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    options = make_parser().parse_args(arguments)
    key = key_type(options)
    snapshot = open_snapshot(options.file)
    with working("adding up"):
        selected = select(snapshot, options)
        statistics = statistics_of(selected, key, options.cumulative)
    # In the order of size as they come, by traceback where that is the same.
    statistics.sort(key=_ORDERS[options.sort])
    domains = totals_by_domain(selected)
    total = total_of(selected)
    limit = shown(statistics, options.limit)
    if options.json:
        head = {
            "file": options.file,
            "by": options.by,
            "cumulative": options.cumulative,
            "kind": selected.kind,
            "size": total.size,
            "count": total.count,
            "is_exact": all(statistic.is_exact for statistic in statistics),
            "domains": domains_as_json(domains),
        }
        entries = [_as_json(statistic, total) for statistic in statistics[:limit]]
        print(json.dumps({**head, "groups": len(statistics), "entries": entries}, indent=1))
        return 0
    print(
        printable(
            nothing(options.file, snapshot, total)
            or _head(options.file, selected.kind, total, shares_of_domains(domains))
        )
    )
    if statistics:
        if doubt := doubt_about_places(statistics):
            print(doubt)
        is_partition = not options.cumulative
        rows = _rows(statistics, limit, total, is_partition)
        print_table(("size", "blocks", "average", "share", options.by), rows)
    return 0


def make_parser() -> Parser:
    """Return the parser of the command's options."""
    parser = Parser(prog="ctracemalloc top", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("file", metavar="FILE", help="a snapshot; - is stdin")
    add_grouping(parser, limit=10)
    parser.add_argument(
        "--sort", choices=_ORDERS, default="size", help="order of the entries (default: size)"
    )
    add_selection(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, sizes in bytes")
    return parser


def average(part: Total | Statistic) -> float:
    """Return the bytes of a block."""
    return part.size / part.count if part.count else 0.0


def _head(path: str, kind: str, total: Total, domains: str) -> str:
    where = f" ({domains})" if domains else ""
    return f"{heading(path, kind, total)}{where}"


def _rows(
    statistics: Sequence[Statistic], limit: int, total: Total, is_partition: bool
) -> list[Row]:
    folder = current_folder()
    rows = []
    for statistic in statistics[:limit]:
        traceback = statistic.traceback
        cells = (*_numbers(statistic, total.size), place(traceback, folder))
        rows.append(Row(cells, details(traceback, folder)))
    if others := statistics[limit:]:
        # Where a block counts at many of them, a sum would say nothing.
        numbers = _numbers(added(others), total.size) if is_partition else ("",) * 4
        rows.append(Row((*numbers, count_of(len(others), "other")), kind="rest"))
    return rows


def _numbers(part: Total | Statistic, whole: int) -> tuple[str, ...]:
    size, blocks, share = amounts(part, whole)
    return size, blocks, human_size(average(part)) if part.count else "", share


def _as_json(statistic: Statistic, total: Total) -> dict[str, Any]:
    return {
        "size": statistic.size,
        "count": statistic.count,
        "average": average(statistic),
        "share": statistic.size / total.size if total.size else 0.0,
        "is_exact": statistic.is_exact,
        "frames": frames_as_json(statistic.traceback),
    }
