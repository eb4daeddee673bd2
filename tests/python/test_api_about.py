"""What a file says of the program: by itself, and if it is asked to."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from api_support import ours
from ctracemalloc._about import said_of
from ctracemalloc._engine import SnapshotTable
from ctracemalloc.cli import info
from ctracemalloc.report.page import _summary

TRACES = [(0, 10, (("a.py", 2),), 1)]
LABELS = {"run": "7", "": "\ud800 é", "labels": ""}


def table_of(snapshot: Any) -> SnapshotTable:
    table = snapshot.traces._traces
    assert isinstance(table, SnapshotTable)
    return table


def there_and_back(snapshot: Any, **asked: Any) -> Any:
    file = io.BytesIO()
    snapshot.dump(file, **asked)
    file.seek(0)
    return ours.Snapshot.load(file)


def test_nothing_is_said_unasked() -> None:
    for content in (TRACES, SnapshotTable(TRACES)):
        assert table_of(there_and_back(ours.Snapshot(content, 1))).about() == {}


def test_what_is_asked_for_is_said(tmp_path: Path) -> None:
    for content in (TRACES, SnapshotTable(TRACES)):
        snapshot = ours.Snapshot(content, 1)
        loaded = there_and_back(snapshot, labels=LABELS, host=True, command=True)
        about = {"labels": LABELS, "host": os.uname().nodename, "command": sys.orig_argv}
        assert table_of(loaded).about() == said_of(table_of(loaded)) == about
        assert list(loaded.traces._traces) == TRACES
        # It stays, as long as nobody asks for something else.
        assert table_of(there_and_back(loaded)).about() == about
        again = there_and_back(loaded.filter_traces([]), labels={"run": "8"})
        assert table_of(again).about() == {**about, "labels": {"run": "8"}}
        snapshot.dump(tmp_path / "x.ctm", host=True)
        kept = table_of(ours.Snapshot.load(tmp_path / "x.ctm"))
        assert kept.about() == {"host": os.uname().nodename}


def test_a_snapshot_that_was_taken_says_its_python_too() -> None:
    ours.start()
    try:
        snapshot = ours.take_snapshot()
    finally:
        ours.stop()
    about = table_of(there_and_back(snapshot, labels={})).about()
    assert about.keys() == {"python", "labels"}


@pytest.mark.parametrize("labels", [{"a": 1}, {1: "a"}, {"a": None}, {"a": b"b"}])
def test_labels_that_are_no_text(labels: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="labels are a dict of str to str, not"):
        ours.Snapshot(TRACES, 1).dump(tmp_path / "x.ctm", labels=labels)
    assert not list(tmp_path.iterdir())


def test_tables_say_what_they_are_given() -> None:
    table = SnapshotTable(TRACES)
    about = {"x": [1, (2, b"y")]}
    assert table.with_about(about).about() == about
    assert table.with_about(about) == table
    assert table.about() == {}
    with pytest.raises(TypeError, match="expected a dict, not int"):
        table.with_about(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'x' cannot be saved"):
        table.with_about({"x": {1}})


def test_merges_say_what_is_true_of_all() -> None:
    def described(**about: Any) -> Any:
        return ours.Snapshot(SnapshotTable(TRACES).with_about(about), 1)

    def merged(*snapshots: Any) -> Any:
        return table_of(ours.Snapshot.merge(*snapshots)).about()

    a = described(host="a", command=["x"], labels={"run": "1", "pod": "a", "only": "a"})
    b = described(host="b", command=["y"], labels={"run": "1", "pod": "b"})
    assert merged(a, b) == merged(b, a) == {"host": "a, b", "labels": {"run": "1", "pod": "a, b"}}
    assert merged(a, a) == table_of(a).about()
    assert merged(a, described(labels=3)) == merged(a, described()) == {}


WRONG = {"python": 3, "host": b"h", "command": {"a": "b"}, "labels": ["x"], "other": 5}


def test_what_is_not_as_described_is_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The format is open to others, who may get it wrong."""
    inner = {**WRONG, "command": ["a", 1], "labels": {"a": 1}}
    for about in (WRONG, inner):
        snapshot = ours.Snapshot(SnapshotTable(TRACES).with_about(about), 1)
        assert said_of(table_of(snapshot)) == {"other": 5}
        assert {item.title for item in _summary(snapshot, None, "")} == {
            *("Live now", "Blocks", "Frames a trace")
        }
        snapshot.dump(tmp_path / "x.ctm")
        assert info.main([str(tmp_path / "x.ctm")]) == 0
        assert "other" in capsys.readouterr().out


def test_info_and_report_show_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = SnapshotTable(TRACES).with_about({"command": ["python", "a b.py"], "host": "h1"})
    ours.Snapshot(table, 1).dump(
        tmp_path / "x.ctm", labels={"run": "nightly", "\x1b[31m": "\ud800"}
    )
    assert info.main([str(tmp_path / "x.ctm")]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    for text in ("python 'a b.py'", "h1", "label run", "nightly"):
        assert text in shown
    items = _summary(ours.Snapshot.load(tmp_path / "x.ctm"), None, "")
    assert {"python 'a b.py'", "h1", "nightly"} <= {item.text for item in items}
