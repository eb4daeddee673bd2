"""Measures one allocation and its free in one situation: the process that is measured.

    situations.py FD CONFIG SITUATION SIZE

Answers with the time of one pair in nanoseconds, the smallest of several timings.
"""
# pathlib would be in the process that is measured:
# ruff: noqa: PTH118, PTH120

import os
import sys
import time
from itertools import repeat

sys.path.insert(1, os.path.join(os.path.dirname(sys.path[0]), "common"))

from configs import Config
from inside import Tracing, answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    # Makes so many allocations and frees, and returns the seconds that they took.
    Timed = Callable[[int], float]

clock = time.process_time

# A timing takes this long, or one pass where that is longer.
SECONDS = 0.02
TIMINGS = 7
CHAIN = 100
PADDING = 5100


def _pairs(count: int) -> float:
    new = object
    start = clock()
    for _ in repeat(None, count):
        new()
    return clock() - start


def at_line(line: int) -> "Timed":
    """An allocation at a line of a function that is 5,100 lines long."""
    filler = "    x = 0\n"
    loop = "    for _ in repeat(None, count): new()\n"
    source = (
        "def timed(count, new=object):\n    start = clock()\n"
        + filler * (line - 3)
        + loop
        + filler * (PADDING - line)
        + "    return clock() - start\n"
    )
    names = {"repeat": repeat, "clock": clock}
    exec(compile(source, "<curves>", "exec"), names)
    timed: Timed = names["timed"]  # type: ignore[assignment]
    return timed


def at_depth(depth: int) -> "Timed":
    """An allocation with so many frames below it."""
    sys.setrecursionlimit(depth + 1000)

    def dive(left: int, count: int) -> float:
        return dive(left - 1, count) if left else _pairs(count)

    return lambda count: dive(depth, count)


def in_recursion(depth: int) -> "Timed":
    """Allocations on the way down and up of a recursion, one at each level."""
    sys.setrecursionlimit(depth + 1000)

    # A count of the levels would allocate one more block at most of them: large integers.
    def dive(levels: "repeat[None]") -> None:
        object()
        for _ in levels:
            dive(levels)
        object()

    def timed(count: int) -> float:
        passes = max(1, round(count / (2 * depth)))
        start = clock()
        for _ in range(passes):
            dive(repeat(None, depth - 1))
        return (clock() - start) * count / (passes * 2 * depth)

    return timed


class _Pause:
    def __await__(self) -> "Generator[None, None, None]":
        yield


async def _link(left: int) -> None:
    if left:
        await _link(left - 1)
    while True:
        object()
        await _Pause()


def in_chains(chains: int) -> "Timed":
    """An allocation at the end of a chain of 100 coroutines, each time of another chain."""
    coroutines: list[Coroutine[object, None, None]] = [_link(CHAIN - 1) for _ in range(chains)]

    def timed(count: int) -> float:
        passes = max(1, round(count / chains))
        start = clock()
        for _ in range(passes):
            for coroutine in coroutines:
                coroutine.send(None)
        return (clock() - start) * count / (passes * chains)

    return timed


def beside_live(blocks: int) -> "Timed":
    """An allocation while so many blocks are live."""
    live = [object() for _ in range(blocks)]

    def timed(count: int, _live: list[object] = live) -> float:
        return _pairs(count)

    return timed


# The two sizes that are compared.
SITUATIONS: "dict[str, tuple[Callable[[int], Timed], int, int]]" = {
    "line": (at_line, 5, 5000),
    "depth": (at_depth, 50, 10000),
    "recursion": (in_recursion, 50, 10000),
    "chains": (in_chains, 10, 1000),
    "live": (beside_live, 10_000, 1_000_000),
}


def nanoseconds(timed: "Timed") -> float:
    """The time of one pair."""
    count = 1
    while (taken := timed(count)) < SECONDS / 4:
        count *= 2
    count = max(1, round(count * SECONDS / taken))
    return min(timed(count) for _ in range(TIMINGS)) / count * 1e9


def main() -> None:
    """Does what the command line says."""
    descriptor, config, situation, size = sys.argv[1:]
    tracing = Tracing(Config(config))
    prepare, _, _ = SITUATIONS[situation]
    result = nanoseconds(prepare(int(size)))
    answer(descriptor, {"ns": result, **tracing.figures()})


if __name__ == "__main__":
    main()
