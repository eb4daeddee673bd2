"""What is measured, and the process that runs it under callgrind.

    programs.py CONFIG

Each program is a loop in a function, of which COPIES are made, of different sizes: the address of
an instruction, or of a block, decides where it lies in the tracer's tables, and whether one finds
that place taken must not show.
All are run once to warm up. Then each program runs once more, between two calls of MARKER, a
function of the C library that nothing else calls, at which callgrind writes what it has counted.
"""

# pathlib would be in the process that is measured:
# ruff: noqa: PTH118, PTH120

import gc
import opcode
import os
import sys
import zlib
from types import FunctionType

sys.path.insert(1, os.path.join(os.path.dirname(sys.path[0]), "common"))

from configs import Config
from inside import Tracing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Program = Callable[[int], None]

MARKER = "getpriority"
COPIES = 100
_MANY = (None,) * 40
_KEPT: list[float] = []
# Floats whose blocks are older than tracing.
_FROM_BEFORE = [number * 0.5 for number in range(4 * COPIES)]


def small(loops: int) -> None:
    """One small block comes and goes."""
    for _ in range(loops):
        object()


def reused(loops: int) -> None:
    """A float is made in the block of the one before it."""
    x = 1.5
    for _ in range(loops):
        y = x * 2.0
    del y


def untraced(loops: int) -> None:
    """The same in blocks that the tracer does not know: two, as one float lives until the next."""
    room = [loops * 0.5 for _ in range(4)]
    _FROM_BEFORE.pop()
    _FROM_BEFORE.pop()
    x = 1.5
    for _ in range(loops):
        y = x * 2.0
    del y
    # Out of the free list again.
    _KEPT.extend((loops * 0.5, loops * 0.25))
    del room


def growing(loops: int) -> None:
    """A list grows: reallocs."""
    for _ in range(loops):
        items: list[None] = []
        for item in _MANY:
            items.append(item)


def large(loops: int) -> None:
    """Blocks come and go that are too large for the interpreter's pools."""
    for _ in range(loops):
        [bytes(1000) for _ in _MANY]


def raw(loops: int) -> None:
    """Blocks of the raw domain come and go."""
    for _ in range(loops):
        [zlib.decompressobj() for _ in _MANY]


def _leaf() -> object:
    return object()


def called(loops: int) -> None:
    """The newest frame is a new one each time; run under a deep stack."""
    for _ in range(loops):
        _leaf()


def _build(depth: int) -> object:
    return (_build(depth - 1), _build(depth - 1)) if depth else object()


def tree(loops: int) -> None:
    """Recursion up and down, an allocation at each level."""
    for _ in range(loops):
        _build(4)


def _deeper(depth: int, function: "Program", loops: int) -> None:
    if depth == 0:
        function(loops)
    else:
        _deeper(depth - 1, function, loops)


# Name: function, frames below it, loops.
PROGRAMS: "dict[str, tuple[Program, int, int]]" = {
    "small block": (small, 0, 40),
    "reused float": (reused, 0, 40),
    "reused float, no trace": (untraced, 0, 40),
    "growing list": (growing, 0, 8),
    "40 large blocks": (large, 0, 1),
    "40 raw blocks": (raw, 0, 1),
    "small block, 60 deep": (small, 60, 40),
    "reused float, 60 deep": (reused, 60, 40),
    "in a call, 60 deep": (called, 60, 40),
    "recursion": (tree, 0, 4),
}


_HELPERS = ("_leaf", "_build")


def _copy(name: str, size: int, namespace: "dict[str, object]") -> "Program":
    """A function of this module, its code larger, as if written in a module of its own."""
    function: Program = globals()[name]
    # Behind the function's end, so never reached.
    padding = bytes([opcode.opmap["NOP"], 0]) * size
    code = function.__code__.replace(co_code=function.__code__.co_code + padding)
    return FunctionType(code, namespace)


def _copies(function: "Program") -> "list[Program]":
    copies = []
    for size in range(0, 3 * COPIES, 3):
        namespace = dict(globals())
        namespace.update({name: _copy(name, size % 101, namespace) for name in _HELPERS})
        copies.append(_copy(function.__name__, size % 101, namespace))
    return copies


def _run(copies: "list[Program]", depth: int, loops: int) -> None:
    for copy in copies:
        _deeper(depth, copy, loops)


def main() -> None:
    """Runs the programs under the configuration that the command line names."""
    gc.disable()
    work = [(_copies(function), depth, loops) for function, depth, loops in PROGRAMS.values()]
    Tracing(Config(sys.argv[1]))
    # More than the free list held, so that those made from now on are in blocks that are traced.
    floats = [float(number) for number in range(1000)]
    del floats
    for copies, depth, loops in work:
        _run(copies, depth, loops)
    os.getpriority(os.PRIO_PROCESS, 0)
    for copies, depth, loops in work:
        _run(copies, depth, loops)
        os.getpriority(os.PRIO_PROCESS, 0)
    os._exit(0)


if __name__ == "__main__":
    main()
