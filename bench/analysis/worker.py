"""Makes a load under one tracer and times what is done with its traces: the measured process.

worker.py FD CONFIG LOAD ROUNDS
"""

import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "common"))

from configs import Config
from inside import answer, peak_rss, rss
from loads import LOADS

GROUPS = [
    ("filename", False),
    ("lineno", False),
    ("traceback", False),
    ("filename", True),
    ("lineno", True),
]
FILE = Path("snapshot")


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _timed(call: Callable[[], object]) -> float:
    """Milliseconds of processor time; what the call returns is thrown away outside of them."""
    start = time.thread_time()
    result = call()
    elapsed = time.thread_time() - start
    del result
    return elapsed * 1000


def _longest_pause(module: Any) -> float:
    """The longest time for which another thread, which allocates, stands still; in milliseconds."""
    ended = threading.Event()
    longest = 0.0

    def run() -> None:
        nonlocal longest
        last = time.perf_counter()
        over = False
        while not over:
            # Before the look at the clock: a pause that lasts to the end counts.
            over = ended.is_set()
            object()
            now = time.perf_counter()
            longest = max(longest, now - last)
            last = now

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.05)
    longest = 0.0
    module.take_snapshot()
    ended.set()
    thread.join()
    return longest * 1000


def _look(traces: Any) -> Callable[[], object]:
    def look() -> object:
        middle = traces[len(traces) // 2]
        few = [trace.size for trace, _ in zip(traces, range(1000), strict=False)]
        return traces[0] in traces, middle, few, traces[10:20]

    return look


def measure(config: Config, name: str, rounds: int) -> dict[str, Any]:
    """Times of each operation in milliseconds, and bytes."""
    load = LOADS[name]
    module = import_module(config.module or "")
    calls = list(load.blocks())
    live: list[object] = [None] * len(calls)
    module.start(load.nframe)
    for number, (make, place, size) in enumerate(calls):
        live[number] = make(place, size)
    del calls

    times: dict[str, list[float]] = {}

    def repeat(what: str, call: Callable[[], object]) -> None:
        times[what] = [_timed(call) for _ in range(rounds)]

    _forget_peak()
    before = rss()
    now = module.take_snapshot()
    after, peak = rss(), peak_rss()
    figures: dict[str, Any] = {"snapshot_rss": after - before, "snapshot_peak": peak - before}
    if config.tool == "ours":
        figures["snapshot_bytes"] = now.traces._traces.memory()
    repeat("take_snapshot", module.take_snapshot)
    times["longest pause of another thread"] = [_longest_pause(module) for _ in range(rounds)]
    # A tenth comes and a tenth goes between the two that are compared.
    for number in range(0, len(live), 10):
        live[number] = None
    old, now = now, module.take_snapshot()
    module.stop()
    live.clear()

    for key, cumulative in GROUPS:
        suffix = ", cumulative" if cumulative else ""
        repeat(f"statistics({key!r}){suffix}", partial(now.statistics, key, cumulative))
    filters = [module.Filter(False, "<frozen*"), module.Filter(True, "*/module1*", all_frames=True)]
    repeat("filter_traces", lambda: now.filter_traces(filters))
    for key, cumulative in GROUPS:
        suffix = ", cumulative" if cumulative else ""
        repeat(f"compare_to({key!r}){suffix}", partial(now.compare_to, old, key, cumulative))
    repeat("dump", lambda: now.dump(str(FILE)))
    figures["file"] = FILE.stat().st_size
    repeat("load", lambda: module.Snapshot.load(str(FILE)))
    repeat("look at 1,012 traces", _look(now.traces))
    return {**figures, "times": times}


def main() -> None:
    """Does what the command line says."""
    descriptor, config, load, rounds = sys.argv[1:]
    figures = measure(Config(config), load, int(rounds))
    times = figures.pop("times")
    for what, values in times.items():
        figures[what.replace('"', "'")] = values
    answer(descriptor, figures)


if __name__ == "__main__":
    main()
