#!/usr/bin/env python3
"""Measures whether the tracer of a long service grows: 24 simulated hours of ever new code.

run.py --python PYTHON [--config LIST] [--requests N]

Prints, as Markdown, what is resident, and what the tracer holds, at the end of each simulated hour.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "common"))

import machine
from children import ChildError, ask, missing_modules
from document import table
from options import interpreter, parse_configs

WORKER = Path(__file__).with_name("worker.py")
HOURS = 24
REQUESTS = 4000
TIMEOUT = 3600


def main() -> int:
    """Does what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--python", type=interpreter, default=sys.executable, help="default: this one")
    add("--config", type=parse_configs, default="ours-1,ours-25", metavar="LIST")
    add("--requests", type=int, default=REQUESTS, metavar="N", help="in each simulated hour")
    options = parser.parse_args()
    if missing := missing_modules(options.python, options.config):
        print(f"run.py: {options.python} cannot import {', '.join(missing)}", file=sys.stderr)
        return 2
    rows = []
    try:
        for config in options.config:
            arguments = [config.name, str(HOURS), str(options.requests)]
            figures = ask(options.python, WORKER, arguments, timeout=TIMEOUT)
            for hour in range(HOURS):
                sizes = [f"{figures[kind][hour] / 2**20:.1f}" for kind in ("resident", "tracer")]
                slowest = f"{figures['slowest'][hour] / 1e6:.1f}"
                rows.append([config.label if hour == 0 else "", str(hour + 1), *sizes, slowest])
    except ChildError as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 1
    print(machine.lines(machine.describe(options.python, ["ctracemalloc"])))
    header = ["configuration", "hour", "resident, MiB", "tracer, MiB", "slowest request, ms"]
    print(f"\n{table(header, rows, names=1)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
