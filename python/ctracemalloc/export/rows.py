"""A snapshot's rows, one for each (domain, stack, size): as JSON, as CSV, as Parquet.

A stack is made of file names, lines and names of functions, which are empty where unknown.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from ctracemalloc import Snapshot, domain_name
from ctracemalloc._model import TraceTuple
from ctracemalloc._snapshot import as_table
from ctracemalloc.export.stacks import Track, unicode

_CSV_COLUMNS = (
    "domain",
    "domain_name",
    "size",
    "count",
    "bytes",
    "total_nframe",
    "stack",
    "functions",
)
_FRAME = ("filename", "lineno", "name")
# Rows that become a group of a Parquet file, and are in memory at a time.
_BATCH = 65536


def write_json(snapshot: Snapshot, file: BinaryIO, track: Track) -> None:
    """Write a list of frames, and rows that name them by number, the newest frame first."""
    numbers: dict[tuple[Any, ...], int] = {}
    names: dict[int, str] = {}
    rows = []
    for (domain, size, frames, total_nframe), count in _rows(snapshot, track):
        stack = [numbers.setdefault(frame, len(numbers)) for frame in frames]
        row = {"domain": domain, "size": size, "count": count}
        names[domain] = domain_name(domain)
        rows.append({**row, "total_nframe": total_nframe, "stack": stack})
    content = {
        "kind": snapshot.kind,
        "traceback_limit": snapshot.traceback_limit,
        **_moment(snapshot),
        "domains": names,
        "frames": [dict(zip(_FRAME, frame, strict=True)) for frame in numbers],
        "rows": rows,
    }
    file.write(json.dumps(content, separators=(",", ":")).encode("ascii"))


def write_csv(snapshot: Snapshot, file: BinaryIO, track: Track) -> None:
    """Write a line for each row; what is said of the frames is separated by `;`, newest first."""
    text = io.TextIOWrapper(file, "utf-8", "replace", newline="")
    writer = csv.writer(text)
    writer.writerow(_CSV_COLUMNS)
    for (domain, size, frames, total_nframe), count in _rows(snapshot, track):
        stack = ";".join(f"{frame[0]}:{frame[1]}" for frame in frames)
        known = "" if total_nframe is None else total_nframe
        functions = ";".join(frame[2] for frame in frames)
        sizes = (size, count, size * count)
        writer.writerow((domain, domain_name(domain), *sizes, known, stack, functions))
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
    moment = _moment(snapshot)
    same = {
        "snapshot": unicode(name),
        "kind": snapshot.kind,
        "time": moment["time_ns"] or None,
        "pid": moment["pid"] or None,
    }
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        batch: list[dict[str, Any]] = []
        for (domain, size, frames, total_nframe), count in _rows(snapshot, track):
            row = {
                **same,
                "domain": domain,
                "domain_name": domain_name(domain),
                "stack": [
                    {"filename": unicode(file), "lineno": lineno, "name": unicode(function)}
                    for file, lineno, function in frames
                ],
                "total_nframe": total_nframe,
                "size": size,
                "count": count,
                "bytes": size * count,
            }
            batch.append(row)
            if len(batch) == _BATCH:
                writer.write_table(pa.Table.from_pylist(batch, schema))
                batch.clear()
        writer.write_table(pa.Table.from_pylist(batch, schema))


def _rows(snapshot: Snapshot, track: Track) -> Iterator[tuple[Any, int]]:
    traces = snapshot.traces._traces
    table = as_table(traces)
    # Traces that the engine cannot represent are not counted together.
    rows = list(table.named_rows()) if table is not None else list(map(_as_row, traces))
    yield from track(rows, len(rows))


def _as_row(trace: TraceTuple) -> tuple[Any, int]:
    domain, size, frames, total_nframe = trace
    return (domain, size, [(*frame[:2], "") for frame in frames], total_nframe), 1


def _moment(snapshot: Snapshot) -> dict[str, int]:
    table = as_table(snapshot.traces._traces)
    info = table.info() if table is not None else {}
    return {"time_ns": info.get("time_ns", 0), "pid": info.get("pid", 0)}
