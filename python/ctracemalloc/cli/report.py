"""`ctracemalloc report`: one HTML file that shows where memory is, and opens without a network."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ctracemalloc import Snapshot
from ctracemalloc._text import printable
from ctracemalloc.cli.arguments import Parser
from ctracemalloc.cli.browser import open_page
from ctracemalloc.cli.errors import CommandError, UsageError
from ctracemalloc.cli.inputs import STDIN
from ctracemalloc.cli.outputs import check_output, is_stdout, write_file
from ctracemalloc.cli.progress import working
from ctracemalloc.cli.selection import add_domain, asked_domains, nothing, of_domains
from ctracemalloc.cli.snapshots import open_comparable
from ctracemalloc.report.groups import total_of

_DESCRIPTION = """\
Write a snapshot as one HTML page: a flame graph, and a table of lines. With two files the page
compares them, the older one first; with more, or a folder of them, it adds a time line."""

_EXAMPLES = """\
examples:
  ctracemalloc report app.ctm                         writes app.html
  ctracemalloc report before.ctm after.ctm -o growth.html
  ctracemalloc report app.series                      writes app.series.html: of 'run --every'
  ctracemalloc report app.ctm --domain numpy          of arrays alone
"""


def make_parser() -> Parser:
    """Return the parser of the command's options."""
    parser = Parser(prog="ctracemalloc report", description=_DESCRIPTION, epilog=_EXAMPLES)
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="a snapshot, or a folder of them; - is stdin"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="PAGE",
        help="default: the last FILE's name with .html; - is stdout",
    )
    parser.add_argument("--force", action="store_true", help="write over PAGE if it is there")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    parser.add_argument(
        "--title",
        metavar="TEXT",
        help="what stands on top of the page (default: the last FILE's name)",
    )
    parser.add_argument(
        "--no-source", action="store_true", help="leave out the source of the lines"
    )
    add_domain(parser)
    return parser


def main(arguments: Sequence[str]) -> int:
    """Write the page; return the command's exit status."""
    options = make_parser().parse_args(arguments)
    paths = [path for given in options.files for path in _expand(given)]
    output: str = options.output or _page_name(options.files[-1])
    check_output(output, options.force)
    is_printed = is_stdout(output)
    if is_printed and options.open:
        raise UsageError("--open needs a file: a page on stdout is nowhere to be opened")
    snapshots = open_comparable(paths)
    domains = asked_domains(options)
    parts = [of_domains(snapshot, domains) for snapshot in snapshots]
    # One of several may be empty: before all growth, or without a domain that came or went.
    path, fullest = max(
        zip(reversed(paths), reversed(snapshots), strict=True),
        key=lambda named: total_of(named[1]).count,
    )
    most_selected = max(map(total_of, parts), key=lambda total: total.count)
    reason = nothing(path, fullest, most_selected)
    if reason:
        raise CommandError(reason)
    names = [Path(path).name for path in paths]
    title = options.title or _name(options.files[-1])
    with working("drawing"):
        page = _build(title, parts, names, not options.no_source, domains)
    # Lone surrogates of file names have no bytes in UTF-8.
    content = page.encode("utf-8", "replace")
    write_file(output, lambda file: file.write(content))
    if not is_printed:
        print(f"report written to {printable(output)}", flush=True)
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


def _name(given: str) -> str:
    if given == STDIN:
        return "stdin"
    # A folder may be given as series/, or as . and .. are.
    return Path(os.path.abspath(given)).name  # noqa: PTH100 - links are not followed


def _page_name(given: str) -> str:
    # app.series is a folder beside app.ctm, whose page is app.html.
    name = Path(_name(given))
    return f"{name}.html" if Path(given).is_dir() else name.with_suffix(".html").name


def _build(
    title: str,
    snapshots: Sequence[Snapshot],
    names: Sequence[str],
    with_source: bool,
    domains: set[int],
) -> str:
    try:
        from ctracemalloc.report.page import build_page
    except ModuleNotFoundError as error:
        raise CommandError(
            f"reports need {error.name}: install it with 'pip install jinja2'"
        ) from error
    return build_page(title, snapshots, names, with_source=with_source, domains=domains)
