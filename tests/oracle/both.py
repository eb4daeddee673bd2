"""Stdlib's tracer and ours on at once, and both read at the same moment.

Stdlib's starts first, so that our hooks wrap its hooks: stdlib takes the memory of its own tables
from the allocator that it found, and would show up in ours the other way round. Both then forget
what they saw, because a block that one of them saw between the two starts is no difference.

Reading one tracer changes the other: the objects that hold the result are traced, and those that
come from free lists are re-attributed. So neither is read here. Each reading happens in a forked
child of its own: children of one moment have identical memory, and run the same instructions until
the reading itself, which is the last thing that they do. What the reading allocates is told by its
frame and left out. A second reading of stdlib's, in a third child, shows that the method itself
makes no difference.
"""

from __future__ import annotations

import _tracemalloc
import gc
import os
import pickle
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ctracemalloc
import following
import reading
from ctracemalloc import _engine
from reading import RawTrace

# The list of the result, and no more.
MOST_BLOCKS_OF_A_READING = 3

Traces = Counter[RawTrace]


def start(nframe: int, *, follow_reuse: bool = True) -> None:
    """Start both tracers, with equal and empty tables."""
    _tracemalloc.start(nframe)
    ctracemalloc.start(nframe)
    _tracemalloc.clear_traces()
    ctracemalloc.clear_traces()
    if not follow_reuse:
        following.switch_off()


def stop() -> None:
    """Stop both, the outer one first."""
    ctracemalloc.stop()
    _tracemalloc.stop()


def read(prepare: Callable[[], None] = lambda: None) -> tuple[Traces, Traces, Traces]:
    """Read what stdlib's tracer, ours, and stdlib's again know at this moment.

    `prepare` is called in each child right before the reading.
    """
    with tempfile.TemporaryDirectory(prefix="oracle-") as directory:
        targets = [Path(directory, name) for name in ("nothing", "stdlib", "ours", "again")]
        readers: tuple[Callable[[], Any], ...] = (
            list,
            _tracemalloc._get_traces,
            _engine._get_traces,
            _tracemalloc._get_traces,
        )
        # The parent must be the same at each fork: it keeps nothing of a child but a small integer,
        # and all that it does in between it has done once before the first child that counts, so
        # that no cache changes (an entry of the type cache can hold the last reference to a name).
        gc.disable()
        failed = 0
        for number in range(len(readers)):
            failed |= _read_in_child(readers[number], prepare, targets[number])
        gc.enable()
        if failed:
            raise RuntimeError(f"reading in a child failed, wait status {failed}")
        return _load(targets[1]), _load(targets[2]), _load(targets[3])


def _read_in_child(
    get_traces: Callable[[], list[RawTrace]], prepare: Callable[[], None], target: Path
) -> int:
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    status = 1
    try:
        # Empties the free lists: what the reading makes then is new, and takes no block over.
        gc.collect()
        traces = reading.read(get_traces, prepare)
        stop()
        target.write_bytes(pickle.dumps(_count(traces), pickle.HIGHEST_PROTOCOL))
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _count(traces: list[RawTrace]) -> Traces:
    counted = Counter(traces)
    own = [trace for trace in counted if trace[2][0][0] == reading.__file__]
    blocks = sum(counted.pop(trace) for trace in own)
    if blocks > MOST_BLOCKS_OF_A_READING:
        raise RuntimeError(f"the reading itself left {blocks} blocks: {own}")
    return counted


def _load(target: Path) -> Traces:
    traces: Traces = pickle.loads(target.read_bytes())
    return traces
