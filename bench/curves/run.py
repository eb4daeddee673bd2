#!/usr/bin/env python3
"""Measures how the cost of one allocation grows with line number, depth, chains and live blocks.

run.py --python PYTHON [--config LIST] [--situations LIST] [--into DOCUMENT]

Prints, as Markdown, the nanoseconds that one allocation and its free take at a small and a large
size of each situation, and what tracing adds to them, with the ratio of large to small. That of
what is added should be near 1, or near that without tracing where the program itself is slower
among so many frames. README.md in the folder above tells how.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "common"))

import machine
from children import ask, run_benchmark, usable
from configs import BASE, Config
from document import publish, table
from options import add_configs, add_into, add_python, choose, make_parser, pin
from situations import SITUATIONS

WORKER = Path(__file__).with_name("situations.py")
DEFAULT_CONFIGS = "ours-1,ours-25,ours-65535,stdlib-1,stdlib-25"
TIMEOUT = 600

# Nanoseconds by situation, size and configuration.
Times = dict[tuple[str, int, str], float]


def _situations(text: str) -> list[str]:
    return choose(text, {name: name for name in SITUATIONS})


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(__doc__)
    add = parser.add_argument
    add_python(parser)
    add_configs(parser, DEFAULT_CONFIGS)
    add(
        "--situations",
        type=_situations,
        default=",".join(SITUATIONS),
        metavar="LIST",
        help=f"default: {','.join(SITUATIONS)}",
    )
    add("--rounds", type=int, default=3, metavar="N", help="processes of each kind (default: 3)")
    add("--cpu", type=int, metavar="N", help="processor to stay on (default: the last; -1: any)")
    add_into(parser)
    return parser


def _measure(python: str, situations: list[str], configs: list[Config], rounds: int) -> Times:
    times: Times = {}
    for _ in range(rounds):
        for situation in situations:
            for size in SITUATIONS[situation][1:]:
                for config in configs:
                    arguments = [config.name, situation, str(size)]
                    taken = ask(python, WORKER, arguments, timeout=TIMEOUT)["ns"]
                    key = (situation, size, config.name)
                    times[key] = min(taken, times.get(key, taken))
                    print(f"{situation} {size} {config.name}: {taken:.1f} ns", file=sys.stderr)
    return times


def _report(times: Times, situations: list[str], configs: list[Config]) -> str:
    header = ["situation", "configuration"]
    header += ["small", "large", "ratio", "added: small", "large", "ratio"]
    rows = []
    for situation in situations:
        sizes = SITUATIONS[situation][1:]
        for config in configs:
            small, large = (times[situation, size, config.name] for size in sizes)
            name = f"{situation} {sizes[0]:,} and {sizes[1]:,}" if config.name == BASE else ""
            row = [name, config.label, f"{small:.1f}", f"{large:.1f}", f"{large / small:.2f}x"]
            if config.name == BASE:
                row += ["", "", ""]
            else:
                added = small - times[situation, sizes[0], BASE]
                more = large - times[situation, sizes[1], BASE]
                row += [f"{added:.1f}", f"{more:.1f}", f"{more / added:.2f}x"]
            rows.append(row)
    return table(header, rows, names=2)


def main() -> None:
    """Does what the command line says."""
    options = _parser().parse_args()
    configs = usable(options.python, options.config)
    pin(options.cpu)
    times = _measure(options.python, options.situations, configs, options.rounds)
    about = machine.lines(machine.describe(options.python, ["ctracemalloc"]))
    text = f"{about}\n\n{_report(times, options.situations, configs)}\n"
    publish(text, "curves", options.into)


if __name__ == "__main__":
    run_benchmark(main)
