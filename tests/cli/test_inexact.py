"""A churn of which some is not known by its line: commands, pages and exports say so."""

from __future__ import annotations

import csv
import gzip
import importlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cli_support import Caller

_PROGRAM = """
import sys
import ctracemalloc as t

t.start(2, churn_lines=10)
first = t.take_snapshot(at="churn")
for i in range(1_000_000):
    code = f"def f{i}():\\n return bytes(1000)\\nf{i}()"
    if i % 2 == 0:
        code = "\\n" * (i % 3000) + "bytes(3000)"
    exec(compile(code, f"gen{i % 5}.py" if i % 2 else f"tpl{i % 700}.py", "exec"), {})
    if i % 1000 == 0 and not t.is_churn_exact():
        break
last = t.take_snapshot(at="churn")
t.stop()
assert first.is_exact and not last.is_exact
first.dump(sys.argv[1])
last.dump(sys.argv[2])
"""


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Make a churn that is exact, and a later one that is not."""
    folder = tmp_path_factory.mktemp("inexact")
    made = folder / "first.ctm", folder / "last.ctm"
    subprocess.run([sys.executable, "-c", _PROGRAM, *made], check=True, timeout=240)
    return made


def test_top_says_it_where_it_is_so(call: Caller, paths: tuple[Path, Path]) -> None:
    first, last = paths
    lines = call("top", last).out.splitlines()
    assert lines[1].startswith("not exact: ")
    assert "not exact" not in call("top", last, "--by", "file").out
    assert "not exact" not in call("top", first).out
    content = json.loads(call("top", last, "--limit", "0", "--json").out)
    entries = [entry["is_exact"] for entry in content["entries"]]
    wrong = entries.count(False)
    assert lines[1].startswith(f"not exact: {wrong:,} places of {len(entries):,} ")
    assert content["is_exact"] is False
    assert json.loads(call("top", last, "--by", "file", "--json").out)["is_exact"] is True


def test_a_filter_of_what_is_not_known(call: Caller, paths: tuple[Path, Path]) -> None:
    options = ("--by", "file", "--filter", "function:f1*")
    assert call("top", paths[1], *options).out.splitlines()[1].startswith("not exact: ")
    assert json.loads(call("top", paths[1], *options, "--json").out)["is_exact"] is False
    assert "not exact" not in call("top", paths[1], "--by", "file", "--filter", "*").out


def test_diff_says_it(call: Caller, paths: tuple[Path, Path]) -> None:
    assert call("diff", *paths).out.splitlines()[1].startswith("not exact: ")
    content = json.loads(call("diff", *paths, "--limit", "0", "--json").out)
    assert content["is_exact"] is False
    assert not all(entry["is_exact"] for entry in content["entries"])
    assert json.loads(call("diff", *paths, "--by", "file", "--json").out)["is_exact"] is True


def test_info_says_what_may_be_wrong(call: Caller, paths: tuple[Path, Path]) -> None:
    first, last = paths
    rows = dict(line.split("  ", 1) for line in call("info", last).out.splitlines())
    assert rows["may be wrong"].strip() == "lines, functions and callers"
    assert json.loads(call("info", last, "--json").out)["is_exact"] is False
    assert "may be wrong" not in call("info", first).out
    assert json.loads(call("info", first, "--json").out)["is_exact"] is True


def _export(call: Caller, path: Path, form: str) -> tuple[bytes, str]:
    """Return what a file of that format has, and what was said of it."""
    out = path.with_suffix(f".{form}")
    done = call("export", path, "--format", form, "-o", out)
    assert done.status == 0
    return out.read_bytes(), done.err


def test_exports_of_rows_say_it(call: Caller, paths: tuple[Path, Path]) -> None:
    for path, is_exact in zip(paths, (True, False), strict=True):
        content, _ = _export(call, path, "csv")
        lines = list(csv.DictReader(content.decode().splitlines()))
        assert {line["is_exact"] for line in lines} == {str(is_exact).lower()}
    pytest.importorskip("pyarrow")
    parquet = importlib.import_module("pyarrow.parquet")
    for path, is_exact in zip(paths, (True, False), strict=True):
        content, _ = _export(call, path, "parquet")
        table = parquet.read_table(io.BytesIO(content), columns=["is_exact"])
        assert set(table["is_exact"].to_pylist()) == {is_exact}


def test_exports_of_stacks_say_it(call: Caller, paths: tuple[Path, Path]) -> None:
    said = "not exact: lines, functions and callers may be wrong"
    for path, warning in zip(paths, ("", said), strict=True):
        profiles = json.loads(_export(call, path, "speedscope")[0])["profiles"]
        names = [", ".join(filter(None, (name, warning))) for name in ("bytes", "blocks")]
        assert [profile["name"] for profile in profiles] == names
        _, err = _export(call, path, "collapsed")
        assert err == (f"ctracemalloc export: {warning}\n" if warning else "")


def test_exports_and_pages_say_it(call: Caller, paths: tuple[Path, Path], tmp_path: Path) -> None:
    for path, is_exact in zip(paths, (True, False), strict=True):
        for form in ("json", "pprof"):
            out = tmp_path / f"{path.stem}.{form}"
            assert call("export", path, "--format", form, "-o", out).status == 0
        content = json.loads((tmp_path / f"{path.stem}.json").read_text())
        assert content["is_exact"] is is_exact
        profile = gzip.decompress((tmp_path / f"{path.stem}.pprof").read_bytes())
        said = b"not exact: lines, functions and callers may be wrong"
        assert (said in profile) is not is_exact
        pytest.importorskip("jinja2")
        page = tmp_path / f"{path.stem}.html"
        assert call("report", path, "-o", page).status == 0
        text = page.read_text(encoding="utf-8")
        assert ("May be wrong" in text) is not is_exact
