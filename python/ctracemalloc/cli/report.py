"""`ctracemalloc report`: one HTML file that shows where memory is, and opens without a network."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ctracemalloc import Snapshot
from ctracemalloc.cli.arguments import Parser
from ctracemalloc.cli.errors import CommandError, UsageError
from ctracemalloc.cli.snapshots import open_snapshot

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
    parser.add_argument("--force", action="store_true", help="overwrite PAGE if it is there")
    parser.add_argument("--title", help="what stands on top of the page (default: FILE's name)")
    parser.add_argument(
        "--no-source", action="store_true", help="leave out the source of the lines"
    )
    return parser


def main(arguments: Sequence[str]) -> int:
    """Write the page; return the command's exit status."""
    options = make_parser().parse_args(arguments)
    paths = [path for given in options.files for path in _expand(given)]
    output = Path(options.output or Path(paths[-1]).with_suffix(".html").name)
    if output.exists() and not options.force:
        raise CommandError(f"{output} is already there: give --force, or another name by -o")
    snapshots = [open_snapshot(path) for path in paths]
    for path, snapshot in zip(paths, snapshots, strict=True):
        if not len(snapshot.traces):
            raise CommandError(f"{path}: the snapshot has no traces")
    page = _build(options.title or Path(paths[-1]).name, snapshots, paths, not options.no_source)
    _write(output, page)
    print(f"report written to {output}")
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


def _write(output: Path, page: str) -> None:
    """Write the whole page, or nothing."""
    temporary: Path | None = None
    try:
        # Lone surrogates of file names have no bytes in UTF-8.
        data = page.encode("utf-8", "replace")
        with tempfile.NamedTemporaryFile(dir=output.parent, suffix=".html", delete=False) as file:
            temporary = Path(file.name)
            file.write(data)
        # A temporary file is its owner's alone; a page is as other new files are.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(output)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise CommandError(f"cannot write {output}: {error.strerror or error}") from error
