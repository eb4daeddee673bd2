"""Writes the tables of docs/compatibility.md from the results that are there."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(1, str(REPO / "bench" / "common"))

from document import table, write_into  # noqa: E402
from machine import describe  # noqa: E402

PAGE = REPO / "docs" / "compatibility.md"
COLUMNS = ["package", "version", "tests", "passed both", "failed both", "differ", "flaky"]
COLUMNS += ["s without", "s with"]
NAMES = 2


def conditions() -> dict[str, Any]:
    """Tell what a package's tests run on now."""
    about = describe(sys.executable, [])
    wanted = ("date", "machine", "system", "interpreter")
    return {key: about[key] for key in wanted} | {"load": os.getloadavg()[0]}


def cells(result: dict[str, Any]) -> list[str]:
    """Give a package's row."""
    plain, traced = result["seconds"]
    numbers = ("tests", "passed_both", "failed_both", "different")
    return [
        result["name"],
        result["version"],
        *(f"{result[number]:,}" for number in numbers),
        str(len(result["flaky"])),
        f"{plain:.0f}",
        f"{traced:.0f}",
    ]


def table_of(rows: list[list[str]]) -> str:
    return table(COLUMNS, rows, NAMES)


def section(results: list[dict[str, Any]]) -> str:
    """Give an interpreter's table, and under what it was measured."""
    about = [result["conditions"] for result in results]
    loads = [condition["load"] for condition in about]
    [machine] = {f"{condition['machine']}; {condition['system']}" for condition in about}
    [interpreter] = {condition["interpreter"].split()[0] for condition in about}
    dates = " to ".join(sorted({about[0]["date"], about[-1]["date"]}))
    return (
        f"## Python {interpreter}\n\n"
        f"{table_of([cells(result) for result in results])}\n\n"
        f"{dates}; {machine}; load average {min(loads):.0f} to {max(loads):.0f}"
    )


def write(build: Path, names: list[str]) -> None:
    """Write what is in the folders of all interpreters, in the order of these names."""
    sections = []
    for folder in sorted(build.iterdir(), key=lambda path: int(path.name.partition(".")[2])):
        files = [folder / f"{name}.json" for name in names]
        results = [json.loads(file.read_text("utf-8")) for file in files if file.exists()]
        if results:
            results.sort(key=lambda result: result["conditions"]["date"])
            sections.append(section(results))
    write_into(PAGE, "packages", "\n\n".join(sections), "tests/packages/run.py")
