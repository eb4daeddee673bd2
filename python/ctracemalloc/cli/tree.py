"""`ctracemalloc tree`: who called whom, and what it cost."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from ctracemalloc import Tree
from ctracemalloc._text import count_of, printable
from ctracemalloc.cli.arguments import Parser
from ctracemalloc.cli.progress import working
from ctracemalloc.cli.selection import add_selection, heading, nothing, select
from ctracemalloc.cli.snapshots import KEY_TYPES, open_snapshot
from ctracemalloc.live.target import current_folder
from ctracemalloc.report.amounts import Total, amounts
from ctracemalloc.report.groups import total_of
from ctracemalloc.report.places import NO_TRACEBACK, frame_text
from ctracemalloc.report.table import Row, print_table

_DESCRIPTION = """\
Print a snapshot as a tree of calls: below each frame what it called, with the bytes allocated there
and below. Inverted, below each place that allocates come its callers.
"""

_EPILOG = """\
examples:
  ctracemalloc tree app.ctm
  ctracemalloc tree app.ctm --by function --inverted --depth 5
  ctracemalloc tree app.ctm --min-share 0.1 --exclude '<frozen *'

What has less than --min-share of all is left out, and a line says how much that was.
"""


def main(arguments: Sequence[str]) -> int:
    """Print the tree."""
    options = make_parser().parse_args(arguments)
    snapshot = open_snapshot(options.file)
    selected = select(snapshot, options)
    total = total_of(selected)
    head = heading(options.file, selected.kind, total)
    print(printable(nothing(options.file, snapshot, total) or head))
    if total.count:
        with working("adding up"):
            tree = selected.tree(by=KEY_TYPES[options.by], inverted=options.inverted)
        least = total.size * options.min_share / 100
        rows = list(_rows(tree, total, least, options.depth))
        print_table(("size", "blocks", "share", options.by), rows)
    return 0


def make_parser() -> Parser:
    """Return the parser of the command's options."""
    parser = Parser(prog="ctracemalloc tree", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("file", metavar="FILE", help="a snapshot; - is stdin")
    parser.add_argument(
        "--by",
        choices=[key for key in KEY_TYPES if key != "traceback"],
        default="line",
        help="what a frame of the tree is (default: line)",
    )
    parser.add_argument("--inverted", action="store_true", help="callers below what they called")
    parser.add_argument(
        "--depth", metavar="N", type=_depth, default=20, help="levels to show (default: 20)"
    )
    parser.add_argument(
        "--min-share",
        metavar="PERCENT",
        type=_percent,
        default=1.0,
        help="leave out what has less of all bytes (default: 1)",
    )
    add_selection(parser)
    return parser


def _rows(tree: Tree, total: Total, least: float, depth: int) -> Iterator[Row]:
    """Make the rows of what is large enough, each after its parent."""
    columns, frames, folder = tree.columns(), tree.frames, current_folder()
    ends: list[int] = []
    number, left_out = 1, 0
    while number < len(tree):
        while ends and number >= ends[-1]:
            ends.pop()
        end, size = columns.end[number], columns.size[number]
        if size < least or len(ends) >= depth:
            left_out += end - number
            number = end
            continue
        text = "  " * len(ends) + frame_text(frames[columns.frame[number]], folder)
        below = Total(size, columns.count[number])
        yield Row((*amounts(below, total.size), text))
        ends.append(end)
        number += 1
    nowhere = Total(columns.own_size[0], columns.own_count[0])
    if nowhere.count:
        yield Row((*amounts(nowhere, total.size), NO_TRACEBACK))
    if left_out:
        text = f"{count_of(left_out, 'frame')} not shown (--min-share, --depth)"
        yield Row(("", "", "", text), kind="rest")


def _depth(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _percent(text: str) -> float:
    try:
        share = float(text.removesuffix("%"))
    except ValueError:
        share = -1.0
    if not 0 <= share <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share from 0 to 100")
    return share
