# mypy: ignore-errors
"""Run by test_faults.py with refuse.c preloaded: no memory at a line that calls a class."""

import ctypes
import sys

import ctracemalloc as t

SIZES = [100_003, 100_013]
# More instructions than any table holds before it grows.
FILL = [compile("x = [x]\n" * 2_000, f"fill{i}", "exec") for i in range(60)]
refuse = ctypes.CDLL(None)
kept = []
size = 0


class Made:
    def __init__(self):
        kept.append(bytes(size))


def with_memory():
    return Made()


def without():
    return Made()


def down(n):
    """The tracer has seen a stack of so many frames, none of them hidden."""
    if n:
        down(n - 1)
    else:
        kept.append(bytes(999))


def depth():
    [total] = [total for _, found, _, total in t._get_traces() if found == sys.getsizeof(kept[-1])]
    return total


# The interpreter enters __init__ by itself where it has seen the call often enough.
for _ in range(100):
    with_memory()
    without()
t.start(1)
size = SIZES[0]
down(50)
with_memory()
assert depth() == 3, depth()
refuse.refuse_pages(1, 1 << 30)
for code in FILL:
    exec(code, {"x": None})
    if t.get_dropped():
        break
down(50)
before = t.get_dropped()
size = SIZES[1]
without()
assert t.get_dropped() > before
refuse.refuse_pages(0, 0)
assert depth() == 3, depth()
