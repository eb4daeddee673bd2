"""How large the pages of `ctracemalloc report` are, and what opening them costs.

Needs ctracemalloc with its report, Playwright and Debian's Chromium in this interpreter. Two
snapshots of 100,000 stacks are made by hand: one like a program's, in which few frames hold most
(sizes of a Pareto distribution), and one of 900 calls of 25 frames that all hold as much, so that
none is small enough to be folded. The processor time is that of the page's own thread until the
flame graph stands, the time that of a clock beside it. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ctracemalloc import Snapshot
from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))

import document
import machine

STACKS = 100_000
LIMIT = 25

_Trace = tuple[int, int, tuple[tuple[str, int], ...], int]


def _trace(size: int, frames: list[tuple[str, int]]) -> _Trace:
    return (0, size, tuple(frames), len(frames))


def like_a_program() -> Iterator[_Trace]:
    """Make stacks that part from each other the further down the more."""
    sizes = random.Random(1)
    for number in range(STACKS):
        frames = []
        for depth in range(12):
            branch = number >> max(0, 14 - 2 * depth)
            file = f"/usr/lib/python3/site-packages/package{branch % 30}/module{branch % 300}.py"
            frames.append((file, (branch * 31 + depth * 17) % 1900 + 1))
        yield _trace(int(sizes.paretovariate(0.9) * 64), frames[::-1])


def all_equal() -> Iterator[_Trace]:
    """Make stacks that hold as much as each other."""
    for number in range(STACKS):
        call = number % 900
        frames = [(f"module{(call * 25 + depth) % 300}.py", call + 1) for depth in range(24)]
        yield _trace(100, [("leaf.py", number % 111 + 1), *frames[::-1]])


KINDS: dict[str, Callable[[], Iterator[_Trace]]] = {
    "like a program's": like_a_program,
    "all equal": all_equal,
}


def make_page(folder: Path, traces: Iterator[_Trace]) -> tuple[Path, float]:
    """Write a page; return it and the processor time of the command."""
    Snapshot(list(traces), LIMIT).dump(folder / "large.ctm")
    page = folder / "large.html"
    command = [sys.executable, "-m", "ctracemalloc", "report", "large.ctm", "--force"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return page, (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def open_page(browser: Browser, page: Path) -> dict[str, float]:
    """Open a page; return the seconds that it took, by the clock and of the processor."""
    opened = browser.new_context(offline=True, reduced_motion="reduce").new_page()
    session = opened.context.new_cdp_session(opened)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    opened.goto(page.as_uri())
    opened.wait_for_selector("g.frame")
    metrics: list[dict[str, Any]] = session.send("Performance.getMetrics")["metrics"]
    found = {
        "processor": next(m["value"] for m in metrics if m["name"] == "TaskDuration"),
        "clock": opened.evaluate("performance.now()") / 1000,
        "frames": opened.locator("g.frame").count(),
    }
    opened.context.close()
    return found


def measure(rounds: int) -> str:
    """Measure all kinds; return the table."""
    header = ["snapshot", "page", "frames drawn", "written, processor", "opened, processor"]
    rows = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        for name, make in KINDS.items():
            page, written = make_page(Path(folder), make())
            opened = [open_page(browser, page) for _ in range(rounds)]
            rows.append(
                [
                    name,
                    f"{page.stat().st_size / 1e6:.2f} MB",
                    f"{opened[0]['frames']:,.0f}",
                    f"{written:.2f} s",
                    f"{statistics.median(found['processor'] for found in opened):.2f} s",
                    f"{statistics.median(found['clock'] for found in opened):.2f} s",
                ]
            )
        browser.close()
    return document.table([*header, "by the clock"], rows)


def main() -> None:
    """Run as told by the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often a page is opened")
    parser.add_argument("--into", type=Path, help="the document to write the results into")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    about = machine.lines(machine.describe(sys.executable, ["ctracemalloc", "playwright"]))
    text = (
        f"{about}\n- load average {load:.1f}; {options.rounds} rounds, medians\n\n"
        f"{measure(options.rounds)}"
    )
    print(text)
    if options.into is not None:
        document.write_into(options.into, "pages", text)


if __name__ == "__main__":
    main()
