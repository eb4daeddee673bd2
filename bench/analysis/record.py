#!/usr/bin/env python3
"""Records the sizes of a program's live blocks, site by site: what loads are made of.

record.py [--sites N] [-o FILE] MODULE [ARGUMENT...]

Runs a module as `python -m` does, with ctracemalloc and one frame, looks at it twice a second, and
writes a sample of the sites where the most blocks were alive: a line a site, `SIZExCOUNT` for each
size. sizes.txt was made with `record.py mypy --no-incremental --no-fast-exit python`.
"""

import argparse
import random
import runpy
import sys
import threading
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import ctracemalloc

INTERVAL = 0.5

Site = dict[int, int]


def _fullest(module: str, arguments: list[str]) -> ctracemalloc.Snapshot:
    """Runs the module; returns the snapshot with the most traces."""
    fullest: list[ctracemalloc.Snapshot] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(INTERVAL):
            snapshot = ctracemalloc.take_snapshot()
            if not fullest or len(snapshot.traces) > len(fullest[0].traces):
                fullest[:] = [snapshot]

    watcher = threading.Thread(target=look)
    ctracemalloc.start(1)
    watcher.start()
    sys.argv = [module, *arguments]
    try:
        with suppress(SystemExit):
            runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        ended.set()
        watcher.join()
        ctracemalloc.stop()
    if not fullest:
        sys.exit(f"record.py: {module} ended in less than {INTERVAL} s")
    return fullest[0]


def _sites(snapshot: ctracemalloc.Snapshot) -> list[Site]:
    sites: dict[object, Site] = defaultdict(lambda: defaultdict(int))
    for trace in snapshot.traces:
        sites[trace.traceback][trace.size] += 1
    return list(sites.values())


def main() -> None:
    """Does what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sites", type=int, default=1000, help="how many (default: 1000)")
    parser.add_argument("-o", type=Path, default=Path(__file__).with_name("sizes.txt"))
    parser.add_argument("module")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    sites = _sites(_fullest(options.module, options.arguments))
    sample = random.Random(1).sample(sites, options.sites)
    lines = (" ".join(f"{size}x{n}" for size, n in sorted(site.items())) for site in sample)
    options.o.write_text("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main()
