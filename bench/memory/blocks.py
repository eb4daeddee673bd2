"""Makes many live blocks of one kind and tells what they cost: the process that is measured.

blocks.py FD CONFIG KIND COUNT
"""
# pathlib would be in the process that is measured:
# ruff: noqa: PTH118, PTH120

import os
import sys

sys.path.insert(1, os.path.join(os.path.dirname(sys.path[0]), "common"))

from configs import Config
from inside import Tracing, answer, rss

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FRAMES = 25


def small(count: int) -> "Iterator[object]":
    """Objects of 16 bytes."""
    return (object() for _ in range(count))


def mixed(count: int) -> "Iterator[object]":
    """Byte strings of all sizes of the small-object allocator."""
    return (bytes(number % 448) for number in range(count))


def large(count: int) -> "Iterator[object]":
    """Byte strings of 2,000 bytes, which the small-object allocator does not take."""
    return (bytes(2000) for _ in range(count))


def stacks(count: int) -> "Iterator[object]":
    """Objects of 16 bytes, each from another stack of at least 25 frames."""
    # At each level two lines lead on, so that each object has a path of its own.
    levels = max(FRAMES, count.bit_length() + 1) - 1

    def descend(level: int, path: int) -> object:
        if level == 0:
            return object()
        if path & 1:
            return descend(level - 1, path >> 1)
        return descend(level - 1, path >> 1)

    return (descend(levels, number) for number in range(count))


KINDS: "dict[str, Callable[[int], Iterator[object]]]" = {
    "small": small,
    "mixed": mixed,
    "large": large,
    "stacks": stacks,
}


def main() -> None:
    """Does what the command line says."""
    descriptor, config, kind, size = sys.argv[1:]
    count = int(size)
    tracing = Tracing(Config(config))
    # The list is a block too, but one.
    live: list[object] = [None] * count
    tracer_before = tracing.figures().get("tracer_memory", 0)
    before = rss()
    for index, block in enumerate(KINDS[kind](count)):
        live[index] = block
    after = rss()
    tracer_after = tracing.figures().get("tracer_memory", 0)
    live.clear()
    del block
    figures = {
        "rss": after - before,
        "tracer": tracer_after - tracer_before,
        "tracer_left": tracing.figures().get("tracer_memory", 0) - tracer_before,
    }
    answer(descriptor, figures)


if __name__ == "__main__":
    main()
