"""Rows of JSON, CSV and Parquet files: what is in them, and what they take to be written."""

from __future__ import annotations

import csv
import importlib
import io
import json
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import ctracemalloc
import pytest
from cli_support import Caller, dump
from ctracemalloc import Snapshot
from ctracemalloc.export import rows

_SIZES = (10, 1000, 100_000)


def _plain(items: Iterable[Any], _total: int) -> Iterable[Any]:
    """Pass items on, and show no progress."""
    return items


def _written(call: Caller, path: Path, form: str) -> list[dict[str, Any]]:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    target = path.with_suffix(f".{form}")
    assert call("export", path, "--format", form, "-o", target) == (0, "", "")
    if form == "csv":
        with target.open(newline="") as file:
            return list(csv.DictReader(file))
    if form == "json":
        content = json.loads(target.read_text())
        return [{**row, "kind": content["kind"]} for row in content["rows"]]
    parquet = importlib.import_module("pyarrow.parquet")
    found: list[dict[str, Any]] = parquet.read_table(target).drop_columns("time").to_pylist()
    return found


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Make snapshots of each kind, of a domain whose blocks are of one stack."""
    if ctracemalloc.is_tracing():
        pytest.skip("the tests are traced themselves")
    folder = tmp_path_factory.mktemp("kinds")
    paths = {}
    ctracemalloc.start(3)
    try:
        for address, size in enumerate(_SIZES):
            ctracemalloc.track(77, address, size)
        for at in ("now", "peak", "churn"):
            ours = [ctracemalloc.DomainFilter(True, 77)]
            snapshot = ctracemalloc.take_snapshot(at=at).filter_traces(ours)
            paths[snapshot.kind] = folder / f"{snapshot.kind}.ctm"
            snapshot.dump(paths[snapshot.kind])
        # A block that is no longer there, by which the shares of the parts differ.
        merged = Snapshot.merge(snapshot, snapshot)
        ctracemalloc.track(77, 0, 5)
        more = ctracemalloc.take_snapshot(at="churn").filter_traces(ours)
        Snapshot.merge(merged, more).dump(folder / "merged.ctm")
        paths["merged"] = folder / "merged.ctm"
    finally:
        ctracemalloc.stop()
    return paths


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_no_size_is_invented(call: Caller, kinds: dict[str, Path], form: str) -> None:
    live = _written(call, kinds["live"], form)
    assert sorted(int(row["size"]) for row in live) == list(_SIZES)
    assert {row["kind"] for row in live} == {"live"}
    for kind in ("peak", "churn"):
        (row,) = _written(call, kinds[kind], form)
        assert row["size"] in (None, "")
        assert (row["kind"], int(row["count"]), int(row["bytes"])) == (kind, 3, sum(_SIZES))
    merged = _written(call, kinds["merged"], form)
    # The line that tracks again is another stack.
    assert sorted(int(row["count"]) for row in merged) == [1, 9]
    assert sum(int(row["bytes"]) for row in merged) == 3 * sum(_SIZES) + 5


def test_what_is_loaded_again_is_as_it_was(kinds: dict[str, Path]) -> None:
    peak = Snapshot.load(kinds["peak"])
    (statistic,) = peak.statistics("traceback")
    assert (statistic.size, statistic.count) == (sum(_SIZES), 3)


def test_a_domain_with_a_name_that_is_no_unicode(call: Caller, tmp_path: Path) -> None:
    ctracemalloc.name_domain(4321, "\udcff")
    path = dump(tmp_path, "odd.ctm", [(4321, 5, (("a.py", 1),), 1)])
    for form in ("csv", "json", "parquet"):
        (row,) = _written(call, path, form)
        assert row.get("domain_name", "?") == "?"


class _Sink(io.RawIOBase):
    """Takes what is written, and keeps nothing of it."""

    def writable(self) -> bool:
        return True

    def write(self, content: Any, /) -> int:
        return len(content)


def _peak_of_export(write: Any, snapshot: Snapshot) -> int:
    tracemalloc.start()
    try:
        write(snapshot, io.BufferedWriter(_Sink()), _plain)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _deep(stacks: int) -> Snapshot:
    """Make a snapshot of stacks that have all frames but one in common."""
    common = tuple((f"pkg/mod{i % 40}.py", i) for i in range(200))
    traces = [(0, 100, ((f"app/m{i % 9}.py", i), *common), 201) for i in range(stacks)]
    return Snapshot(ctracemalloc._engine.SnapshotTable(traces), 201)


@pytest.mark.parametrize("write", [rows.write_json, rows.write_csv])
def test_rows_are_written_as_they_come(write: Any) -> None:
    few, many = (_peak_of_export(write, _deep(stacks)) for stacks in (500, 4000))
    # The frames of a stack alone take 14 KB; a frame that is new, some hundred bytes.
    assert many - few < 3500 * 1500


def test_a_group_of_rows_has_a_bound_of_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(rows, "_MOST_FRAMES", 1000)
    file = io.BytesIO()
    rows.write_parquet(_deep(100), file, _plain, "deep.ctm")
    read = parquet.ParquetFile(io.BytesIO(file.getvalue()))
    groups = [read.metadata.row_group(i).num_rows for i in range(read.metadata.num_row_groups)]
    assert groups == [5] * 20
    stacks = read.read(columns=["stack"]).to_pylist()
    assert {len(row["stack"]) for row in stacks} == {201}


def test_progress_knows_how_many_rows_there_are(kinds: dict[str, Path]) -> None:
    totals = []

    def track(items: Iterable[Any], total: int) -> Iterable[Any]:
        totals.append(total)
        return items

    rows.write_csv(_deep(30), io.BytesIO(), track)
    rows.write_csv(Snapshot.load(kinds["churn"]), io.BytesIO(), track)
    assert totals[0] == 30
    assert totals[1] >= 1
