"""Snapshots and statistics in a notebook: as HTML, and by a real kernel."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ctracemalloc
import pytest
from ctracemalloc import Snapshot, Statistic, StatisticDiff, Traceback
from ctracemalloc.report import cells

HOSTILE = "<script>alert('&\"')</script>\x1b[31m\u202e.py"


def snapshot(*traces: tuple[int, str, int]) -> Snapshot:
    return Snapshot(
        [(0, size, ((name, line), ("main.py", 1)), 2) for size, name, line in traces], 2
    )


def tree(html: str) -> ElementTree.Element:
    return ElementTree.fromstring(html)


def texts(element: ElementTree.Element, tag: str) -> list[str]:
    return ["".join(found.itertext()) for found in element.iter() if found.tag.endswith(tag)]


def test_snapshot() -> None:
    shown = tree(snapshot((3000, "a.py", 7), (1000, "b.py", 8), (1000, "b.py", 8))._repr_html_())
    assert texts(shown, "p") == ["5000 B in 3 blocks"]
    assert texts(shown, "td") == [
        *("3000 B", "1", "60.0%", "a.py:7"),
        *("2000 B", "2", "40.0%", "b.py:8"),
    ]
    assert texts(shown, "title") == [
        "main.py:1 (main.py:1): 5000 B, 100.0%",
        "a.py:7 (a.py:7): 3000 B, 60.0%",
        "b.py:8 (b.py:8): 2000 B, 40.0%",
    ]
    boxes = [found.attrib for found in shown.iter() if found.tag.endswith("rect")]
    assert [(box["x"], box["y"], box["width"]) for box in boxes] == [
        ("0.0", "0", "900.0"),
        ("0.0", "17", "540.0"),
        ("540.0", "17", "360.0"),
    ]


def test_nothing_in_it() -> None:
    assert texts(tree(Snapshot([], 1)._repr_html_()), "p") == ["0 B in 0 blocks"]


def test_everything_is_escaped() -> None:
    shown = snapshot((3000, HOSTILE, 7))._repr_html_()
    assert "<script" not in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert r"<script>alert('&" + '"' + r"')</script>\x1b[31m\u202e.py:7" in texts(tree(shown), "td")
    old = snapshot((1000, HOSTILE, 7))
    diffs = snapshot((3000, HOSTILE, 7)).compare_to(old, "traceback")
    assert "<script" not in cells.diffs_html(diffs)


def test_rows_are_few() -> None:
    many = snapshot(*((1000 + line, "a.py", line) for line in range(1, 101)))
    rows = texts(tree(cells.statistics_html(many.statistics("lineno"))), "tr")
    assert len(rows) == 12
    assert rows[-1].endswith("90 more")
    diffs = many.compare_to(snapshot((1, "b.py", 1)), "lineno")
    rows = texts(tree(cells.diffs_html(diffs)), "tr")
    assert len(rows) == 12
    assert rows[1] == "+1100 B+11100 Ba.py:100"


def test_boxes_are_few() -> None:
    wide = snapshot(*((1000, "a.py", line) for line in range(1, 5000)))
    assert len(cells.icicle_svg(wide.tree())) < 1000
    deep = Snapshot([(0, 9, tuple(("a.py", line) for line in range(1, 900)), 899)], 899)
    assert len(texts(tree(cells.icicle_svg(deep.tree())), "rect")) == 24


def test_one_statistic() -> None:
    now = snapshot((3000, HOSTILE, 7), (1000, HOSTILE, 7))
    statistic = now.statistics("traceback")[0]
    shown = tree(statistic._repr_html_())
    place = r"<script>alert('&" + '"' + r"')</script>\x1b[31m\u202e.py:7"
    assert texts(shown, "td") == ["4000 B", "2", "2000 B", f"{place}\nmain.py:1"]
    diff = now.compare_to(snapshot((3000, HOSTILE, 7)), "lineno")[0]
    assert texts(tree(diff._repr_html_()), "td") == ["+1000 B", "+1", "4000 B", place]
    nothing = Statistic(Traceback(()), 0, 0)
    assert texts(tree(nothing._repr_html_()), "td") == ["0 B", "0", "", "<no traceback>"]


def test_lists_stay_lists() -> None:
    statistics = snapshot((3000, "a.py", 7)).statistics("lineno")
    assert type(statistics) is list
    assert not hasattr(statistics, "_repr_html_")


CELLS = [
    "%load_ext ctracemalloc",
    "x = 1",
    "%%memory\ntemporary = bytes(5_000_000)\ndel temporary\nkept = [bytes(2_000_000)]\n'shown'",
    "import ctracemalloc\nctracemalloc.is_tracing()",
    "ctracemalloc.start(3); more = [bytes(1_000_000)]; s = ctracemalloc.take_snapshot(); s",
    "s.statistics('lineno')",
    "s.compare_to(s, 'lineno')",
    "[1, 2]",
    "%%memory\ny = bytes(1000)",
    "%reload_ext ctracemalloc\n[1]",
    "%unload_ext ctracemalloc\ns.statistics('lineno')",
    "s.statistics('lineno')[0]",
]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[list[Any]]:
    """Execute a notebook; return the outputs of its cells."""
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not to be had here")
    pytest.importorskip("ipykernel", reason="ipykernel is not to be had here")
    return execute(nbclient, tmp_path_factory.mktemp("kernel"), CELLS)


def execute(
    nbclient: Any, folder: Path, sources: list[str], allow_errors: bool = False
) -> list[list[Any]]:
    import json

    import nbformat

    # The kernel is this interpreter, whatever kernels the user has.
    kernel = folder / "kernels" / "ours"
    kernel.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    specification = {"argv": command, "display_name": "ours", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(specification))
    new_cell: Callable[[str], Any] = nbformat.v4.new_code_cell
    new_notebook: Callable[..., Any] = nbformat.v4.new_notebook
    notebook = new_notebook(cells=[new_cell(source) for source in sources])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder))
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        client = nbclient.NotebookClient(
            notebook, timeout=120, kernel_name="ours", allow_errors=allow_errors
        )
        client.execute(cwd=str(folder))
    return [cell["outputs"] for cell in notebook.cells]


def html_of(outputs: list[Any]) -> str | None:
    (output,) = (found for found in outputs if found["output_type"] != "stream")
    html: str | None = output["data"].get("text/html")
    return html


def test_cell_magic(outputs: list[list[Any]]) -> None:
    value, memory = outputs[2]
    assert value["data"]["text/plain"] == "'shown'"
    text = memory["data"]["text/plain"]
    assert text.startswith("this cell keeps 19")
    words = text.split()
    assert 1950 <= float(words[3]) <= 2100
    assert words[4] == "KiB"
    # Not both at once.
    peak = text.partition("its peak was ")[2].split()
    assert 4880 <= float(peak[0]) <= 5100
    rows = texts(tree(memory["data"]["text/html"]), "td")
    assert rows[3].endswith(":3")
    assert "Cell" in rows[3]
    # It is off again.
    assert outputs[3][0]["data"]["text/plain"] == "False"
    # Where it was on, it stays on, and what was there before does not count.
    assert "+1033 B" in texts(tree(outputs[8][0]["data"]["text/html"]), "td")


def test_tables_in_a_notebook(outputs: list[list[Any]]) -> None:
    for position in (4, 5, 6):
        html = html_of(outputs[position])
        assert html is not None
        assert "<table>" in html
    assert "<svg " in (html_of(outputs[4]) or "")
    assert html_of(outputs[7]) is None
    assert html_of(outputs[9]) is None
    assert html_of(outputs[10]) is None
    # One of them shows itself, extension or not.
    assert len(texts(tree(html_of(outputs[11]) or ""), "tr")) == 2


def test_failing_cell(tmp_path: Path) -> None:
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not to be had here")
    pytest.importorskip("ipykernel", reason="ipykernel is not to be had here")
    failing = [CELLS[0], "%%memory\nraise LookupError('nothing there')"]
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="nothing there"):
        execute(nbclient, tmp_path, failing)
    outputs = execute(nbclient, tmp_path / "on", [*failing, "1 / 0"], allow_errors=True)
    error, memory = outputs[1]
    assert (error["ename"], error["evalue"]) == ("LookupError", "nothing there")
    assert memory["data"]["text/plain"].startswith("this cell keeps ")
    # What comes after it is as ever.
    assert [output["ename"] for output in outputs[2]] == ["ZeroDivisionError"]


SHELL = r"""
import sys
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance(colors="NoColor")
shell.run_line_magic("load_ext", "ctracemalloc")
for cell in sys.argv[1:]:
    result = shell.run_cell(cell)
    print("succeeded" if result.success else "failed")
"""


def in_shell(folder: Path, *sources: str) -> str:
    """Execute cells; return all that is written."""
    pytest.importorskip("IPython", reason="IPython is not to be had here")
    done = subprocess.run(
        [sys.executable, "-c", SHELL, *sources],
        env={**os.environ, "IPYTHONDIR": str(folder), "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


def test_the_magic_says_what_it_does(tmp_path: Path) -> None:
    assert "[-n FRAMES]" in in_shell(tmp_path, "%%memory?")


def peaks(written: str) -> list[float]:
    """Return the peaks in MiB, in the order of the texts."""
    units = {"B": 2**-20, "KiB": 2**-10, "MiB": 1.0}
    found = re.findall(r"its peak was ([\d.]+) (\w+)", written)
    return [float(number) * units[unit] for number, unit in found]


@pytest.mark.parametrize("order", ["before", "after"])
def test_peak_around_another(tmp_path: Path, order: str) -> None:
    large = "large = bytes(50 << 20); del large"
    within = "get_ipython().run_cell_magic('memory', '', 'small = bytes(1 << 20)')"
    lines = [large, within] if order == "before" else [within, large]
    written = in_shell(tmp_path, "\n".join(["%%memory", *lines]), "%%memory\n1")
    inner, outer, next_one = peaks(written)
    assert 1 <= inner < 10
    assert 50 <= outer < 60
    assert next_one < 10


@pytest.mark.parametrize(
    "stop",
    [
        "ctracemalloc.stop()",
        "ctracemalloc.stop(); ctracemalloc.start()",
        "ctracemalloc.clear_traces()",
    ],
)
def test_cell_that_stops_the_tracing(tmp_path: Path, stop: str) -> None:
    written = in_shell(
        tmp_path,
        f"%%memory\nimport ctracemalloc\n{stop}\n'its result'",
        f"%%memory\n{stop}\nraise LookupError('its error')",
        "%%memory\n1",
    )
    assert written.count("nothing to show: the cell stopped the tracing") == 2
    assert written.count("its result'\n") == 1
    assert written.count("LookupError: its error") == 1
    assert "RuntimeError" not in written
    assert re.findall("succeeded|failed", written) == ["succeeded", "failed", "succeeded"]
    # Those after it are measured as ever.
    assert written.count("this cell keeps ") == 1


@pytest.mark.parametrize("nframe", ["0", "65536", "-1", "x"])
def test_number_of_frames_out_of_range(tmp_path: Path, nframe: str) -> None:
    written = in_shell(tmp_path, f"%%memory -n {nframe}\n1")
    usage = "UsageError: usage: %%memory [-n FRAMES], 1 to 65535 frames"
    assert written.splitlines() == [usage, "failed"]


def test_most_frames(tmp_path: Path) -> None:
    written = in_shell(
        tmp_path, "%%memory -n 65535\nimport ctracemalloc\nctracemalloc.get_traceback_limit()"
    )
    assert "65535\n" in written


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("raise LookupError('nothing there')", "LookupError: nothing there"),
        ("1 +", "SyntaxError: invalid syntax"),
        ("raise ExceptionGroup('some', [LookupError()])", "ExceptionGroup: some (1 sub-exception)"),
        ("raise SystemExit('leave')", "SystemExit: leave"),
        ("%%memory -n 0\n1", "UsageError: usage"),
        ("%%memory\nraise LookupError('nothing there')", "LookupError: nothing there"),
    ],
)
def test_error_is_shown_once(tmp_path: Path, source: str, error: str) -> None:
    debug = "import sys; print('to debug:', repr(sys.last_value))"
    written = in_shell(tmp_path, f"%%memory\n{source}", debug)
    cell, _, last = written.partition("to debug: ")
    assert cell.count(error) == 1
    assert "notebook.py" not in written
    assert "CellFailed" not in written
    assert cell.splitlines()[-1] == "failed"
    assert last.startswith(error.partition(":")[0])


def test_values_of_other_kinds() -> None:
    from ctracemalloc.report import notebook

    trace = Traceback([("a.py", 1)])
    statistic, diff = Statistic(trace, 1, 1), StatisticDiff(trace, 1, 1, 1, 1)
    assert notebook._list_html([statistic]) is not None
    assert notebook._list_html([diff]) is not None
    others: tuple[list[object], ...] = ([], [1], [statistic, diff], [statistic, 1])
    for other in others:
        assert notebook._list_html(other) is None
    assert ctracemalloc.load_ipython_extension is notebook.load_ipython_extension
