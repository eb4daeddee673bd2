"""`ctracemalloc export`: a snapshot in the format of another tool."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any

from ctracemalloc import Snapshot
from ctracemalloc.cli.arguments import Parser
from ctracemalloc.cli.errors import CommandError, UsageError
from ctracemalloc.cli.outputs import add_output, check_output, write_file
from ctracemalloc.cli.progress import track
from ctracemalloc.cli.selection import add_selection, select
from ctracemalloc.cli.snapshots import open_snapshot
from ctracemalloc.export import collapsed, pprof, rows, speedscope
from ctracemalloc.report.exactness import warning_about

_DESCRIPTION = """\
Write a snapshot in a format that other tools read.

  pprof       gzipped protobuf for 'go tool pprof': inuse_objects and inuse_space of a live or peak
              snapshot, alloc_objects and alloc_space of one of the churn; all four of both
              (--churn)
  speedscope  JSON for https://www.speedscope.app
  collapsed   a line for each stack with its bytes, for flamegraph.pl and inferno
  json, csv   a row for each (domain, stack, size); where only sums are known (peak, churn, reuse)
              for each (domain, stack), without a size
  parquet     the same as a table for DuckDB and others; needs the extra: ctracemalloc[parquet]
"""

_EPILOG = """\
examples:
  ctracemalloc export app.ctm --format pprof -o app.pb.gz && go tool pprof -top app.pb.gz
  ctracemalloc export app.ctm --churn app.churn.ctm --format pprof -o app.pb.gz
  ctracemalloc export app.ctm --format collapsed -o - | flamegraph.pl > app.svg
  ctracemalloc export app.ctm --format parquet -o app.parquet

What is no Unicode in a name (a lone surrogate) is replaced by '?', but in JSON.
What may be wrong of a churn is told in the file; of collapsed stacks, which have no room for it, on
stderr.
"""

_WRITERS: dict[str, Callable[..., None]] = {
    "pprof": pprof.write,
    "speedscope": speedscope.write,
    "collapsed": collapsed.write,
    "json": rows.write_json,
    "csv": rows.write_csv,
    "parquet": rows.write_parquet,
}


def main(arguments: Sequence[str]) -> int:
    """Write the file."""
    options = make_parser().parse_args(arguments)
    write: Callable[..., Any] = _WRITERS[options.format]
    if options.format == "parquet":
        if find_spec("pyarrow") is None:
            raise CommandError("parquet needs pyarrow: pip install 'ctracemalloc[parquet]'")
        write = partial(write, name=options.file)
    if options.churn and options.format != "pprof":
        raise UsageError("--churn goes with --format pprof alone")
    check_output(options.output, options.force)
    snapshot = select(open_snapshot(options.file), options)
    if options.churn:
        write = partial(write, churn=_churn(options, snapshot))
    write_file(options.output, lambda file: write(snapshot, file, partial(track, what="writing")))
    # Each line of that format is a stack: there is no room for it in the file.
    if options.format == "collapsed" and (warning := warning_about(snapshot)):
        print(f"ctracemalloc export: {warning}", file=sys.stderr)
    return 0


def _churn(options: argparse.Namespace, snapshot: Snapshot) -> Snapshot:
    if snapshot.kind not in ("live", "peak"):
        raise CommandError(
            f"{options.file} is of the {snapshot.kind} itself: --churn goes with live blocks, or "
            "those of the peak"
        )
    churn = open_snapshot(options.churn)
    if churn.kind != "churn":
        raise CommandError(f"{options.churn} is no snapshot of the churn, but a {churn.kind} one")
    return select(churn, options)


def make_parser() -> Parser:
    """Return the parser of the command's options."""
    parser = Parser(prog="ctracemalloc export", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("file", metavar="FILE", help="a snapshot; - is stdin")
    parser.add_argument("--format", choices=_WRITERS, required=True, help="what to write")
    parser.add_argument(
        "--churn",
        metavar="CHURN",
        help="pprof: a snapshot of the churn of the same program (run --churn), for alloc_objects "
        "and alloc_space",
    )
    add_output(parser)
    add_selection(parser)
    return parser
