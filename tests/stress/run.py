"""Sixteen threads call the allocators while others start, stop, read and fork.

    run.py [--calls N] [--seed SEED]

Rounds of two parts. In the first, tracing is started, stopped and cleared at random under the
workers' hands: nothing may crash or hang. Then the traces are cleared while the workers are parked,
and a book is opened; in the second part snapshots are taken, statistics made, peaks reset and
processes forked. With the workers parked again, the live blocks that the tracer knows are those of
the book: each size as often, each made by a thread with or without frames. Prints how many calls
were made, and the seed.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import ctracemalloc as tracer
from ctracemalloc import _engine
from native import HERE, build_module

WORKER = "<stress worker>"
UNKNOWN = "<unknown>"
ROUNDS = 3
"""At least."""

Sizes = Counter[tuple[bool, int]]


class Failure(Exception):
    """What the tracer says is not what is so."""


def traced() -> Sizes:
    """Count the workers' blocks that have a trace."""
    found: Sizes = Counter()
    for _, size, frames, _ in _engine._get_traces():
        if frames[0][0] in (WORKER, UNKNOWN):
            found[frames[0][0] == UNKNOWN, size] += 1
    return found


def difference(stress: Any) -> Sizes:
    # Reading comes last: what it makes is no worker's.
    expected = Counter(stress.book())
    found = traced()
    off = Counter(found)
    off.subtract(expected)
    return Counter({key: count for key, count in off.items() if count})


def walk() -> None:
    """Walk the tracer's invariants, where it was built with -Dchecks=true."""
    check = getattr(_engine, "_check", None)
    if check is not None and (broken := check()):
        raise Failure(f"an invariant is broken: {broken}")


def check(stress: Any) -> int:
    """Compare with the book, the workers being parked; how many blocks there were."""
    walk()
    blocks = len(stress.book())
    if off := difference(stress):
        few = dict(off.most_common(5) + off.most_common()[-5:])
        raise Failure(f"{off.total()} blocks too many of {blocks}; (foreign, size): {few}")
    if tracer.get_dropped() or tracer.get_lost():
        raise Failure(f"dropped {tracer.get_dropped()}, lost {tracer.get_lost()}")
    return blocks


def in_child(stress: Any, depth: int) -> None:
    """In the child of a fork there are no workers: each may have been between block and book."""
    if not tracer.is_tracing():
        raise Failure("the child of a fork does not trace")
    off = sum(abs(count) for count in difference(stress).values())
    if off > 4 * stress.WORKERS:
        raise Failure(f"{off} blocks differ in the child of a fork")
    # The child's own child has its parent's blocks, too.
    kept = [bytes(70_007 + depth) for _ in range(10)]
    size = sys.getsizeof(kept[0])
    if sum(trace[1] == size for trace in _engine._get_traces()) != len(kept):
        raise Failure("the child of a fork does not trace what it allocates")
    if depth:
        fork(stress, depth - 1)


def fork(stress: Any, depth: int) -> None:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            in_child(stress, depth)
            status = 0
        except Failure as failure:
            print(f"in a child: {failure}", file=sys.stderr, flush=True)
        finally:
            os._exit(status)
    if os.waitpid(pid, 0)[1] != 0:
        raise Failure("the child of a fork failed")


def disturb(rng: random.Random) -> None:
    """Whatever may happen to a tracer, except that it forgets."""
    kind = rng.randrange(7)
    if kind == 0:
        tracer.reset_peak()
    elif kind == 1:
        current, peak = tracer.get_traced_memory()
        if current > peak:
            raise Failure(f"the peak {peak} is under the current {current}")
    elif kind == 2:
        tracer.get_tracemalloc_memory()
    elif kind == 3:
        if tracer.is_tracing():
            take_and_group(rng)
    elif kind == 4:
        tracer.get_object_traceback([])
    elif kind == 5:
        walk()
    else:
        time.sleep(rng.random() / 500)


def take_and_group(rng: random.Random) -> None:
    try:
        snapshot = tracer.take_snapshot()
    except RuntimeError:
        # Stopped by another thread a moment ago.
        return
    key = rng.choice(["lineno", "filename", "traceback"])
    total = sum(statistic.size for statistic in snapshot.statistics(key))
    if total != sum(trace.size for trace in snapshot.traces):
        raise Failure("the statistics do not add up")


def upset(rng: random.Random) -> None:
    """And that it forgets."""
    kind = rng.randrange(4)
    if kind == 0:
        tracer.stop()
    elif kind == 1:
        tracer.clear_traces()
    elif kind == 2:
        disturb(rng)
    tracer.start(rng.choice([1, 2, 25, 300]))


class Others:
    """Threads that do `action` until they are told to stop; the first failure is kept."""

    def __init__(self, seeds: list[int], action: Any) -> None:
        self.done = threading.Event()
        self.failure: BaseException | None = None
        self.action = action
        self.threads = [threading.Thread(target=self.run, args=(seed,)) for seed in seeds]
        for thread in self.threads:
            thread.start()

    def run(self, seed: int) -> None:
        rng = random.Random(seed)
        try:
            while not self.done.is_set():
                self.action(rng)
        except BaseException as failure:
            self.failure = failure

    def stop(self) -> None:
        self.done.set()
        for thread in self.threads:
            thread.join()
        if self.failure is not None:
            raise self.failure


def until(stress: Any, calls: int) -> None:
    while stress.calls() < calls:
        time.sleep(0.005)


def one_round(stress: Any, rng: random.Random, calls: int, forks: int) -> int:
    begun = stress.calls()
    others = Others([rng.getrandbits(32) for _ in range(2)], upset)
    stress.resume()
    until(stress, begun + calls // 2)
    others.stop()
    stress.pause()

    tracer.stop()
    tracer.start(rng.choice([1, 5, 25]))
    stress.open_book()
    others = Others([rng.getrandbits(32) for _ in range(2)], disturb)
    stress.resume()
    for turn in range(forks):
        until(stress, begun + calls // 2 + calls // 2 * (turn + 1) // (forks + 1))
        fork(stress, rng.randrange(2))
    until(stress, begun + calls)
    others.stop()
    stress.pause()
    return check(stress)


def run(calls: int, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        build_module(HERE / "stress.c", "ctm_stress", Path(folder))
        sys.path.insert(0, folder)
        import ctm_stress as stress  # type: ignore[import-not-found]

    rng = random.Random(seed)
    stress.begin(seed)
    work: dict[str, Any] = {"stress": stress}
    exec(compile("def work(index):\n    stress.work(index)\n", WORKER, "exec"), work)
    threads = [
        threading.Thread(target=work["work"], args=(index,))
        for index in range(stress.FOREIGN, stress.WORKERS)
    ]
    for thread in threads:
        thread.start()
    stress.pause()

    rounds = blocks = 0
    per_round = min(calls // ROUNDS, 5_000_000)
    try:
        while rounds < ROUNDS or stress.calls() < calls:
            blocks += one_round(stress, rng, per_round, forks=4)
            rounds += 1
    except BaseException:
        # Threads that go on would keep the failure from being told.
        print(f"{stress.calls()} calls, seed {seed}: failed", file=sys.stderr, flush=True)
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
        os._exit(1)
    stress.end()
    for thread in threads:
        thread.join()
    stress.free_all()
    walk()
    if left := traced():
        raise Failure(f"all is freed, but not in the tracer's eyes: {left.most_common(5)}")
    tracer.stop()
    print(f"{stress.calls()} calls, {rounds} rounds, {blocks} blocks compared, seed {seed}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=float, default=3e6)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    run(int(options.calls), options.seed)


if __name__ == "__main__":
    main()
