"""Write a dump of the interpreter's own tracemalloc: `python3.N make.py FOLDER`, 3.4 and up.

Of 3.4 and 3.5 there are few standard libraries left to run with, so little of it is asked for.
"""

import sys
import tracemalloc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any  # noqa: F401 - in comments, which is all that 3.4 knows


def allocate(size):  # type: (int) -> bytearray
    return bytearray(size)


def base_name(path):  # type: (str) -> str
    return sys.intern(path.rpartition("/")[2])


def ours_without_folders(traces):  # type: (list[Any]) -> list[Any]
    """Keep what was allocated here. Paths differ from machine to machine; what was shared stays so.

    A trace was (size, frames) up to 3.5, then (domain, size, frames), from 3.9 on with one more.
    """
    at = 1 if sys.version_info < (3, 6) else 2
    stacks = {}  # type: dict[Any, Any]
    kept = []
    for trace in traces:
        stack = trace[at]
        if any(name == __file__ for name, _line in stack):
            if stack not in stacks:
                stacks[stack] = tuple((base_name(name), line) for name, line in stack)
            kept.append(trace[:at] + (stacks[stack],) + trace[at + 1 :])  # noqa: RUF005 - 3.4
    return kept


def main(folder):  # type: (str) -> None
    tracemalloc.start(3)
    kept = [allocate(100 + i % 2) for i in range(4)]
    snapshot = tracemalloc.take_snapshot()  # type: Any
    tracemalloc.stop()
    snapshot.traces._traces = ours_without_folders(snapshot.traces._traces)
    snapshot.label = {"kept": len(kept), "n": [None, True, -3, 2**80, 2.5, b"x", "\ud800", (), {}]}
    version = "".join(map(str, sys.version_info[:2]))
    snapshot.dump(folder + "/py" + version + ".pickle")


if __name__ == "__main__":
    main(sys.argv[1])
