"""`ctracemalloc diff`: what grew and what shrank between two snapshots."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

from ctracemalloc import StatisticDiff
from ctracemalloc._text import count_of, human_size, printable
from ctracemalloc.cli.arguments import Parser
from ctracemalloc.cli.progress import working
from ctracemalloc.cli.selection import add_selection, select, size_of
from ctracemalloc.cli.snapshots import add_grouping, key_type, open_comparable, shown
from ctracemalloc.live.process import parse_size
from ctracemalloc.live.target import current_folder
from ctracemalloc.report.amounts import Total, added_diffs, changes
from ctracemalloc.report.exactness import doubt_about_places
from ctracemalloc.report.groups import diffs_of, total_of
from ctracemalloc.report.places import details, frames_as_json, mark, place
from ctracemalloc.report.table import Row, print_table

_DESCRIPTION = """\
Print what grew and what shrank between two snapshots. Sites that are only in the new one are marked
new, those that are only in the old one gone; what stayed the same is left out.
"""

_EPILOG = """\
examples:
  ctracemalloc diff before.ctm after.ctm
  ctracemalloc diff before.ctm after.ctm --by traceback --limit 3
  ctracemalloc diff before.ctm after.ctm --fail-if-growth 1MiB || echo "it leaks"

Exit status 1 if what is selected grew by more than --fail-if-growth, and for any failure.
"""

_ORDERS: dict[str, Callable[[StatisticDiff], Any]] = {
    "change": lambda diff: (-abs(diff.size_diff), -diff.size, -abs(diff.count_diff)),
    "growth": lambda diff: (-diff.size_diff, -diff.count_diff),
    "count": lambda diff: (-abs(diff.count_diff), -abs(diff.size_diff)),
    "size": lambda diff: (-diff.size, -diff.count),
    "name": lambda diff: diff.traceback,
}


def main(arguments: Sequence[str]) -> int:
    """Print the differences; return 1 if there is more growth than is allowed."""
    options = make_parser().parse_args(arguments)
    key = key_type(options)
    snapshots = open_comparable([options.old, options.new])
    with working("comparing"):
        old, new = (select(snapshot, options) for snapshot in snapshots)
        diffs = [
            diff
            for diff in diffs_of(new, old, key, options.cumulative)
            if diff.size_diff or diff.count_diff
        ]
    diffs.sort(key=_ORDERS[options.sort])
    before, after = total_of(old), total_of(new)
    limit = shown(diffs, options.limit)
    if options.json:
        head = {
            "old": options.old,
            "new": options.new,
            "by": options.by,
            "cumulative": options.cumulative,
            "old_size": before.size,
            "new_size": after.size,
            "old_count": before.count,
            "new_count": after.count,
            "old_kind": old.kind,
            "new_kind": new.kind,
            "is_exact": all(diff.is_exact for diff in diffs),
        }
        entries = [_as_json(diff) for diff in diffs[:limit]]
        print(json.dumps({**head, "groups": len(diffs), "entries": entries}, indent=1))
    else:
        print(printable(_head(options, (old.kind, new.kind), before, after)))
        if diffs:
            if doubt := doubt_about_places(diffs):
                print(doubt)
            heads = ("change", "size", "blocks", "", options.by)
            print_table(heads, _rows(diffs, limit, not options.cumulative))
        else:
            print("nothing grew, nothing shrank")
    growth = after.size - before.size
    if options.fail_if_growth is not None and growth > options.fail_if_growth:
        allowed = human_size(options.fail_if_growth)
        sys.stdout.flush()
        text = f"memory grew by {human_size(growth)}, more than {allowed}"
        print(f"ctracemalloc diff: {text}", file=sys.stderr)
        return 1
    return 0


def make_parser() -> Parser:
    """Return the parser of the command's options."""
    parser = Parser(prog="ctracemalloc diff", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("old", metavar="OLD", help="the older snapshot; - is stdin")
    parser.add_argument("new", metavar="NEW", help="the newer snapshot; - is stdin")
    add_grouping(parser, limit=10)
    parser.add_argument(
        "--sort",
        choices=_ORDERS,
        default="change",
        help="order of the entries; change is growth or shrinkage, whichever (default: change)",
    )
    add_selection(parser)
    parser.add_argument(
        "--fail-if-growth",
        metavar="SIZE",
        type=_growth,
        help="end with status 1 if the sum of it all grew by more, such as 0, 64k, 1.5MiB",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, sizes in bytes")
    return parser


def _head(options: argparse.Namespace, kinds: tuple[str, str], before: Total, after: Total) -> str:
    change = human_size(after.size - before.size, sign=True)
    sizes = f"{size_of(kinds[0], before)} -> {size_of(kinds[1], after)}"
    return (
        f"{options.old} -> {options.new}: {sizes} ({change}), "
        f"{before.count:,} -> {count_of(after.count, 'block')} ({after.count - before.count:+,})"
    )


def _rows(diffs: Sequence[StatisticDiff], limit: int, is_partition: bool) -> list[Row]:
    folder = current_folder()
    rows = []
    for diff in diffs[:limit]:
        growth, blocks, size = changes(diff)
        cells = (growth, size, blocks, mark(diff), place(diff.traceback, folder))
        kind = "grew" if diff.size_diff > 0 else "shrank" if diff.size_diff < 0 else ""
        rows.append(Row(cells, details(diff.traceback, folder), kind))
    if others := diffs[limit:]:
        # A sum over frames that share blocks would say nothing.
        growth, blocks, size = changes(added_diffs(others)) if is_partition else ("",) * 3
        rows.append(Row((growth, size, blocks, "", count_of(len(others), "other")), kind="rest"))
    return rows


def _as_json(diff: StatisticDiff) -> dict[str, Any]:
    return {
        "size": diff.size,
        "size_diff": diff.size_diff,
        "count": diff.count,
        "count_diff": diff.count_diff,
        "mark": mark(diff),
        "is_exact": diff.is_exact,
        "frames": frames_as_json(diff.traceback),
    }


def _growth(text: str) -> int:
    if text.strip() == "0":
        return 0
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
