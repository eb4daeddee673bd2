"""`ctracemalloc report`: what is in the page, without a browser."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from report_support import HOSTILE, trace, write_snapshot

pytest.importorskip("jinja2")


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


def test_the_flame_graph_adds_up(new_file: Path, tmp_path: Path) -> None:
    data = data_of(page_of(new_file, folder=tmp_path))
    whole = data["trees"][0]
    assert whole["name"] == "all domains"
    for tree in (whole["callers"], whole["inverted"]):
        assert tree["size"][0] == 50 * 1000 + 3000 + 2000
        assert tree["count"][0] == 52
        assert tree["depth"][0] == 0
    labels = [data["labels"][label] for label in whole["callers"]["label"][1:]]
    assert labels[:2] == ["main.py:1", "cache.py:10"]
    assert {tree["name"] for tree in data["trees"][1:]} == {"python", "numpy"}


def test_a_comparison_knows_what_was_there_before(
    old_file: Path, new_file: Path, tmp_path: Path
) -> None:
    data = data_of(page_of(old_file, new_file, folder=tmp_path))
    tree = data["trees"][0]["callers"]
    assert (tree["size"][0], tree["old"][0]) == (55_000, 15_000)
    rows = {row["where"]: row for row in data["lines"]}
    assert rows["cache.py:10"]["sizeDiff"] == 40_000
    assert rows["gone.py:7"]["mark"] == "gone"
    assert rows["array.py:5"]["mark"] == "new"
    gone = [data["labels"][label] for label in tree["label"] if label >= 0]
    assert "gone.py:7" in gone


def test_a_series_has_a_time_line(old_file: Path, new_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "series"
    folder.mkdir()
    for number, file in enumerate((old_file, new_file, old_file)):
        (folder / f"{number}.ctm").write_bytes(file.read_bytes())
    series = data_of(page_of(folder, folder=tmp_path))["series"]
    assert series["totals"] == [15_000, 55_000, 15_000]
    for moment, total in enumerate(series["totals"]):
        assert sum(site["sizes"][moment] for site in series["sites"]) == total


def test_small_frames_are_folded_and_counted(tmp_path: Path) -> None:
    traces = [trace(10, ("main.py", 1), (f"small{number}.py", 1)) for number in range(1000)]
    traces += [trace(10_000_000, ("main.py", 2))]
    page = page_of(write_snapshot(tmp_path / "many.ctm", traces), folder=tmp_path)
    tree = data_of(page)["trees"][0]["callers"]
    assert sum(-label for label in tree["label"] if label < 0) in (1, 1000)
    assert tree["size"][0] == 10_010_000
    assert "frames too small to be seen are folded" in page


def test_names_cannot_become_markup(new_file: Path, tmp_path: Path) -> None:
    page = page_of(new_file, "--title", HOSTILE, folder=tmp_path)
    assert HOSTILE not in page
    assert any(HOSTILE in label for label in data_of(page)["labels"])


def test_the_page_names_no_address_to_load_from(new_file: Path, tmp_path: Path) -> None:
    page = page_of(new_file, folder=tmp_path)
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?!data:)[a-z]*:?//""", page)
    assert not re.search(r"@import|url\((?!data:)|\bfetch\(|XMLHttpRequest|WebSocket", page)
    assert "default-src 'none'" in page


def test_source_is_left_out_on_request(tmp_path: Path) -> None:
    source = tmp_path / "program.py"
    source.write_text("first = 1\nsecond = [0] * 1000\n", encoding="utf-8")
    file = write_snapshot(tmp_path / "p.ctm", [trace(8000, (str(source), 2))])
    assert data_of(page_of(file, folder=tmp_path))["lines"][0]["source"] == "second = [0] * 1000"
    assert "source" not in data_of(page_of(file, "--no-source", folder=tmp_path))["lines"][0]


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


def test_the_composition_of_a_peak_can_be_shown(tmp_path: Path) -> None:
    code = (
        "import ctracemalloc as t; t.start(5); keep = bytearray(10_000_000); del keep;"
        "t.take_snapshot(at='peak').dump('peak.ctm')"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    tree = data_of(page_of("peak.ctm", folder=tmp_path))["trees"][0]["callers"]
    assert tree["size"][0] > 10_000_000


def test_a_line_knows_what_its_callees_hold(tmp_path: Path) -> None:
    traces = [trace(100, ("main.py", 1)), trace(900, ("main.py", 1), ("cache.py", 10))]
    file = write_snapshot(tmp_path / "calls.ctm", traces)
    rows = {row["where"]: row for row in data_of(page_of(file, folder=tmp_path))["lines"]}
    assert (rows["main.py:1"]["size"], rows["main.py:1"]["cumulative"]) == (100, 1000)
    assert (rows["cache.py:10"]["size"], rows["cache.py:10"]["cumulative"]) == (900, 900)
