"""`ctracemalloc info`: what is in a file."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from ctracemalloc._about import said_of
from ctracemalloc._engine import SnapshotTable
from ctracemalloc._snapshot import as_table
from ctracemalloc._text import count_of, human_size, printable
from ctracemalloc.cli.arguments import Parser
from ctracemalloc.cli.progress import working
from ctracemalloc.cli.snapshots import Content, open_content
from ctracemalloc.report.domains import domains_as_json, totals_by_domain
from ctracemalloc.report.exactness import doubt_about

_DESCRIPTION = """\
Print what is in a snapshot's file: when it was taken and of what, how much it holds, what is
missing.
"""

_EPILOG = """\
examples:
  ctracemalloc info app.ctm
  ctracemalloc info app.ctm --json
"""


def main(arguments: Sequence[str]) -> int:
    """Print the findings."""
    options = make_parser().parse_args(arguments)
    read = open_content(options.file)
    with working("adding up"):
        content = describe(options.file, read)
    if options.json:
        print(json.dumps(_as_json(content), indent=1, allow_nan=False))
        return 0
    lines = [(printable(label), printable(text)) for label, text in _lines(content)]
    width = max(len(label) for label, _ in lines)
    for label, text in lines:
        print(f"{label:<{width}}  {text}".rstrip())
    return 0


def make_parser() -> Parser:
    """Return the parser of the command's options."""
    parser = Parser(prog="ctracemalloc info", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("file", metavar="FILE", help="a snapshot; - is stdin")
    parser.add_argument("--json", action="store_true", help="print JSON, sizes in bytes")
    return parser


def describe(path: str, read: Content) -> dict[str, Any]:
    """Return what is known of a snapshot, as plain data."""
    snapshot = read.snapshot
    traces = snapshot.traces._traces
    table = as_table(traces)
    domains = totals_by_domain(snapshot)
    doubt = doubt_about(snapshot)
    return {
        "file": path,
        "file_bytes": read.length,
        "kind": snapshot.kind,
        "is_exact": not doubt,
        "doubt": doubt,
        "size": sum(total.size for total in domains.values()),
        "count": sum(total.count for total in domains.values()),
        "stacks": (
            table.stack_count() if table is not None else len({trace[2:] for trace in traces})
        ),
        "traceback_limit": snapshot.traceback_limit,
        "domains": domains_as_json(domains),
        "moment": table.info() if table is not None else {},
        "program": said_of(table) if isinstance(table, SnapshotTable) else {},
        "attributes": {
            name: value
            for name, value in vars(snapshot).items()
            if name not in ("traces", "traceback_limit")
        },
    }


def _as_json(value: Any) -> Any:
    """Return plain data as JSON can hold it: what it cannot, as a text."""
    if isinstance(value, dict):
        # 1 and "1" are two keys: by their texts all keep apart.
        is_text = all(isinstance(key, str) for key in value)
        return {key if is_text else _text(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    text = _text(value)
    return value if isinstance(value, int) and not text.startswith(("0x", "-0x")) else text


def _text(value: Any) -> str:
    """Return a value's repr, with hexadecimal numbers where decimal ones would be too long."""
    try:
        return repr(value)
    except ValueError:
        return hex(value) if isinstance(value, int) else repr(_as_json(value))


def _lines(content: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "file", f"{content['file']}, {human_size(content['file_bytes'])}"
    moment = content["moment"]
    if moment.get("time_ns"):
        taken = datetime.fromtimestamp(moment["time_ns"] / 1e9, UTC)
        yield "taken", taken.isoformat(sep=" ", timespec="seconds")
    if moment.get("pid"):
        yield "process", str(moment["pid"])
    for name, value in content["program"].items():
        if name == "labels":
            yield from ((f"label {label}", text) for label, text in value.items())
        elif name in ("domains", "exact", "callers", "complete"):
            continue  # below, with what they say
        elif name == "command":
            yield name, shlex.join(value)
        else:
            yield name, value if isinstance(value, str) else _text(value)
    yield "kind", content["kind"]
    if content["doubt"]:
        yield "may be wrong", content["doubt"]
    yield "traces", f"{human_size(content['size'])} in {count_of(content['count'], 'block')}"
    yield (
        "stacks",
        f"{content['stacks']:,}, of up to {count_of(content['traceback_limit'], 'frame')}",
    )
    for domain in content["domains"]:
        known = "" if str(domain["domain"]) in domain["name"] else f" ({domain['domain']})"
        size = human_size(domain["size"])
        yield "domain", f"{domain['name']}{known}: {size} in {count_of(domain['count'], 'block')}"
    if moment.get("peak_bytes"):
        current, peak = (human_size(moment[key]) for key in ("current_bytes", "peak_bytes"))
        yield "traced memory", f"{current}, peak {peak}"
    if moment.get("dropped"):
        yield "dropped", f"{count_of(moment['dropped'], 'allocation')} left no trace: out of memory"
    if moment.get("lost"):
        yield "lost", f"{count_of(moment['lost'], 'trace')}: another tool had removed the hooks"
    for name, value in content["attributes"].items():
        yield f"attribute {name}", _text(value)
