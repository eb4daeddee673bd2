"""Write snapshots of a small program that really ran: `make.py FOLDER`, with ctracemalloc."""

from __future__ import annotations

import _thread
import sys
from pathlib import Path
from typing import Any

import ctracemalloc

# The files that the frames are in; the machine's own names are nobody's business.
PROGRAM = """
def leaf(size):
    return bytearray(size)

def node(depth):
    children = [node(depth - 1) for _ in range(2)] if depth else []
    return [leaf(100 + 10 * depth), children]

class Store:
    def fill(self, count):
        self.items = {str(i): (i, leaf(1000 + i % 3)) for i in range(count)}

def grow(kept, track, done):
    store = Store()
    store.fill(50)
    kept += [node(5), store]
    store.fill(10)
    track(389047, id(kept), 65536)
    done.release()
"""
FILES = ["app/main.py", "app/\N{SNAKE}.py", "lib/\ud800.py"]


def run(file: str) -> list[Any]:
    """Grow in a thread, whose stack has no frames of others."""
    namespace: dict[str, Any] = {}
    exec(compile(PROGRAM, file, "exec"), namespace)
    kept: list[Any] = []
    done = _thread.allocate_lock()
    done.acquire()
    _thread.start_new_thread(namespace["grow"], (kept, ctracemalloc.track, done))
    done.acquire()
    return kept


def main(folder: str) -> None:
    ctracemalloc.start(8)
    kept = [run(file) for file in FILES]
    own = [ctracemalloc.Filter(True, file) for file in FILES]
    own.append(ctracemalloc.Filter(False, __file__, all_frames=True))
    for kind in ("now", "peak", "churn", "reuse"):
        snapshot: Any = ctracemalloc.take_snapshot(at=kind)
        snapshot = snapshot.filter_traces(own)
        snapshot.note = {"kept": len(kept), "n": [None, True, -3, 2**80, 2.5, b"x", "\ud800", ()]}
        snapshot.dump(Path(folder, f"{snapshot.kind}.ctm"), labels={"run": kind})
    ctracemalloc.stop()


if __name__ == "__main__":
    main(sys.argv[1])
