#!/usr/bin/env python3
"""Measures what tracing costs where memory is numpy's.

run.py --python PYTHON [--config LIST] [--loops LIST] [--sizes LIST] [--into DOCUMENT]

Prints, as Markdown, the processor time of a pass without tracing, and the ratio of each
configuration to it, for loops over arrays of several sizes. README.md in the folder above tells
how.
"""

import argparse
import os
import statistics
import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "common"))

import machine
from children import ask, run_benchmark, usable
from configs import BASE, Config
from document import publish, table
from loops import KINDS
from options import add_configs, add_into, add_python, choose, make_parser, pin

WORKER = Path(__file__).with_name("loops.py")
DEFAULT_CONFIGS = "control,ours-1,ours-25,noop-reuse,stdlib-1"
DEFAULT_SIZES = "1024,4096,65536,1048576"
TIMEOUT = 600

# Seconds of each round, by loop, bytes of an array, and configuration.
Times = dict[tuple[str, int, str], list[float]]


def _loops(text: str) -> list[str]:
    return choose(text, {name: name for name in KINDS})


def _sizes(text: str) -> list[int]:
    return [int(size) for size in text.split(",")]


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(__doc__)
    add = parser.add_argument
    add_python(parser)
    add_configs(parser, DEFAULT_CONFIGS)
    names = ",".join(KINDS)
    add("--loops", type=_loops, default=names, metavar="LIST", help=f"default: {names}")
    add(
        "--sizes",
        type=_sizes,
        default=DEFAULT_SIZES,
        metavar="LIST",
        help=f"bytes of an array (default: {DEFAULT_SIZES})",
    )
    add("--rounds", type=int, default=5, metavar="N", help="processes of each kind (default: 5)")
    add("--cpu", type=int, metavar="N", help="processor to stay on (default: the last; -1: any)")
    add_into(parser)
    return parser


def _measure(options: argparse.Namespace) -> Times:
    times: Times = {}
    for _ in range(options.rounds):
        for loop in options.loops:
            for size in options.sizes:
                for config in options.config:
                    arguments = [config.name, loop, str(size)]
                    taken = ask(options.python, WORKER, arguments, timeout=TIMEOUT)["seconds"]
                    times.setdefault((loop, size, config.name), []).append(taken)
    return times


def _report(times: Times, loops: list[str], sizes: list[int], configs: list[Config]) -> str:
    """A row for each loop and size: ratios are medians over rounds, each in its own round."""
    others = [config for config in configs if config.name != BASE]
    rows = []
    for loop in loops:
        for size in sizes:
            base = times[loop, size, BASE]
            ratios = [
                statistics.median(
                    taken / without
                    for taken, without in zip(times[loop, size, config.name], base, strict=True)
                )
                for config in others
            ]
            cells = [f"{size:,}", f"{statistics.median(base) * 1e6:,.2f}"]
            rows.append([loop, *cells, *(f"{ratio:.2f}x" for ratio in ratios)])
    return table(["loop", "bytes", "no tracing, us", *(c.label for c in others)], rows)


def main() -> None:
    """Does what the command line says."""
    options = _parser().parse_args()
    configs = usable(options.python, options.config)
    pin(options.cpu)
    load = os.getloadavg()[0]
    times = _measure(options)
    about = machine.lines(machine.describe(options.python, ["ctracemalloc", "numpy"]))
    text = (
        f"{about}\n- load average {load:.1f} at the start; {options.rounds} rounds, medians\n\n"
        f"{_report(times, options.loops, options.sizes, configs)}\n"
    )
    publish(text, "domains", options.into)


if __name__ == "__main__":
    run_benchmark(main)
