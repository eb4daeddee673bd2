"""`ctracemalloc convert`: between snapshot files and the standard library's pickles."""

from __future__ import annotations

import pickle
from collections.abc import Sequence

from ctracemalloc import Snapshot, takeover
from ctracemalloc._text import printable
from ctracemalloc.cli.arguments import Parser
from ctracemalloc.cli.errors import CommandError
from ctracemalloc.cli.outputs import add_output, check_output, write_file, write_snapshot
from ctracemalloc.cli.progress import working
from ctracemalloc.cli.snapshots import open_content

_DESCRIPTION = """\
Turn a dump of the standard library's tracemalloc into a snapshot file (.ctm), and a snapshot file
into a dump that its Snapshot.load opens. What is not such a file becomes one, unless --to says
otherwise.
"""

_EPILOG = """\
examples:
  ctracemalloc convert old.pickle -o old.ctm
  ctracemalloc convert app.ctm -o app.pickle

A dump has a tuple for each block: it is many times as large, and without names of functions.
"""


def main(arguments: Sequence[str]) -> int:
    """Write the file."""
    options = make_parser().parse_args(arguments)
    check_output(options.output, options.force)
    content = open_content(options.file)
    snapshot = content.snapshot
    is_to_pickle = options.to == "pickle" if options.to else content.is_ctm
    if is_to_pickle and snapshot.kind != "live":
        raise CommandError(
            f"{options.file} is of the {snapshot.kind}: it knows no single blocks, which a dump "
            "of the standard library consists of"
        )
    with working(f"writing {printable(options.output)}"):
        if is_to_pickle:
            write_file(
                options.output,
                lambda file: pickle.dump(_as_stdlib(snapshot), file, pickle.HIGHEST_PROTOCOL),
            )
        else:
            write_snapshot(snapshot, options.output)
    return 0


def make_parser() -> Parser:
    """Return the parser of the command's options."""
    parser = Parser(prog="ctracemalloc convert", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("file", metavar="FILE", help="a snapshot, or a dump; - is stdin")
    parser.add_argument("--to", choices=("ctm", "pickle"), help="what to write")
    add_output(parser)
    return parser


def _as_stdlib(snapshot: Snapshot) -> object:
    """Return the standard library's own object, by whose classes it will be read."""
    if takeover.is_installed():
        takeover.uninstall()
    import tracemalloc

    attributes = dict(vars(snapshot))
    del attributes["traces"]
    made = tracemalloc.Snapshot(list(snapshot.traces._traces), snapshot.traceback_limit)
    vars(made).update(attributes)
    return made
