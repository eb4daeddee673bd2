"""What the API says of real snapshots' files is what a stranger reads from them."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from api_support import ours
from ctracemalloc._engine import SnapshotTable
from format_reader import FORMAT, reader

FILES = sorted((FORMAT / "real").glob("*.ctm"))
needs_zstd = pytest.mark.skipif(
    reader.find_decompress() is None, reason="this Python has no zstd module"
)


def assert_read_alike(content: bytes) -> Any:
    """Compare all that the two readers say; return what the stranger did."""
    theirs = reader.read(content)
    snapshot = ours.Snapshot.load(io.BytesIO(content))
    table = snapshot.traces._traces
    assert isinstance(table, SnapshotTable)
    rows = [
        ((row.domain, row.size, tuple(row.frames), row.total_nframe), row.count)
        for row in theirs.rows
    ]
    assert list(table.named_rows()) == rows
    blocks = sum(count for _trace, count in rows)
    assert sum(stat.count for stat in snapshot.statistics("traceback")) == blocks
    if snapshot.kind == "live":
        assert len(snapshot.traces) == blocks
    assert table.info() == theirs.info
    assert snapshot.kind == theirs.kind
    assert table.about() == theirs.about
    attributes = {name: value for name, value in vars(snapshot).items() if name != "traces"}
    assert attributes == {"traceback_limit": theirs.info["nframe"], **theirs.attributes}
    return theirs


@needs_zstd
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_files_of_a_real_program(path: Path) -> None:
    theirs = assert_read_alike(path.read_bytes())
    assert theirs.kind == path.stem
    assert len(theirs.rows) > 20
    assert theirs.about.keys() == {"python", "labels"}
    assert {file for row in theirs.rows for file, _line, _name in row.frames} == {
        *("app/main.py", "app/\N{SNAKE}.py", "lib/\ud800.py")
    }
    assert any(name == "Store.fill" for row in theirs.rows for _file, _line, name in row.frames)


def test_there_are_files() -> None:
    assert [path.stem for path in FILES] == ["churn", "live", "peak", "reuse"]


@needs_zstd
@pytest.mark.parametrize("at", ["now", "peak", "churn", "reuse"])
def test_files_of_this_process(at: Any) -> None:
    ours.start(10)
    try:
        kept = [(float(i), bytes(i % 7)) for i in range(2000)]
        snapshot: Any = ours.take_snapshot(at=at)
        assert len(kept) == 2000
    finally:
        ours.stop()
    snapshot.note = {"x": [1.5, None, (b"y", 2**70)]}
    file = io.BytesIO()
    snapshot.dump(file, labels={"a": "b"}, host=True, command=True)
    theirs = assert_read_alike(file.getvalue())
    names = Counter(name for row in theirs.rows for _file, _line, name in row.frames)
    assert names["test_files_of_this_process"] or at == "reuse"
