"""Stdlib's following of reuse, which can be switched off before 3.13.

When the interpreter hands out an object from one of its free lists, stdlib's tracer gives the
object's old block the place of the reuse. Up to 3.12 the interpreter calls it directly, which no
extension can take part in, and does so where a flag in stdlib's configuration is set, which the
hooks do not look at. With that flag cleared both tracers show where blocks were allocated, and can
be compared without a difference.
"""

from __future__ import annotations

import _tracemalloc
import ctypes
import sys
from functools import cache
from pathlib import Path

CAN_BE_SWITCHED_OFF = sys.version_info < (3, 13)

# Initialised, tracing, and the number of frames: three ints in this order.
_Configuration = ctypes.c_int * 3
_TRACING = 1
# A number of frames that no other three ints in a row would end in.
_UNLIKELY = 54_321


def switch_off() -> None:
    """Let stdlib's tracer, which must be on, no longer follow reuse."""
    configuration = _Configuration.from_address(find())
    if configuration[_TRACING] != 1:
        raise RuntimeError("stdlib's tracer is not on")
    configuration[_TRACING] = 0


def switch_on() -> None:
    """Undo `switch_off`, which must come before stdlib's tracer is read, cleared or stopped."""
    _Configuration.from_address(find())[_TRACING] = 1


@cache
def find() -> int:
    """Find the configuration's address; stdlib's tracer must be off the first time."""
    if not CAN_BE_SWITCHED_OFF:
        raise RuntimeError("the following of reuse cannot be switched off on this version")
    if sys.version_info < (3, 12):
        configuration = _Configuration.in_dll(ctypes.pythonapi, "_Py_tracemalloc_config")
        return ctypes.addressof(configuration)
    # A part of the state of the whole runtime, at a place that no name leads to.
    start = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime"))
    words = (ctypes.c_int * ((_end_of_mapping(start) - start) // 4)).from_address(start)
    _tracemalloc.start(_UNLIKELY)
    wanted = [1, 1, _UNLIKELY]
    found = [i for i in range(len(words) - 2) if words[i : i + 3] == wanted]
    _tracemalloc.stop()
    if len(found) != 1:
        raise RuntimeError(f"stdlib's configuration is at {len(found)} places")
    return start + found[0] * 4


def _end_of_mapping(address: int) -> int:
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        start, end = (int(bound, 16) for bound in line.split(maxsplit=1)[0].split("-"))
        if start <= address < end:
            return end
    raise RuntimeError("the runtime's state is not mapped")
