"""Writes the README's tables of costs from the figures in docs/benchmarks.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

REPO: Final = Path(__file__).resolve().parents[2]
README: Final = REPO / "README.md"
BENCHMARKS: Final = REPO / "docs" / "benchmarks.md"

BEGIN: Final = "<!-- costs: written by tools/site/costs.py -->"
END: Final = "<!-- costs: end -->"
# Of one million of them, the memory that the tracer takes for each.
BLOCKS: Final = "1,000,000 objects of 16 bytes"
# What is analysed, and what is done with it.
LOAD: Final = "1,000,000 blocks, 100,000 stacks of 25 frames"
OPERATIONS: Final = (
    "take_snapshot, ms",
    "statistics('lineno'), ms",
    "filter_traces, ms",
    "compare_to('traceback'), ms",
    "load, ms",
    "file, kB",
)


def section(text: str, benchmark: str) -> str:
    """Give what a benchmark has written into the page."""
    found = re.search(
        rf"<!-- {benchmark}: written by .*? -->(.*?)<!-- {benchmark}: end -->", text, re.DOTALL
    )
    if found is None:
        raise ValueError(f"{BENCHMARKS} has no figures of the benchmark {benchmark!r}")
    return found[1]


def first_table(text: str) -> list[dict[str, str]]:
    """Give the rows of the first table, each by the titles of its columns."""
    lines = re.search(r"^\|.*\|\n(?:\|.*\|\n?)+", text, re.MULTILINE)
    if lines is None:
        raise ValueError(f"{BENCHMARKS} lacks a table")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[0].splitlines()]
    # A title that comes twice is that of the first of its columns.
    return [dict(reversed(list(zip(rows[0], row, strict=True)))) for row in rows[2:]]


def bytes_by_configuration(text: str) -> dict[str, str]:
    """Give the bytes for a small block."""
    found = {}
    blocks = ""
    for row in first_table(section(text, "memory")):
        blocks = row["blocks"] or blocks
        if blocks == BLOCKS:
            found[row["configuration"]] = row["resident"]
    return found


def analysis(text: str) -> list[str]:
    """Give the table of what is done with a snapshot: medians, without their spread."""
    load = section(text, "analysis").partition(f"{LOAD}:\n")[2]
    rows = {row[""]: row for row in first_table(load)}
    tools = ("ctracemalloc", "stdlib tracemalloc", "ratio")
    cells = {name: [rows[name][tool].partition(" (")[0] for tool in tools] for name in OPERATIONS}
    return [
        f"Of {LOAD}, processor time:",
        "",
        f"|  | {' | '.join(tools)} |",
        "| --- | ---: | ---: | ---: |",
        *(f"| {name} | {' | '.join(row)} |" for name, row in cells.items()),
    ]


def costs() -> str:
    """Give the tables, and what they are of."""
    text = BENCHMARKS.read_text(encoding="utf-8")
    sizes = bytes_by_configuration(text)
    measured = first_table(section(text, "overhead"))
    rows = {row[""]: (row["time"], row["peak RSS"], sizes.get(row[""], "")) for row in measured}
    programs, rounds = ({row[title] for row in measured} for title in ("programs", "rounds"))
    return "\n".join(
        [
            f"Programs: {', '.join(sorted(programs))}; rounds: {', '.join(sorted(rounds))}.",
            "",
            "|  | time | resident memory | bytes for a small block |",
            "| --- | ---: | ---: | ---: |",
            *(f"| {name} | {' | '.join(row)} |" for name, row in rows.items()),
            "",
            *analysis(text),
        ]
    )


def parts_of(readme: str) -> tuple[str, str, str]:
    """Cut the README before and after the table."""
    head, has_begin, rest = readme.partition(BEGIN)
    table, has_end, tail = rest.partition(END)
    if not has_begin or not has_end:
        raise ValueError(f"{README} lacks the line {BEGIN!r} or {END!r}")
    return head, table, tail


if __name__ == "__main__":
    before, _, after = parts_of(README.read_text(encoding="utf-8"))
    README.write_text(f"{before}{BEGIN}\n\n{costs()}\n\n{END}{after}", encoding="utf-8")
