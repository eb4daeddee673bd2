"""A context manager that shows what a block of code has allocated."""

from contextlib import contextmanager

import ctracemalloc as tracemalloc


@contextmanager
def trace_memory(name=""):
    tracemalloc.start()
    before = tracemalloc.take_snapshot()

    yield

    after = tracemalloc.take_snapshot()
    top_stats = after.compare_to(before, "lineno")

    print(f"\n=== Memory trace: {name} ===")
    total = sum(stat.size_diff for stat in top_stats)
    print(f"Total change: {total / 1024:.2f} KB")
    for stat in top_stats[:2]:
        print(stat)

    tracemalloc.stop()


with trace_memory("Building cache"):
    cache = {i: str(i) * 100 for i in range(10000)}
