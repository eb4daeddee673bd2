"""`ctracemalloc report`: one HTML file that shows where memory is, and opens without a network."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from ctracemalloc import Snapshot
from ctracemalloc.cli.arguments import Parser
from ctracemalloc.cli.browser import open_page
from ctracemalloc.cli.errors import CommandError, UsageError
from ctracemalloc.cli.outputs import check_output, writing
from ctracemalloc.cli.progress import working
from ctracemalloc.cli.selection import nothing
from ctracemalloc.cli.snapshots import open_comparable
from ctracemalloc.report.groups import total_of

_DESCRIPTION = """\
Write a snapshot as one HTML page: a flame graph, and a table of lines. With two files the page
compares them, the older one first; with more, or a folder of them, it adds a time line."""

_EXAMPLES = """\
examples:
  ctracemalloc report app.ctm                         writes app.html
  ctracemalloc report before.ctm after.ctm -o growth.html
  ctracemalloc report series/ -o series.html          snapshots of 'run --every'
"""


def make_parser() -> Parser:
    """Return the parser of the command's options."""
    parser = Parser(prog="ctracemalloc report", description=_DESCRIPTION, epilog=_EXAMPLES)
    parser.add_argument("files", metavar="FILE", nargs="+", help="a snapshot, or a folder of them")
    parser.add_argument("-o", "--output", metavar="PAGE", help="default: FILE's name with .html")
    parser.add_argument("--force", action="store_true", help="write over PAGE if it is there")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    parser.add_argument("--title", help="what stands on top of the page (default: FILE's name)")
    parser.add_argument(
        "--no-source", action="store_true", help="leave out the source of the lines"
    )
    return parser


def main(arguments: Sequence[str]) -> int:
    """Write the page; return the command's exit status."""
    options = make_parser().parse_args(arguments)
    paths = [path for given in options.files for path in _expand(given)]
    output: str = options.output or Path(paths[-1]).with_suffix(".html").name
    check_output(output, options.force)
    snapshots = open_comparable(paths)
    for path, snapshot in zip(paths, snapshots, strict=True):
        reason = nothing(path, snapshot, total_of(snapshot))
        if reason:
            raise CommandError(reason)
    title = options.title or Path(paths[-1]).name
    with working("drawing"):
        page = _build(title, snapshots, paths, not options.no_source)
    with writing(output) as file:
        # Lone surrogates of file names have no bytes in UTF-8.
        file.write(page.encode("utf-8", "replace"))
    print(f"report written to {output}", flush=True)
    if options.open and not open_page(output):
        print(
            f"ctracemalloc report: no browser to open it in (DISPLAY, BROWSER): open "
            f"{Path(output).absolute()} yourself",
            file=sys.stderr,
        )
    return 0


def _expand(given: str) -> list[str]:
    if not Path(given).is_dir():
        return [given]
    # The names of a series sort by time.
    found = sorted(str(path) for path in Path(given).glob("*.ctm"))
    if not found:
        raise UsageError(f"there are no .ctm files in {given}")
    return found


def _build(title: str, snapshots: Sequence[Snapshot], paths: Sequence[str], source: bool) -> str:
    try:
        from ctracemalloc.report.page import build_page
    except ModuleNotFoundError as error:
        raise CommandError(
            f"reports need {error.name}: install it with 'pip install jinja2'"
        ) from error
    return build_page(title, snapshots, [Path(path).name for path in paths], with_source=source)
