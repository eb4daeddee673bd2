#!/usr/bin/env python3
"""Measures the memory that a tracer takes for a live block.

run.py --python PYTHON [--config LIST] [--into DOCUMENT]

Prints, as Markdown, bytes a live block: what the resident memory of the process grows by more than
without tracing, and what the tracer says of itself. See README.md in the folder above.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "common"))

import machine
from children import ask, run_benchmark, usable
from configs import BASE, Config
from document import publish, table
from options import add_configs, add_into, add_python, make_parser

WORKER = Path(__file__).with_name("blocks.py")
DEFAULT_CONFIGS = "ours-1,ours-25,stdlib-1,stdlib-25"
TIMEOUT = 600


@dataclass(frozen=True)
class Case:
    """So many blocks of a kind, under an allocator."""

    label: str
    kind: str
    count: int
    malloc: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the process."""
        return {"PYTHONMALLOC": "malloc"} if self.malloc else {}


CASES = [
    Case("1,000,000 objects of 16 bytes", "small", 1_000_000),
    Case("1,000,000 of 33 to 480 bytes", "mixed", 1_000_000),
    Case("1,000,000 objects of 16 bytes, `PYTHONMALLOC=malloc`", "small", 1_000_000, malloc=True),
    Case("100,000 of 2 kB", "large", 100_000),
    Case("100,000 objects, each from a stack of its own", "stacks", 100_000),
]

Figures = dict[tuple[Case, str], dict[str, int]]


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(__doc__)
    add_python(parser)
    add_configs(parser, DEFAULT_CONFIGS)
    add_into(parser)
    return parser


def _measure(python: str, configs: list[Config]) -> Figures:
    return {
        (case, config.name): ask(
            python,
            WORKER,
            [config.name, case.kind, str(case.count)],
            timeout=TIMEOUT,
            environment=case.environment,
        )
        for case in CASES
        for config in configs
    }


def _report(figures: Figures, configs: list[Config]) -> str:
    header = ["blocks", "configuration", "resident", "tracer's own figure", "after freeing all"]
    rows = []
    for case in CASES:
        base = figures[case, BASE]["rss"]
        name = case.label
        for config in configs:
            if config.name == BASE:
                continue
            figure = figures[case, config.name]
            values = [figure["rss"] - base, figure["tracer"], figure["tracer_left"]]
            cells = [f"{value / case.count:.1f}" for value in values]
            rows.append([name, config.label, *cells])
            name = ""
    return table(header, rows, names=2)


def main() -> None:
    """Does what the command line says."""
    options = _parser().parse_args()
    configs = usable(options.python, options.config)
    figures = _measure(options.python, configs)
    about = machine.lines(machine.describe(options.python, ["ctracemalloc"]))
    text = f"{about}\n\nBytes a block:\n\n{_report(figures, configs)}\n"
    publish(text, "memory", options.into)


if __name__ == "__main__":
    run_benchmark(main)
