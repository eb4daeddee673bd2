"""`ctracemalloc export`: other tools read what is written, and find our numbers."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import ctracemalloc
import pytest
from cli_support import NEW_TOTAL, OLD_TOTAL, Caller, dump

DATA = Path(__file__).parent / "data"
GUIDE = Path(__file__).parents[2] / "docs" / "guide.md"


@pytest.fixture
def pprof() -> str:
    """Return Go's own tool, which .ci/packages installs."""
    folder = Path("~/.cache/ctracemalloc/bin").expanduser()
    found = shutil.which("pprof", path=f"{folder}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip("no pprof: .ci/packages installs it")
    return found


def export(call: Caller, source: Path, form: str, *options: str) -> Path:
    target = source.with_suffix(f".{form}")
    assert call("export", source, "--format", form, "-o", target, *options) == (0, "", "")
    return target


def ask(pprof: str, *arguments: str | Path) -> str:
    done = subprocess.run(
        [pprof, "-nodefraction=0", "-edgefraction=0", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def table(text: str) -> dict[str, tuple[int, int]]:
    """Return (flat, cumulative) for each name that -top lists."""
    row = re.compile(r"\s*(-?\d+)B? +\S+ +\S+ +(-?\d+)B? +\S+  (.*)")
    found = filter(None, map(row.fullmatch, text.splitlines()))
    return {match[3]: (int(match[1]), int(match[2])) for match in found}


def test_pprof_tops_are_ours(call: Caller, new: Path, pprof: str) -> None:
    profile = export(call, new, "pprof")
    text = ask(pprof, "-unit=B", "-top", profile)
    assert "Type: inuse_space" in text
    assert "alloc_space are left out" in text
    assert table(text) == {
        "app/[red]new.py": (65536, 65536),
        "app/parse.py": (20992, 20992),
        "app/load.py": (1000, 21992),
        "app/\x1b[31m.py": (8, 8),
        "app/main.py": (0, NEW_TOTAL - 8),
    }
    counts = ask(pprof, "-sample_index=inuse_objects", "-top", profile)
    assert table(counts)["app/main.py"] == (0, 4)


def test_pprof_lines_trees_and_differences_are_ours(
    call: Caller, old: Path, new: Path, pprof: str
) -> None:
    before, after = (export(call, path, "pprof") for path in (old, new))
    lines = table(ask(pprof, "-unit=B", "-lines", "-top", after))
    assert lines["app/parse.py app/parse.py:20"] == (20992, 20992)
    tree = ask(pprof, "-unit=B", "-tree", after)
    assert re.search(r"20992B 95\.45% \|   app/parse\.py", tree)
    changed = table(ask(pprof, "-unit=B", "-top", "-diff_base", before, after))
    assert changed["app/main.py"] == (0, NEW_TOTAL - 8 - OLD_TOTAL)
    assert changed["app/gone.py"] == (-4096, -4096)
    assert changed["app/load.py"][0] == -1000


def test_pprof_names_functions_and_counts_the_churn(
    call: Caller, tmp_path: Path, pprof: str
) -> None:
    if ctracemalloc.is_tracing():
        pytest.skip("the tests are traced themselves")

    def make_and_lose() -> None:
        for _ in range(3):
            bytes(2_000_000)

    path = tmp_path / "churn.ctm"
    ctracemalloc.start(5)
    try:
        make_and_lose()
        ctracemalloc.take_snapshot(at="churn").dump(path)
    finally:
        ctracemalloc.stop()
    text = ask(pprof, "-unit=B", "-top", export(call, path, "pprof"))
    assert "Type: alloc_space" in text
    flat = {name: values[0] for name, values in table(text).items()}
    (size,) = (size for name, size in flat.items() if name.endswith(".make_and_lose"))
    assert size >= 6_000_000


def test_pprof_shows_names_in_angle_brackets(call: Caller, tmp_path: Path, pprof: str) -> None:
    if ctracemalloc.is_tracing():
        pytest.skip("the tests are traced themselves")
    program = (
        "kept = [bytearray(1_000_000), (lambda: bytearray(2_000_000))()]\n"
        "kept += list(bytearray(3_000_000) for _ in range(1))\n"
    )
    path = tmp_path / "kinds.ctm"
    ctracemalloc.start(5)
    try:
        exec(compile(program, "kinds.py", "exec"), {"__name__": "kinds"})
        ctracemalloc.take_snapshot(at="churn").dump(path)
    finally:
        ctracemalloc.stop()
    flat = table(ask(pprof, "-unit=B", "-top", export(call, path, "pprof")))
    for name, size in (("<module>", 1), ("<lambda>", 2), ("<genexpr>", 3)):
        (found,) = (flat[text][0] for text in flat if text.endswith(name))
        assert found >= size * 1_000_000


def test_pprof_has_what_is_live_and_what_was_allocated(
    call: Caller, tmp_path: Path, pprof: str
) -> None:
    code = (
        "def keep(): return bytes(1_000_000)\n"
        "def lose():\n    for _ in range(3): bytes(2_000_000)\n"
        "kept = keep()\nlose()\n"
    )
    command = [sys.executable, "-m", "ctracemalloc", "run", "--churn", "--top", "0"]
    subprocess.run([*command, "-o", tmp_path / "app.ctm", "-c", code], check=True)
    live, churn = tmp_path / "app.ctm", tmp_path / "app.churn.ctm"
    profile = export(call, live, "pprof", "--churn", str(churn), "--filter", "<string>")

    def flat(*options: str) -> dict[str, int]:
        found = table(ask(pprof, *options, "-top", profile))
        return {name: values[0] for name, values in found.items()}

    # Blocks are a little larger than the bytes in them, and a loop has its own.
    live_sizes, all_sizes = flat("-unit=B"), flat("-unit=B", "-sample_index=alloc_space")
    assert 1_000_000 < live_sizes["keep"] == all_sizes["keep"] < 1_001_000
    assert 6_000_000 < all_sizes["lose"] < 6_001_000
    assert live_sizes.get("lose", 0) < 1000
    assert flat("-sample_index=alloc_objects")["lose"] >= 3
    assert flat("-sample_index=inuse_objects")["keep"] == 1
    assert "Type: inuse_space" in ask(pprof, "-top", profile)
    assert "left out" not in ask(pprof, "-top", profile)


def test_totals_come_from_a_snapshot_of_the_churn(call: Caller, new: Path, tmp_path: Path) -> None:
    arguments = ("export", new, "--churn", new, "-o", tmp_path / "out", "--format")
    done = call(*arguments, "pprof")
    line = f"ctracemalloc export: {new} is no snapshot of the churn, but a live one\n"
    assert done == (1, "", line)
    assert call(*arguments, "csv").status == 2


@pytest.mark.parametrize("kind", ["churn", "reuse"])
def test_totals_go_with_what_was_live(call: Caller, tmp_path: Path, kind: str) -> None:
    if ctracemalloc.is_tracing():
        pytest.skip("the tests are traced themselves")
    ctracemalloc.start()
    try:
        for at in ("peak", "churn", kind):
            ctracemalloc.take_snapshot(at=at).dump(tmp_path / f"{at}.ctm")
    finally:
        ctracemalloc.stop()
    source, churn, out = (tmp_path / name for name in (f"{kind}.ctm", "churn.ctm", "out"))
    arguments = ("--churn", churn, "--format", "pprof", "-o", out)
    done = call("export", source, *arguments)
    assert (done.status, done.out) == (1, "")
    assert f"{source} is of the {kind} itself" in done.err
    assert not out.exists()
    assert call("export", tmp_path / "peak.ctm", *arguments).status == 0


def test_speedscope_holds_its_schema(call: Caller, new: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    content = json.loads(export(call, new, "speedscope").read_text())
    schema = json.loads((DATA / "speedscope-schema.json").read_text())
    jsonschema.validate(content, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**content, "profiles": [{}]}, schema)
    sizes, counts = content["profiles"]
    assert (sum(sizes["weights"]), sizes["endValue"]) == (NEW_TOTAL, NEW_TOTAL)
    assert sum(counts["weights"]) == 5
    names = [frame.get("file", frame["name"]) for frame in content["shared"]["frames"]]
    stacks = [[names[number] for number in sample] for sample in sizes["samples"]]
    assert stacks[0][0] == "app/main.py"
    assert ["[numpy]", "app/main.py", "app/[red]new.py"] in stacks


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Make a snapshot with a stack that is in three domains, one of which the program named."""
    stack = (("b.py", 2), ("a.py", 1))
    traces = [(0, 5, stack, 2), (987654, 6, stack, 2), (389047, 7, stack, 2), (389047, 8, (), 0)]
    ctracemalloc.name_domain(987654, "film; part 1")
    return dump(tmp_path, "film.ctm", traces)


def test_pprof_knows_the_domains(call: Caller, film: Path, pprof: str) -> None:
    profile = export(call, film, "pprof")
    assert table(ask(pprof, "-unit=B", "-top", profile))["b.py"] == (18, 18)
    tags = ask(pprof, "-unit=B", "-tags", profile)
    found = re.findall(r"(\d+)\.0B \(.*?\): ([^\n]+)", tags)
    assert found == [("15", "numpy"), ("6", "film; part 1"), ("5", "python")]
    focus = ask(pprof, "-unit=B", "-top", "-tagfocus=domain=numpy", profile)
    assert table(focus)["b.py"] == (7, 7)
    roots = table(ask(pprof, "-unit=B", "-top", "-tagroot=domain", profile))
    assert roots["numpy"] == (0, 15)
    assert roots["film; part 1"] == (0, 6)


def test_pprof_of_what_was_allocated_in_a_domain(call: Caller, tmp_path: Path, pprof: str) -> None:
    code = "import ctracemalloc as t\nfor i in range(3): t.track(7, i, 1000); t.untrack(7, i)\n"
    code += "t.track(7, 9, 500)"
    command = [sys.executable, "-m", "ctracemalloc", "run", "--churn", "--top", "0"]
    subprocess.run([*command, "-o", tmp_path / "app.ctm", "-c", code], check=True)
    live, churn = tmp_path / "app.ctm", tmp_path / "app.churn.ctm"
    profile = export(call, live, "pprof", "--churn", str(churn), "--domain", "7")
    assert "500.0B (  100%): domain 7" in ask(pprof, "-unit=B", "-tags", profile)
    all_of_it = ask(pprof, "-unit=B", "-sample_index=alloc_space", "-tags", profile)
    assert "3500.0B (  100%): domain 7" in all_of_it


def test_domains_are_roots_where_there_are_no_labels(call: Caller, film: Path) -> None:
    assert export(call, film, "collapsed").read_text().splitlines() == [
        "a.py:1;b.py:2 5",
        "[numpy];<no traceback> 8",
        "[numpy];a.py:1;b.py:2 7",
        "[film: part 1];a.py:1;b.py:2 6",
    ]
    content = json.loads(export(call, film, "speedscope").read_text())
    names = [frame["name"] for frame in content["shared"]["frames"]]
    assert len(names) == len(set(names))
    sizes, _counts = content["profiles"]
    stacks = [[names[number] for number in sample] for sample in sizes["samples"]]
    assert dict(zip(map(tuple, stacks), sizes["weights"], strict=True)) == {
        ("a.py", "b.py"): 5,
        ("[numpy]", "<no traceback>"): 8,
        ("[numpy]", "a.py", "b.py"): 7,
        ("[film; part 1]", "a.py", "b.py"): 6,
    }


def test_rows_name_domains(call: Caller, film: Path) -> None:
    content = json.loads(export(call, film, "json").read_text())
    assert content["domains"] == {"0": "python", "389047": "numpy", "987654": "film; part 1"}
    with export(call, film, "csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert {line["domain_name"] for line in lines} == {"python", "numpy", "film; part 1"}
    pytest.importorskip("pyarrow")
    duckdb = pytest.importorskip("duckdb")
    path = export(call, film, "parquet")
    sql = f"SELECT domain_name, sum(bytes)::int FROM '{path}' GROUP BY ALL ORDER BY ALL"
    assert duckdb.sql(sql).fetchall() == [("film; part 1", 6), ("numpy", 15), ("python", 5)]


def test_collapsed_stacks(call: Caller, tmp_path: Path) -> None:
    traces = [
        (0, 5, (("b;c.py", 2), ("a\n.py", 1)), 2),
        (7, 6, (("b;c.py", 2), ("a\n.py", 1)), 2),
        (0, 1, (("\udc80.py", 1),), 1),
    ]
    path = export(call, dump(tmp_path, "odd.ctm", traces), "collapsed")
    lines = ["?.py:1 1", "[domain 7];a?.py:1;b:c.py:2 6", "a?.py:1;b:c.py:2 5"]
    assert sorted(path.read_text().splitlines()) == lines


def test_json_and_csv_have_the_same_rows(call: Caller, new: Path) -> None:
    content = json.loads(export(call, new, "json").read_text())
    with export(call, new, "csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(content["rows"]) == len(lines) == 5
    for row, line in zip(content["rows"], lines, strict=True):
        frames = (content["frames"][number] for number in row["stack"])
        stack = ";".join(f"{frame['filename']}:{frame['lineno']}" for frame in frames)
        assert line["stack"] == stack
        assert int(line["bytes"]) == row["size"] * row["count"]
    assert sum(int(line["bytes"]) for line in lines) == NEW_TOTAL


def test_the_sql_of_the_guide_asks_parquet_files(
    call: Caller, old: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    duckdb = pytest.importorskip("duckdb")
    for path in (old, new):
        export(call, path, "parquet")
    monkeypatch.chdir(new.parent)
    (sql,) = re.findall(r"```sql\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    rows = duckdb.sql(sql).fetchall()
    assert rows[0] == (str(new), "app/[red]new.py", 9, "", 65536, 1)
    assert sum(row[4] for row in rows) == NEW_TOTAL + OLD_TOTAL


def test_rows_name_functions(call: Caller, named: Path) -> None:
    content = json.loads(export(call, named, "json").read_text())
    rows = {content["frames"][row["stack"][0]]["name"]: row["count"] for row in content["rows"]}
    assert rows == {"Cache.add": 4, "load": 2, "run": 1}
    with export(call, named, "csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert {line["functions"] for line in lines} == {
        "Cache.add;main;<module>",
        "load;main;<module>",
        "run;main;<module>",
    }
    pytest.importorskip("pyarrow")
    duckdb = pytest.importorskip("duckdb")
    path = export(call, named, "parquet")
    sql = f"SELECT stack[1].name, sum(bytes)::int FROM '{path}' GROUP BY ALL ORDER BY ALL"
    assert duckdb.sql(sql).fetchall()[1:] == [("load", 4066), ("run", 3033)]


@pytest.mark.parametrize("form", ["pprof", "speedscope", "collapsed", "json", "csv"])
def test_a_selection_and_an_empty_snapshot(call: Caller, new: Path, empty: Path, form: str) -> None:
    assert export(call, empty, form).exists()
    path = export(call, new, form, "--filter", "*/parse.py")
    content = path.read_bytes()
    if form in ("collapsed", "json", "csv"):
        assert b"parse.py" in content
        assert b"new.py" not in content


def test_no_file_is_written_over_unless_told(call: Caller, new: Path) -> None:
    target = export(call, new, "csv")
    before = target.read_bytes()
    target.write_text("precious")
    arguments = ("export", new, "--format", "csv", "-o", target)
    done = call(*arguments)
    assert done.status == 1
    reason = "it is there already (--force writes over it)"
    assert done.err == f"ctracemalloc export: cannot write {target}: {reason}\n"
    assert target.read_text() == "precious"
    assert call(*arguments, "--force").status == 0
    assert target.read_bytes() == before


def test_what_cannot_be_written(
    call: Caller, new: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("export", new, "--format", "csv", "-o")
    assert "no such folder" in call(*arguments, tmp_path / "none" / "x.csv").err
    assert "it is a folder" in call(*arguments, tmp_path).err
    # Not by the folder's mode: root may write anywhere.
    monkeypatch.setattr(os, "access", lambda *_: False)
    done = call(*arguments, tmp_path / "x.csv")
    assert (done.status, done.err.count("\n")) == (1, 1)
    assert "no permission to write to" in done.err
