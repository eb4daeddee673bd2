#!/usr/bin/env python3
"""Measures what is done with traces: snapshots, statistics, filters, diffs and files.

run.py --python PYTHON [--loads LIST] [--rounds N] [--into DOCUMENT]

Prints, as Markdown, the processor time of each operation with ctracemalloc and with the
interpreter's own tracemalloc beside it. See README.md in the folder above.
"""

import argparse
import os
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "common"))

import machine
from children import ask, run_benchmark, usable
from configs import Config
from document import publish, table
from loads import LOADS, Load
from options import add_into, add_python, choose, make_parser

WORKER = Path(__file__).with_name("worker.py")
TIMEOUT = 3600
# Loads that stdlib's tracer is not asked to carry: minutes and gigabytes.
OURS_ALONE = {"many", "apart"}
BYTES = {
    "snapshot_bytes": "bytes of a snapshot, by its own count",
    "snapshot_rss": "resident memory that it added",
    "snapshot_peak": "... while it was taken, at most",
    "file": "file",
}

Figures = dict[str, Any]


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(__doc__)
    add = parser.add_argument
    add_python(parser)
    add(
        "--loads",
        type=lambda text: choose(text, {name: name for name in LOADS}),
        default=list(LOADS),
        metavar="LIST",
        help=f"of {', '.join(LOADS)} (default: all)",
    )
    add("--rounds", type=int, default=5, help="of ours; stdlib has one (default: 5)")
    add("--alone", action="store_true", help="without stdlib, which takes minutes for a load")
    add_into(parser)
    return parser


def _spread(values: list[float]) -> str:
    middle = f"{statistics.median(values):,.2f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):,.2f} to {max(values):,.2f})"


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"


def _ratio(theirs: list[float], own: list[float]) -> str:
    """Of the medians, and the least and the most that any two rounds give."""
    if min(own) <= 0:
        return ""
    middle = f"{_times(statistics.median(theirs) / statistics.median(own))}x"
    if len(theirs) == len(own) == 1:
        return middle
    least, most = min(theirs) / max(own), max(theirs) / min(own)
    return f"{middle} ({_times(least)} to {_times(most)})"


def _rows(own: Figures, theirs: Figures | None) -> list[list[str]]:
    rows = []
    for what, values in own.items():
        if what in BYTES:
            continue
        row = [f"{what}, ms", _spread(values), "", ""]
        if theirs:
            row[2] = _spread(theirs[what])
            row[3] = _ratio(theirs[what], values)
        rows.append(row)
    for what, label in BYTES.items():
        if what not in own:
            continue
        row = [f"{label}, kB", f"{own[what] / 1000:,.0f}", "", ""]
        if theirs and what in theirs:
            row[2:] = [f"{theirs[what] / 1000:,.0f}", _ratio([theirs[what]], [own[what]])]
        rows.append(row)
    return rows


def _section(load: Load, own: Figures, theirs: Figures | None) -> str:
    header = ["", "ctracemalloc", "stdlib tracemalloc", "ratio"]
    return f"{load.label}:\n\n{table(header, _rows(own, theirs))}\n"


def main() -> None:
    """Does what the command line says."""
    options = _parser().parse_args()
    configs = usable(options.python, [Config("ours-1"), Config("stdlib-1")])
    sections = []
    for name in options.loads:
        figures: list[Figures | None] = []
        for config in configs:
            rounds = options.rounds if config.tool == "ours" else 1
            skip = config.tool == "stdlib" and (options.alone or name in OURS_ALONE)
            arguments = [config.name, name, str(rounds)]
            figures.append(
                None if skip else ask(options.python, WORKER, arguments, timeout=TIMEOUT)
            )
        own, theirs = figures
        assert own is not None
        sections.append(_section(LOADS[name], own, theirs))
    about = machine.lines(machine.describe(options.python, ["ctracemalloc"]))
    text = (
        f"{about}\n- load average {os.getloadavg()[0]:.1f}; processor time, but for the pause; "
        f"median (least to most) of {options.rounds} rounds"
        f"{'; without stdlib' if options.alone else ', one of stdlib'}\n\n" + "\n".join(sections)
    )
    publish(text, "analysis", options.into)


if __name__ == "__main__":
    run_benchmark(main)
