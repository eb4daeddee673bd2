"""`ctracemalloc report`: what is in the page, without a browser."""

from __future__ import annotations

import html
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ctracemalloc import Snapshot
from report_support import HOSTILE, trace, write_snapshot

pytest.importorskip("jinja2")

from ctracemalloc.report import page as page_module
from ctracemalloc.report.page import build_page


def run_report(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ctracemalloc", "report", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def page_of(*arguments: object, folder: Path) -> str:
    result = run_report(*arguments, "-o", "page.html", "--force", folder=folder)
    assert (result.returncode, result.stderr) == (0, "")
    return (folder / "page.html").read_text(encoding="utf-8")


def data_of(page: str) -> dict[str, Any]:
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert match
    data: dict[str, Any] = json.loads(match[1])
    return data


def names_of(data: dict[str, Any]) -> list[str]:
    """Return the names of the frames, by their labels."""
    frames = zip(*(data["frames"][key] for key in ("function", "file", "line")), strict=True)
    names = []
    for function, file, line in frames:
        name = data["functions"][function]
        place = f"{data['files'][file]}:{line}"
        names.append(f"{name} ({place})" if name else place)
    return names


def lines_of(data: dict[str, Any], view: int = 0) -> dict[str, dict[str, int]]:
    """Return the rows of a view's table, by their places, in their order."""
    columns = data["views"][view]["lines"]
    names = names_of(data)
    rows = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    return {names[row["label"]]: row for row in rows}


def facts_of(page: str) -> dict[str, str]:
    """Return the summary's texts by their titles."""
    return dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page))


def test_the_flame_graph_adds_up(new_file: Path, tmp_path: Path) -> None:
    data = data_of(page_of(new_file, folder=tmp_path))
    whole = data["views"][0]
    assert whole["name"] == "all domains"
    for tree in (whole["callers"], whole["inverted"]):
        assert tree["size"][0] == 50 * 1000 + 3000 + 2000
        assert tree["count"][0] == 52
        assert tree["depth"][0] == 0
    names = names_of(data)
    labels = [names[label] for label in whole["callers"]["label"][1:]]
    assert labels[:2] == ["main.py:1", "cache.py:10"]
    assert [view["name"] for view in data["views"][1:]] == ["python", "numpy"]


def test_a_comparison_knows_what_was_there_before(
    old_file: Path, new_file: Path, tmp_path: Path
) -> None:
    data = data_of(page_of(old_file, new_file, folder=tmp_path))
    tree = data["views"][0]["callers"]
    assert (tree["size"][0], tree["old"][0]) == (55_000, 15_000)
    rows = lines_of(data)
    assert next(iter(rows)) == "cache.py:10"
    cache, gone, new = (rows[name] for name in ("cache.py:10", "gone.py:7", "array.py:5"))
    assert (cache["size"], cache["old"]) == (50_000, 10_000)
    assert (gone["size"], gone["old"], gone["oldCount"]) == (0, 5000, 1)
    assert (new["count"], new["oldCount"]) == (1, 0)
    names = names_of(data)
    assert "gone.py:7" in [names[label] for label in tree["label"] if label >= 0]


def test_a_series_has_a_time_line(old_file: Path, new_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "series"
    folder.mkdir()
    for number, file in enumerate((old_file, new_file, old_file)):
        (folder / f"{number}.ctm").write_bytes(file.read_bytes())
    series = data_of(page_of(folder, folder=tmp_path))["series"]
    assert series["totals"] == [15_000, 55_000, 15_000]
    for moment, total in enumerate(series["totals"]):
        assert sum(site["sizes"][moment] for site in series["sites"]) == total


def test_a_comparison_may_begin_or_end_empty(new_file: Path, tmp_path: Path) -> None:
    empty = write_snapshot(tmp_path / "empty.ctm", [])
    for files, size, old, change in (
        ((empty, new_file), 55_000, 0, "+53.7 KiB"),
        ((new_file, empty), 0, 55_000, "-53.7 KiB"),
    ):
        page = page_of(*files, folder=tmp_path)
        flame = data_of(page)["views"][0]["callers"]
        assert (flame["size"][0], flame["old"][0]) == (size, old)
        assert facts_of(page)["Change"] == change


@pytest.mark.parametrize("at", range(3))
def test_a_series_may_have_an_empty_snapshot(new_file: Path, tmp_path: Path, at: int) -> None:
    files = [new_file, new_file, new_file]
    files[at] = write_snapshot(tmp_path / "empty.ctm", [])
    series = data_of(page_of(*files, folder=tmp_path))["series"]
    assert series["totals"] == [0 if moment == at else 55_000 for moment in range(3)]
    for moment, total in enumerate(series["totals"]):
        assert sum(site["sizes"][moment] for site in series["sites"]) == total


def test_without_anything_to_show_there_is_no_page(new_file: Path, tmp_path: Path) -> None:
    empty = write_snapshot(tmp_path / "empty.ctm", [])
    result = run_report(empty, empty, folder=tmp_path)
    assert result.returncode == 1
    assert result.stderr.endswith(f"{empty}: the snapshot has no traces\n")
    result = run_report(new_file, empty, "--domain", "7", folder=tmp_path)
    assert result.returncode == 1
    assert result.stderr.endswith(f"{new_file}: nothing is selected of 52 traces\n")


def test_a_series_gives_its_name_to_the_page(new_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "app.series"
    folder.mkdir()
    for number in range(2):
        (folder / f"{number}.ctm").write_bytes(new_file.read_bytes())
    for given, where in (("app.series/", tmp_path), (".", folder)):
        result = run_report(given, folder=where)
        assert (result.returncode, result.stdout) == (0, "report written to app.series.html\n")
        text = (where / "app.series.html").read_text(encoding="utf-8")
        assert "<title>app.series</title>" in text


def test_a_page_of_stdin(new_file: Path, tmp_path: Path) -> None:
    with new_file.open("rb") as stdin:
        subprocess.run(
            [sys.executable, "-m", "ctracemalloc", "report", "-"],
            cwd=tmp_path,
            stdin=stdin,
            timeout=60,
            check=True,
        )
    assert "<title>stdin</title>" in (tmp_path / "stdin.html").read_text(encoding="utf-8")


def test_small_frames_are_folded_and_counted(tmp_path: Path) -> None:
    traces = [trace(10, ("main.py", 1), (f"small{number}.py", 1)) for number in range(1000)]
    traces += [trace(10_000_000, ("main.py", 2))]
    page = page_of(write_snapshot(tmp_path / "many.ctm", traces), folder=tmp_path)
    tree = data_of(page)["views"][0]["callers"]
    # The line that calls them all is as small.
    assert [label for label in tree["label"] if label < 0] == [-1]
    assert tree["size"][0] == 10_010_000
    assert "1 frame with all below, 10000 B in all" in page


def test_names_cannot_become_markup(new_file: Path, tmp_path: Path) -> None:
    page = page_of(new_file, "--title", HOSTILE, folder=tmp_path)
    assert HOSTILE not in page
    assert HOSTILE in data_of(page)["files"]


def test_no_name_or_source_turns_around_what_stands_after_it(tmp_path: Path) -> None:
    turn = "\u202e"
    source = tmp_path / f"evil{turn}gnp.py"
    source.write_text(f"kept = 'a{turn}b'\n", encoding="utf-8")
    traces = [trace(8000, (str(source), 1)), trace(10, (f"tab\t{turn}.py", 1))]
    file = write_snapshot(tmp_path / f"p{turn}.ctm", traces)
    page = page_of(file, "--title", f"a{turn}b", folder=tmp_path)
    data = data_of(page)
    assert turn not in page + json.dumps(data, ensure_ascii=False)
    assert data["files"] == [str(tmp_path / "evil\\u202egnp.py"), "tab\\t\\u202e.py"]
    assert data["modules"][1] == "tab\\t\\u202e"
    assert data["sources"] == {"0": {"1": "kept = 'a\\u202eb'"}}
    series = data_of(page_of(file, file, file, folder=tmp_path))["series"]
    assert {"tab\\t\\u202e.py:1"} < {site["name"] for site in series["sites"]}


def test_the_page_names_no_address_to_load_from(new_file: Path, tmp_path: Path) -> None:
    page = page_of(new_file, folder=tmp_path)
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?!data:)[a-z]*:?//""", page)
    assert not re.search(r"@import|url\((?!data:)|\bfetch\(|XMLHttpRequest|WebSocket", page)
    assert "default-src 'none'" in page


def test_source_stands_with_the_lines_around_it(tmp_path: Path) -> None:
    source = tmp_path / "program.py"
    text = [f"line{number} = {number}" for number in range(1, 21)]
    text[9] = "    kept = '</script><script>'"
    source.write_text("\n".join(text), encoding="utf-8")
    file = write_snapshot(tmp_path / "p.ctm", [trace(8000, (str(source), 10))])
    page = page_of(file, folder=tmp_path)
    assert "</script><script>'" not in page
    data = data_of(page)
    (lines,) = data["sources"].values()
    assert lines == {str(number): text[number - 1] for number in range(7, 14)}
    assert data_of(page_of(file, "--no-source", folder=tmp_path))["sources"] == {}


def test_source_of_other_files_is_not_in_the_page(tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_text("password = 1\n", encoding="utf-8")
    source = tmp_path / "program.py"
    source.write_text("kept = 1\n", encoding="utf-8")
    traces = [trace(8000, (str(source), 1)), trace(10, ("<string>", 1)), trace(10, ("", 1))]
    file = write_snapshot(tmp_path / "p.ctm", traces)
    page = page_of(file, folder=tmp_path)
    assert "kept = 1" in page
    assert "password" not in page


def test_too_much_source_is_left_out_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "_MOST_SOURCE", 100)
    source = tmp_path / "program.py"
    source.write_text("\n".join(f"x = {number:050}" for number in range(90)), encoding="utf-8")
    traces = [trace(900 - line, (str(source), line)) for line in range(1, 90, 10)]
    built = build_page("x", [Snapshot(traces, 1)], ["x"], with_source=True)
    assert "The source of 8 lines is left out" in built
    (lines,) = data_of(built)["sources"].values()
    assert set(lines) == {"1", "2", "3", "4"}


def test_functions_are_named(tmp_path: Path) -> None:
    code = (
        "import ctracemalloc as t\n"
        "def keep(): return bytes(3_000_000)\n"
        "t.start(5)\nkept = keep()\nt.take_snapshot().dump('named.ctm')\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    data = data_of(page_of("named.ctm", folder=tmp_path))
    assert next(iter(lines_of(data))) == "keep (<string>:2)"
    assert "<module> (<string>:4)" in names_of(data)


def test_many_domains_are_all_in_the_page(tmp_path: Path) -> None:
    traces = [trace(1000 * domain, ("a.py", domain), domain=domain) for domain in range(1, 21)]
    views = data_of(page_of(write_snapshot(tmp_path / "d.ctm", traces), folder=tmp_path))["views"]
    assert [view["name"] for view in views] == [
        "all domains",
        *(f"domain {domain}" for domain in range(20, 13, -1)),
        "13 others",
    ]
    sizes = [view["callers"]["size"][0] for view in views]
    assert sizes[0] == sum(sizes[1:]) == 210_000


def test_some_domains_alone(new_file: Path, tmp_path: Path) -> None:
    page = page_of(new_file, "--domain", "numpy", folder=tmp_path)
    assert facts_of(page)["Domains"] == "numpy"
    data = data_of(page)
    (view,) = data["views"]
    assert (view["callers"]["size"][0], view["inverted"]["count"][0]) == (2000, 1)
    assert list(lines_of(data)) == ["array.py:5", "main.py:4"]
    traces = [trace(1000 * domain, ("a.py", domain), domain=domain) for domain in range(1, 4)]
    file = write_snapshot(tmp_path / "d.ctm", traces)
    page = page_of(file, "--domain", "3", "--domain", "domain 1", folder=tmp_path)
    assert facts_of(page)["Domains"] == "domain 1, domain 3"
    views = data_of(page)["views"]
    assert [(view["name"], view["callers"]["size"][0]) for view in views] == [
        ("domain 1, domain 3", 4000),
        ("domain 3", 3000),
        ("domain 1", 1000),
    ]
    assert "Domains" not in facts_of(page_of(file, folder=tmp_path))


def test_a_domain_that_came_or_went(old_file: Path, new_file: Path, tmp_path: Path) -> None:
    def sizes(*files: Path) -> tuple[int, int]:
        data = data_of(page_of(*files, "--domain", "numpy", folder=tmp_path))
        assert "array.py:5" in lines_of(data)
        (view,) = data["views"]
        return view["callers"]["size"][0], view["callers"]["old"][0]

    assert sizes(old_file, new_file) == (2000, 0)
    assert sizes(new_file, old_file) == (0, 2000)
    files = (old_file, new_file, old_file)
    series = data_of(page_of(*files, "--domain", "numpy", folder=tmp_path))["series"]
    assert series["totals"] == [0, 2000, 0]
    result = run_report(old_file, old_file, "--domain", "numpy", folder=tmp_path)
    line = f"ctracemalloc report: {old_file}: nothing is selected of 11 traces\n"
    assert (result.returncode, result.stderr) == (1, line)
    assert run_report(new_file, "--domain", "nowhere", folder=tmp_path).returncode == 2


def test_the_peak_of_all_domains_is_not_that_of_some(tmp_path: Path) -> None:
    code = "import ctracemalloc as t; t.start(); kept = [0] * 99; t.take_snapshot().dump('a.ctm')"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    whole = facts_of(page_of("a.ctm", folder=tmp_path))
    narrowed = facts_of(page_of("a.ctm", "--domain", "python", folder=tmp_path))
    assert whole.keys() - narrowed.keys() == {"Peak"}
    del whole["Peak"]
    assert narrowed == {**whole, "Domains": "python"}


def test_folds_name_what_is_in_them(tmp_path: Path) -> None:
    traces = [trace(100 + number, (f"small{number}.py", 1)) for number in range(2000)]
    traces += [trace(10_000_000, ("main.py", 2))]
    data = data_of(page_of(write_snapshot(tmp_path / "many.ctm", traces), folder=tmp_path))
    tree = data["views"][0]["callers"]
    (fold,) = (number for number, label in enumerate(tree["label"]) if label < 0)
    assert tree["label"][fold] == -2000
    told = tree["told"][str(fold)]
    names = names_of(data)
    assert [names[label] for label in told[::2]] == [f"small{n}.py:1" for n in (1999, 1998, 1997)]
    assert told[1::2] == [2099, 2098, 2097]


def test_the_summary_says_what_was_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ctracemalloc", "run", "--top", "0", "-o", "run.ctm"]
    program = ("-c", "kept = '<b>'", "a b")
    subprocess.run([*command, *program], cwd=tmp_path, check=True)
    page = page_of("run.ctm", folder=tmp_path)
    facts = facts_of(page)
    assert {"Live now", "Blocks", "Peak", "Frames a trace", "Process", "Taken"} <= set(facts)
    assert facts["Traces missing"] == "0"
    assert facts["Python"] == sys.version.split()[0]
    words = (sys.executable, *program)
    assert html.unescape(facts["Command"]) == shlex.join(words)
    assert "<b>" not in facts["Command"]


def test_a_hundred_thousand_stacks_fit_in_five_megabytes(tmp_path: Path) -> None:
    traces = [
        trace(
            100, *((f"module{(number >> shift) % 40}.py", number % 97) for shift in range(0, 20, 2))
        )
        for number in range(100_000)
    ]
    page = page_of(write_snapshot(tmp_path / "large.ctm", traces), folder=tmp_path)
    assert len(page) < 5_000_000


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("absent.ctm",), 1, "cannot read absent.ctm: No such file"),
        (("empty.ctm",), 1, "empty.ctm: the snapshot has no traces"),
        (("text.ctm",), 1, "cannot read text.ctm: "),
        ((".", "-o", "x/page.html"), 1, "cannot write x/page.html: no such folder"),
        (("empty_folder",), 2, "there are no .ctm files in empty_folder"),
        ((), 2, "the following arguments are required: FILE"),
    ],
)
def test_errors_are_one_line(
    arguments: tuple[str, ...], status: int, text: str, tmp_path: Path
) -> None:
    (tmp_path / "empty_folder").mkdir()
    if arguments == ("empty.ctm",):
        write_snapshot(tmp_path / "empty.ctm", [])
    (tmp_path / "text.ctm").write_text("no snapshot", encoding="utf-8")
    if arguments and arguments[0] == ".":
        (tmp_path / "text.ctm").unlink()
        write_snapshot(tmp_path / "good.ctm", [trace(1, ("a.py", 1))])
    result = run_report(*arguments, folder=tmp_path)
    assert result.returncode == status
    assert text in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_file_that_is_there_is_not_overwritten(new_file: Path, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("precious", encoding="utf-8")
    result = run_report(new_file, "-o", "page.html", folder=tmp_path)
    assert result.returncode == 1
    assert "page.html: it is there already (--force" in result.stderr
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == "precious"


def test_a_name_that_is_no_unicode(new_file: Path, tmp_path: Path) -> None:
    new_file.rename(tmp_path / "caf\udce9.ctm")
    result = subprocess.run(
        [sys.executable, "-m", "ctracemalloc", "report", "caf\udce9.ctm"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
        capture_output=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout == b"report written to caf\\udce9.html\n"
    assert (tmp_path / "caf\udce9.html").exists()


def test_the_composition_of_a_peak_can_be_shown(tmp_path: Path) -> None:
    code = (
        "import ctracemalloc as t; t.start(5); keep = bytearray(10_000_000); del keep;"
        "t.take_snapshot(at='peak').dump('peak.ctm')"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    page = page_of("peak.ctm", folder=tmp_path)
    assert data_of(page)["views"][0]["callers"]["size"][0] > 10_000_000
    assert "<dt>Live at the peak</dt>" in page


def test_a_line_knows_what_its_callees_hold(tmp_path: Path) -> None:
    traces = [trace(100, ("main.py", 1)), trace(900, ("main.py", 1), ("cache.py", 10))]
    file = write_snapshot(tmp_path / "calls.ctm", traces)
    rows = lines_of(data_of(page_of(file, folder=tmp_path)))
    assert (rows["main.py:1"]["size"], rows["main.py:1"]["cumulative"]) == (100, 1000)
    assert (rows["cache.py:10"]["size"], rows["cache.py:10"]["cumulative"]) == (900, 900)
    assert rows["main.py:1"]["cumulativeCount"] == 2
