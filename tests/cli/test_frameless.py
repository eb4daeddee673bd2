"""Traces without any frame, as hand-made snapshots may have, are a place like any other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_support import Caller, dump
from ctracemalloc import Snapshot
from ctracemalloc.cli.snapshots import KEY_TYPES
from ctracemalloc.report.series import series_of

_NOWHERE = ["<no", "traceback>"]
TRACES = [(0, 100, (), 0), (0, 30, (("app/main.py", 1),), 1), (389047, 5, (), 0)]


@pytest.fixture
def frameless(tmp_path: Path) -> Path:
    return dump(tmp_path, "frameless.ctm", TRACES)


@pytest.mark.parametrize("key", KEY_TYPES)
def test_tables_name_them(call: Caller, frameless: Path, key: str) -> None:
    done = call("top", frameless, "--by", key)
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[2].split() == ["105", "B", "2", "52", "B", "77.8%", *_NOWHERE]
    done = call("diff", frameless, frameless, "--by", key)
    assert done.out.splitlines()[1] == "nothing grew, nothing shrank"


def test_a_comparison_by_file_names_them(call: Caller, frameless: Path, tmp_path: Path) -> None:
    more = dump(tmp_path, "more.ctm", [*TRACES, (0, 1000, (), 0)])
    lines = call("diff", frameless, more, "--by", "file").out.splitlines()
    assert lines[2].split() == ["+1000", "B", "1105", "B", "+1", *_NOWHERE]


def test_patterns_do_not_match_them(call: Caller, frameless: Path) -> None:
    def size(*options: str) -> int:
        content = json.loads(call("top", frameless, "--json", *options).out)
        assert isinstance(content["size"], int)
        return content["size"]

    assert size("--filter", "*") == size("--filter", "function:*") == 30
    assert size("--exclude", "*") == size("--exclude", "module:*") == 105
    assert size("--domain", "numpy") == 5


@pytest.mark.parametrize("form", ["collapsed", "speedscope", "csv", "json", "pprof"])
def test_exports_have_them(call: Caller, frameless: Path, form: str) -> None:
    assert call("export", frameless, "--format", form, "-o", frameless.parent / form).status == 0


def test_a_tree_says_how_much_they_are(call: Caller, frameless: Path) -> None:
    for options in ((), ("--inverted",)):
        rows = call("tree", frameless, *options).out.splitlines()
        assert rows[-1].split() == ["105", "B", "2", "77.8%", *_NOWHERE]


def test_a_series_takes_no_file_for_them() -> None:
    both = [(0, 100, (), 0), (0, 30, (("<no traceback>", 0),), 1)]
    series = series_of([Snapshot(both[:1], 1), Snapshot(both, 1)])
    assert [site["sizes"] for site in series["sites"]] == [[100, 100], [0, 30]]
    assert series["totals"] == [100, 130]


def test_other_commands_show_them(call: Caller, frameless: Path) -> None:
    assert call("tree", frameless).status == 0
    assert call("info", frameless).status == 0
    pytest.importorskip("jinja2")
    pages = [frameless.parent / name for name in ("one.html", "two.html", "three.html")]
    for number, page in enumerate(pages, 1):
        done = call("report", *[frameless] * number, "-o", page)
        assert (done.status, done.err) == (0, "")
        assert "no traceback" in page.read_text(encoding="utf-8")
