"""Every worked example of tracemalloc's documentation, by stdlib's tracer and by ours.

The examples are those of the documentation. Each runs twice, as a script of the same path, with
only the import of the module changed, and what the two print is compared: every line, file name,
line number and frame, and their order. What may differ:

- Statistics of the tracers' own Python objects, and of the script's lines that call the tracer, are
  left out: stdlib's objects lie in tracemalloc.py, ours have no place of their own. A list that was
  cut off after ten lines is compared as far as both go.
- Counts may differ by five blocks and sizes by half a percent and half a unit. Whether a list is
  counted where it is made depends on whether its block came from one of the interpreter's free
  lists, and what is in them depends on what the tracer has released before; a snapshot of stdlib's
  keeps such a list for itself, and the examples take up to five. On 3.11 and 3.12 ours cannot
  follow reuse. Statistics of a few KiB consist of little else and are left out.
- Sums over everything differ by what a tracer's own objects take, and times at will.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "reference"
TIMEOUT_SECONDS = 120

IMPORT = "import ctracemalloc as tracemalloc\n"
# Both are imported, and as many names bound, each time: strings that one of them has interned are
# not the example's any more, and the example's own names make its globals grow at the same line.
STDLIB_IMPORT = "import ctracemalloc, tracemalloc, gc; gc.collect()\n"
OUR_IMPORT = "import tracemalloc as ctracemalloc, ctracemalloc as tracemalloc, gc; gc.collect()\n"

STATISTIC = re.compile(r"^\s*(?P<file>\S+\.py|<[^>]+>):(?P<line>\d+): (?=size=)")
SMALL = re.compile(r"size=\d+ B( \([-+]\d+ B\))?,")
AVERAGE = re.compile(r", average=.*")
# Lines with measured numbers; what is matched has none and must be equal.
MEASURED = (
    STATISTIC,
    re.compile(r"^#\d+: \S+: "),
    re.compile(r"^\s*(Total|Top allocation|Current|Peak|\w+:? \S*Memory|\[\w+\] Current).*?: "),
    re.compile(r"^(?=\d+ (memory blocks|allocations|other)\b)"),
)
TIME = re.compile(r"^(With tracing|Without tracing|Overhead)")
NUMBER = re.compile(r"(?P<value>[-+]?\d+(?:\.\d+)?)(?P<unit> ?(?:B|[KM]i?B)\b)?")

COUNT_TOLERANCE = 5
BYTES_TOLERANCE = 256
# KiB that the objects of a few snapshots of stdlib's take at most.
OWN_OBJECTS = 8


def run(example: Path, directory: Path, source: str) -> list[str]:
    """Run an example's text as a script; give the lines that it printed."""
    (directory / example.name).write_text(source, encoding="utf-8")
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "CTRACEMALLOC"))
    }
    result = subprocess.run(
        [sys.executable, example.name],
        cwd=directory,
        env=environment | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout.splitlines()


def is_left_out(line: str, source: list[str], name: str) -> bool:
    """Tell whether a line shows what the tracer or a call of it has allocated, or too little."""
    found = STATISTIC.match(line)
    if found is None:
        return False
    path = Path(found["file"])
    if SMALL.search(line) or path.name == "tracemalloc.py" or "ctracemalloc" in path.parts:
        return True
    own_calls = ("tracemalloc.", "snapshot")
    return path.name == name and any(call in source[int(found["line"]) - 1] for call in own_calls)


def tolerance(value: float, unit: str | None, line: str) -> float:
    """How much a measured number may differ from that of stdlib."""
    if unit is None:
        # Ints and the like that lie in free lists count if their blocks are from after the start:
        # how many do depends on what ran before.
        return COUNT_TOLERANCE + abs(value) * 0.005
    if line.lstrip().startswith("Total") or " other: " in line:
        return OWN_OBJECTS
    return BYTES_TOLERANCE if unit == " B" else 0.5 + abs(value) * 0.005


def assert_similar(line: str, expected: str) -> None:
    """Compare two lines, with measured numbers nearly equal."""
    if TIME.match(expected):
        assert NUMBER.sub("#", line) == NUMBER.sub("#", expected)
        return
    for measured in MEASURED:
        if found := measured.match(expected):
            break
    else:
        assert line == expected
        return
    assert line.startswith(found.group())
    rest, expected_rest = (AVERAGE.sub("", each[found.end() :]) for each in (line, expected))
    assert NUMBER.sub("#", rest) == NUMBER.sub("#", expected_rest)
    numbers = zip(NUMBER.finditer(rest), NUMBER.finditer(expected_rest), strict=True)
    for number, expected_number in numbers:
        assert number["unit"] == expected_number["unit"], f"{line!r} for {expected!r}"
        value = float(expected_number["value"])
        allowed = tolerance(value, number["unit"], expected)
        assert abs(float(number["value"]) - value) <= allowed, f"{line!r} for {expected!r}"


def blocks(lines: list[str]) -> list[list[str]]:
    """Cut an output into lists of statistics and single other lines."""
    cut: list[list[str]] = []
    in_list = False
    for line in lines:
        is_statistic = STATISTIC.match(line) is not None
        if in_list and is_statistic:
            cut[-1].append(line)
        else:
            cut.append([line])
        in_list = is_statistic
    return cut


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_example(example: Path, tmp_path: Path) -> None:
    source = example.read_text(encoding="utf-8")
    assert source.count(IMPORT) == 1
    expected = run(example, tmp_path, source.replace(IMPORT, STDLIB_IMPORT))
    printed = run(example, tmp_path, source.replace(IMPORT, OUR_IMPORT))

    lines = source.splitlines()
    expected = [line for line in expected if not is_left_out(line, lines, example.name)]
    printed = [line for line in printed if not is_left_out(line, lines, example.name)]
    assert expected
    expected_blocks, printed_blocks = blocks(expected), blocks(printed)
    assert len(printed_blocks) == len(expected_blocks), "\n".join(printed)
    for block, expected_block in zip(printed_blocks, expected_blocks, strict=True):
        # A list cut off after so many lines is longer where fewer of them were left out.
        for line, expected_line in zip(block, expected_block, strict=False):
            assert_similar(line, expected_line)
