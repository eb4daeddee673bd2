"""A snapshot's rows, one for each (domain, stack, size): as JSON, as CSV, as Parquet.

A stack is made of file names, lines and names of functions, which are empty where unknown. Where
only sums are known (at the peak, in the churn, of reuse), a row is one for each (domain, stack) and
has no size.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from operator import length_hint
from typing import Any, BinaryIO, NamedTuple

from ctracemalloc import Snapshot, domain_name
from ctracemalloc._engine import SnapshotTable
from ctracemalloc._model import TraceTuple
from ctracemalloc._snapshot import as_table
from ctracemalloc.export.stacks import Track, unicode
from ctracemalloc.report.columns import row_columns
from ctracemalloc.report.exactness import doubt_about

_CSV_COLUMNS = (
    "domain",
    "domain_name",
    "size",
    "count",
    "bytes",
    "total_nframe",
    "stack",
    "functions",
    "kind",
    "is_exact",
)
_FRAME = ("filename", "lineno", "name")
# Of a group of rows in a Parquet file, which is in memory at a time.
_MOST_ROWS = 65536
_MOST_FRAMES = 1 << 18


class _Row(NamedTuple):
    domain: int
    # Of each block; None where it is not known.
    size: int | None
    blocks: int
    # Of all blocks.
    bytes: int
    frames: tuple[tuple[str, int, str], ...]
    total_nframe: int | None


def write_json(snapshot: Snapshot, file: BinaryIO, track: Track) -> None:
    """Write rows that name their frames by number, the newest first, and the list of frames."""
    numbers: dict[tuple[Any, ...], int] = {}
    names: dict[int, str] = {}
    head = {
        "kind": snapshot.kind,
        "is_exact": not doubt_about(snapshot),
        "traceback_limit": snapshot.traceback_limit,
        **_moment(snapshot),
    }

    def write(text: str) -> None:
        file.write(text.encode("ascii"))

    # The rows one by one: together they may be much larger than the snapshot.
    write(_json(head).removesuffix("}") + ',"rows":[')
    for position, row in enumerate(_rows(snapshot, track)):
        names[row.domain] = domain_name(row.domain)
        stack = [numbers.setdefault(frame, len(numbers)) for frame in row.frames]
        described = {
            "domain": row.domain,
            "size": row.size,
            "count": row.blocks,
            "bytes": row.bytes,
            "total_nframe": row.total_nframe,
            "stack": stack,
        }
        write("," * bool(position) + _json(described))
    frames = [dict(zip(_FRAME, frame, strict=True)) for frame in numbers]
    write("]," + _json({"domains": names, "frames": frames}).removeprefix("{"))


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))


def write_csv(snapshot: Snapshot, file: BinaryIO, track: Track) -> None:
    """Write a line for each row; what is said of the frames is separated by `;`, newest first."""
    text = io.TextIOWrapper(file, "utf-8", "replace", newline="")
    writer = csv.writer(text)
    writer.writerow(_CSV_COLUMNS)
    same = (snapshot.kind, "false" if doubt_about(snapshot) else "true")
    for domain, size, count, total, frames, total_nframe in _rows(snapshot, track):
        stack = ";".join(f"{frame[0]}:{frame[1]}" for frame in frames)
        functions = ";".join(frame[2] for frame in frames)
        # What is None becomes an empty field.
        sizes = (size, count, total)
        where = (total_nframe, stack, functions)
        writer.writerow((domain, domain_name(domain), *sizes, *where, *same))
    text.flush()
    # The file is its owner's to close.
    text.detach()


def write_parquet(snapshot: Snapshot, file: BinaryIO, track: Track, name: str) -> None:
    """Write a table; `name` tells the snapshot from others that are asked together with it."""
    # The library is an extra of the package.
    import pyarrow as pa
    import pyarrow.parquet as pq

    frame = pa.struct([("filename", pa.string()), ("lineno", pa.uint32()), ("name", pa.string())])
    schema = pa.schema(
        [
            ("snapshot", pa.string()),
            ("kind", pa.string()),
            ("is_exact", pa.bool_()),
            ("time", pa.timestamp("ns", tz="UTC")),
            ("pid", pa.uint32()),
            ("domain", pa.uint32()),
            ("domain_name", pa.string()),
            ("stack", pa.list_(frame)),
            ("total_nframe", pa.uint32()),
            ("size", pa.uint64()),
            ("count", pa.uint64()),
            ("bytes", pa.uint64()),
        ]
    )
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in _batches(_parquet_rows(snapshot, track, name)):
            writer.write_table(pa.Table.from_pylist(batch, schema))


def _parquet_rows(snapshot: Snapshot, track: Track, name: str) -> Iterator[dict[str, Any]]:
    moment = _moment(snapshot)
    same = {
        "snapshot": unicode(name),
        "kind": snapshot.kind,
        "is_exact": not doubt_about(snapshot),
        "time": moment["time_ns"] or None,
        "pid": moment["pid"] or None,
    }
    for row in _rows(snapshot, track):
        yield {
            **same,
            "domain": row.domain,
            "domain_name": unicode(domain_name(row.domain)),
            "stack": [
                {"filename": unicode(file), "lineno": lineno, "name": unicode(function)}
                for file, lineno, function in row.frames
            ],
            "total_nframe": row.total_nframe,
            "size": row.size,
            "count": row.blocks,
            "bytes": row.bytes,
        }


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Put together what is in memory at a time; a list is emptied when the next is asked for."""
    batch: list[dict[str, Any]] = []
    frames_left = _MOST_FRAMES
    for row in rows:
        batch.append(row)
        frames_left -= len(row["stack"])
        if len(batch) == _MOST_ROWS or frames_left <= 0:
            yield batch
            batch.clear()
            frames_left = _MOST_FRAMES
    if batch:
        yield batch


def _rows(snapshot: Snapshot, track: Track) -> Iterator[_Row]:
    traces = snapshot.traces._traces
    table = as_table(traces)
    if table is None:
        # Traces that the engine cannot represent are not counted together.
        yield from track(map(_row_of_trace, traces), len(traces))
        return
    rows = _sums(table) if table.kind() != "live" else _equal_traces(table)
    yield from track(rows, length_hint(table.named_rows()))


def _row_of_trace(trace: TraceTuple) -> _Row:
    domain, size, frames, total_nframe = trace
    named = tuple((filename, lineno, "") for filename, lineno in frames)
    return _Row(domain, size, 1, size, named, total_nframe)


def _equal_traces(table: SnapshotTable) -> Iterator[_Row]:
    rows: Iterator[Any] = table.named_rows()
    for (domain, size, frames, total_nframe), count in rows:
        yield _Row(domain, size, count, size * count, frames, total_nframe)


def _sums(table: SnapshotTable) -> Iterator[_Row]:
    """Make a row for each domain and stack; what the table has as sizes are even shares."""
    columns = row_columns(table)
    sums: dict[tuple[int, int], list[int]] = {}
    places = list(zip(columns.domains, columns.stacks, strict=True))
    for place, size, count in zip(places, columns.sizes, columns.counts, strict=True):
        known = sums.setdefault(place, [0, 0])
        known[0] += count
        known[1] += size * count
    rows: Iterator[Any] = table.named_rows()
    for place, ((domain, _, frames, total_nframe), _) in zip(places, rows, strict=True):
        found = sums.pop(place, None)
        if found is not None:
            yield _Row(domain, None, found[0], found[1], frames, total_nframe)


def _moment(snapshot: Snapshot) -> dict[str, int]:
    table = as_table(snapshot.traces._traces)
    info = table.info() if table is not None else {}
    return {"time_ns": info.get("time_ns", 0), "pid": info.get("pid", 0)}
