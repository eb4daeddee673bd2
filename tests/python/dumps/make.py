"""Write a dump of the interpreter's own tracemalloc: `python3.N make.py FOLDER`, 3.6 and up."""

import sys
import tracemalloc
from pathlib import Path
from typing import Any


def allocate(size: int) -> bytearray:
    return bytearray(size)


def without_folders(traces: list[Any]) -> list[Any]:
    """Replace paths, which differ from machine to machine; what was shared stays shared."""
    stacks: Any = {}
    for trace in traces:
        stack = trace[2]
        if stack not in stacks:
            stacks[stack] = tuple((sys.intern(Path(name).name), line) for name, line in stack)
    return [(*trace[:2], stacks[trace[2]], *trace[3:]) for trace in traces]


def main(folder: str) -> None:
    tracemalloc.start(3)
    kept = [allocate(100 + i % 2) for i in range(4)]
    snapshot: Any = tracemalloc.take_snapshot()
    tracemalloc.stop()
    here = tracemalloc.Filter(True, __file__, all_frames=True)
    snapshot = snapshot.filter_traces([here])
    snapshot.traces._traces = without_folders(snapshot.traces._traces)
    snapshot.label = {"kept": len(kept), "n": [None, True, -3, 2**80, 2.5, b"x", "\ud800", (), {}]}
    version = "".join(map(str, sys.version_info[:2]))
    snapshot.dump(str(Path(folder, f"py{version}.pickle")))


if __name__ == "__main__":
    main(sys.argv[1])
