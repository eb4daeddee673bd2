"""What tracing costs where memory is numpy's.

    PYTHON bench/domains/run.py [ROUNDS]

Needs numpy and ctracemalloc. Times, for arrays of several sizes, one pass of making an array and
two passes of arithmetic (`work`), and the bare making and freeing of an array (`empty`), each
configuration in processes of its own, in turn. Prints a table in Markdown: processor time per loop
without tracing, and the ratio of each configuration to it, by medians over rounds.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

CONFIGS = ("none", "ctracemalloc 1", "ctracemalloc 25", "tracemalloc 1", "tracemalloc 25")
SIZES = (64, 1024, 4096, 65536, 1048576)
KINDS = ("empty", "work")
SECONDS = 0.01


def measure(config: str, kind: str, size: int) -> float:
    """Seconds of processor time of one loop, in this process."""
    import time

    import numpy as np

    name, _, nframe = config.partition(" ")
    if nframe:
        __import__(name).start(int(nframe))
    length = size // 8

    def empty() -> None:
        np.empty(length)

    def work() -> None:
        array = np.zeros(length)
        array += 1.0
        (array * 2.0).sum()

    call = empty if kind == "empty" else work
    loops, best = 1, float("inf")
    for _ in range(20):
        begin = time.process_time()
        for _ in range(loops):
            call()
        taken = time.process_time() - begin
        if taken < SECONDS:
            loops *= 2
        else:
            best = min(best, taken / loops)
    return best


def measure_in_a_process(config: str, kind: str, size: int) -> float:
    """Do the same in a fresh process."""
    done = subprocess.run(
        [sys.executable, Path(__file__), "--one", config, kind, str(size)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=300,
    )
    return float(done.stdout)


def main() -> None:
    """Run as told by the command line."""
    if sys.argv[1:2] == ["--one"]:
        print(measure(sys.argv[2], sys.argv[3], int(sys.argv[4])))
        return
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print("| loop | bytes | no tracing, us | " + " | ".join(CONFIGS[1:]) + " |")
    print("| --- | ---: " + "| ---: " * len(CONFIGS) + "|")
    for kind in KINDS:
        for size in SIZES:
            values: dict[str, list[float]] = {config: [] for config in CONFIGS}
            for _ in range(rounds):
                for config in CONFIGS:
                    values[config].append(measure_in_a_process(config, kind, size))
            base = statistics.median(values["none"])
            ratios = [f"{statistics.median(values[config]) / base:.2f}x" for config in CONFIGS[1:]]
            print(
                f"| {kind} | {size:,} | {base * 1e6:.2f} | " + " | ".join(ratios) + " |", flush=True
            )


if __name__ == "__main__":
    main()
