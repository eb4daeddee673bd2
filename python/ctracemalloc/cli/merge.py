"""`ctracemalloc merge`: snapshots of several processes as one."""

from __future__ import annotations

from collections.abc import Sequence

from ctracemalloc import Snapshot
from ctracemalloc.cli.arguments import Parser
from ctracemalloc.cli.errors import CommandError
from ctracemalloc.cli.outputs import add_output, check_output, write_snapshot
from ctracemalloc.cli.progress import working
from ctracemalloc.cli.snapshots import open_snapshots

_DESCRIPTION = """\
Write one snapshot with the traces of all, as of the processes of one service.
"""

_EPILOG = """\
examples:
  ctracemalloc merge worker.*.ctm -o service.ctm
"""


def main(arguments: Sequence[str]) -> int:
    """Write the file."""
    options = make_parser().parse_args(arguments)
    check_output(options.output, options.force)
    snapshots = open_snapshots(options.files)
    try:
        with working("merging"):
            merged = Snapshot.merge(*snapshots)
    except (ValueError, OverflowError) as error:
        raise CommandError(f"these snapshots cannot be merged: {error}") from error
    write_snapshot(merged, options.output)
    return 0


def make_parser() -> Parser:
    """Return the parser of the command's options."""
    parser = Parser(prog="ctracemalloc merge", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("files", metavar="FILE", nargs="+", help="a snapshot; - is stdin")
    add_output(parser)
    return parser
