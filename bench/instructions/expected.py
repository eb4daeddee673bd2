"""The file of expected figures: a column for each interpreter and compiler."""

import json
import platform
import re
import subprocess
from pathlib import Path

# Instructions a hook call by configuration and program.
Figures = dict[str, dict[str, float]]

TOLERANCE = 0.03
# Of programs whose way depends on addresses: few blocks in a hash table, floats that share a page
# with live blocks or do not, data stacks that end within a chunk or at its end.
WIDE_TOLERANCE = dict.fromkeys(
    ("40 large blocks", "40 raw blocks", "reused float, no trace", "recursion"), 0.1
)
# Whether the one instruction that matters has its own place in the table of them, or the next.
WIDE_TOLERANCE["reused float, 60 deep"] = 0.05


class ColumnError(Exception):
    """The compiler of an extension cannot be told."""


def column_of(library: Path, version: str) -> str:
    """Names the column of an extension: what its code depends on."""
    text = subprocess.run(
        ["readelf", "-p", ".comment", library], check=True, capture_output=True, text=True
    ).stdout
    # The start-up files of the C library are in it too, by the same compiler or an older one.
    found = {
        name: max(tuple(map(int, number.split("."))) for number in numbers)
        for name, numbers in (
            ("clang", re.findall(r"clang version (\d+\.\d+\.\d+)", text)),
            ("gcc", re.findall(r"GCC: \(.*\) (\d+\.\d+\.\d+)", text)),
        )
        if numbers
    }
    if not found:
        raise ColumnError(f"{library} does not tell its compiler: build it with gcc or clang")
    name, number = next(iter(found.items()))
    compiler = f"{name} {'.'.join(map(str, number))}"
    return f"CPython {version}, {compiler}, {platform.machine()}"


def load(path: Path) -> dict[str, Figures]:
    """Reads the file; one that is not there has no columns."""
    columns: dict[str, Figures] = json.loads(path.read_text()) if path.exists() else {}
    return columns


def save(path: Path, columns: dict[str, Figures]) -> None:
    """Writes the file."""
    path.write_text(json.dumps(columns, indent=1, sort_keys=True) + "\n")


def differences(expected: Figures, measured: Figures) -> list[str]:
    """Tells in which figures, if any, what was measured is not what was expected.

    Fewer instructions than expected differ, too: once the file lags behind, it lets others pass.
    """
    told = []
    for config, programs in measured.items():
        for program, value in programs.items():
            before = expected.get(config, {}).get(program)
            if before is None:
                told.append(f"{config}, {program}: {value:.1f} instructions, none are on record")
            elif abs(value - before) > WIDE_TOLERANCE.get(program, TOLERANCE) * before:
                change = 100 * (value / before - 1)
                told.append(
                    f"{config}, {program}: {value:.1f} instructions a call, "
                    f"expected are {before:.1f} ({change:+.1f} %)"
                )
    return told
