# mypy: ignore-errors
"""Run by test_faults.py with refuse.c preloaded: refuses the tracer's requests for pages."""

import ctypes
import gc
import sys
import tempfile
import threading
from pathlib import Path

import ctm_native as native
import ctracemalloc as t

RAW, MEM, OBJ = 0, 1, 2
SIZES = [23, 299, 507, 701, 5_003, 80_021]
# What the interpreter allocates at the same lines has other sizes.
STACKS = 9_000
DOMAIN = 77
TRACKED = 2_000
NAME = "a folder with a long name/" * 10
refuse = ctypes.CDLL(None)
sources = [
    compile(
        "\n" * (i % 7) + f"blocks.append(native.malloc({i % 3}, {SIZES[i % 6]}))",
        f"{NAME}{i}",
        "exec",
    )
    for i in range(STACKS)
]


def work():
    """Make many stacks and blocks; free two thirds, resize some; what must be there is returned."""
    space = {"native": native, "blocks": []}
    for source in sources:
        exec(source, space)
    kept = {}
    for i, block in enumerate(space["blocks"]):
        if i % 3:
            native.free(i % 3, block)
        else:
            kept[f"{NAME}{i}"] = (i % 7 + 1, SIZES[i % 6])
    return kept, space["blocks"]


def track():
    """Report blocks of another domain; how many of them are known."""
    return sum(t.track(DOMAIN, 4096 * i, 31) for i in range(1, TRACKED))


def read(kept):
    """All that reads; how far it comes is left open, but not what it finds."""
    try:
        snapshot = t.take_snapshot()
        snapshot.statistics("traceback")
        snapshot.dump(path)
        traces = t.Snapshot.load(path).traces
    except MemoryError:
        return
    check_traces([trace._trace for trace in traces if is_ours(trace._trace)], kept)


def release(blocks):
    for i, block in enumerate(blocks):
        if i % 3 == 0:
            native.free(i % 3, block)


def check_traces(found, kept):
    for _, size, frames, _ in found:
        name, line = frames[0]
        assert kept.get(name) == (line, size), (name, line, size, kept.get(name))
    assert len(found) <= len(kept)


def check(kept, complete):
    """A trace may be missing if it is counted; a wrong one there must not be."""
    found = ours()
    check_traces(found, kept)
    assert len(found) == len(kept) or (not complete and t.get_dropped() > 0), len(found)


def is_ours(trace):
    return trace[2][0][0] in names and trace[1] in SIZES


def ours():
    return [trace for trace in t._get_traces() if is_ours(trace)]


def once(first, count):
    """Play with these requests refused; how many there were."""
    blocks = None
    refuse.refuse_pages(first, count)
    try:
        t.start(5)
        kept, blocks = work()
        # Blocks that the interpreter uses again without asking for them.
        assert sum([float(i) for i in range(1_000)]) == 499_500
        tracked = track()
        thread = threading.Thread(target=native.raw_detached, args=(77, 50, 50))
        thread.start()
        thread.join()
        asked = refuse.refuse_pages_asked()
        refuse.refuse_pages(0, 0)
        if t.is_tracing():
            check(kept, complete=first == 0)
            in_domain = [size for domain, size, _, _ in t._get_traces() if domain == DOMAIN]
            assert in_domain == [31] * tracked, (len(in_domain), tracked)
            assert first != 0 or tracked == TRACKED - 1
        refuse.refuse_pages(first, count)
        read(kept)
        asked += refuse.refuse_pages_asked()
        t.clear_traces()
    except MemoryError:
        # Of start() or clear_traces(): tracing is off then, and works again with memory.
        asked = refuse.refuse_pages_asked()
        assert not t.is_tracing()
        assert t.get_traced_memory() == (0, 0)
    refuse.refuse_pages(0, 0)
    if t.is_tracing():
        t.clear_traces()
        assert not ours()
        dropped = t.get_dropped()
        check(*again())
        assert t.get_dropped() == dropped
    t.stop()
    if blocks:
        release(blocks)
    return asked


def again():
    kept, blocks = work()
    held.append(blocks)
    return kept, True


path = Path(tempfile.mkdtemp()) / "x.ctm"
names = {f"{NAME}{i}" for i in range(STACKS)}
held = []
# The first start() asks for what is kept; cold.py refuses that.
once(0, 0)
while held:
    release(held.pop())
requests = once(0, 0)
assert requests > 80, requests
step = max(1, requests // int(sys.argv[1]))
for nth in range(1, requests + 1, step):
    for many in (1, 3, 1 << 30):
        once(nth, many)
        while held:
            release(held.pop())
gc.collect()
once(0, 0)
print(requests)
