#!/usr/bin/env python3
"""Measures whether the tracer of a long service grows: 24 simulated hours of ever new code.

run.py --python PYTHON [--config LIST] [--requests N] [--into DOCUMENT]

Prints, as Markdown, what is resident, and what the tracer holds, at the end of every third
simulated hour, and the processor time of the slowest request since the last row.
"""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "common"))

import machine
from children import ask, run_benchmark, usable
from document import publish, table
from options import add_configs, add_into, add_python, make_parser

WORKER = Path(__file__).with_name("worker.py")
HOURS = 24
SHOWN = (1, *range(3, HOURS + 1, 3))
REQUESTS = 4000
DEFAULT_CONFIGS = "ours-1,ours-25"
TIMEOUT = 3600


def main() -> None:
    """Does what the command line says."""
    parser = make_parser(__doc__)
    add = parser.add_argument
    add_python(parser)
    add_configs(parser, DEFAULT_CONFIGS)
    add("--requests", type=int, default=REQUESTS, metavar="N", help="in each simulated hour")
    add_into(parser)
    options = parser.parse_args()
    configs = usable(options.python, options.config)
    rows = []
    for config in configs:
        arguments = [config.name, str(HOURS), str(options.requests)]
        figures = ask(options.python, WORKER, arguments, timeout=TIMEOUT)
        last = 0
        for hour in SHOWN:
            sizes = [f"{figures[kind][hour - 1] / 2**20:.1f}" for kind in ("resident", "tracer")]
            slowest = f"{max(figures['slowest'][last:hour]) / 1e6:.1f}"
            rows.append([config.label if last == 0 else "", str(hour), *sizes, slowest])
            last = hour
    about = machine.lines(machine.describe(options.python, ["ctracemalloc"]))
    header = ["configuration", "hour", "resident, MiB", "tracer, MiB", "slowest request, ms"]
    text = f"{about}\n\n{table(header, rows, names=1)}\n"
    publish(text, "service", options.into)


if __name__ == "__main__":
    run_benchmark(main)
