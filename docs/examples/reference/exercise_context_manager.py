"""Exercise 1: half a million random integers in a context manager that prints differences."""

import random
from contextlib import contextmanager

import ctracemalloc as tracemalloc

random.seed(1)


@contextmanager
def trace_memory(label=""):
    tracemalloc.start()
    first = tracemalloc.take_snapshot()
    yield
    second = tracemalloc.take_snapshot()
    diff = second.compare_to(first, "lineno")
    total = sum(stat.size_diff for stat in diff)
    print(f"\n=== {label} ===")
    print(f"Total change: {total / 1024:.2f} KB")
    for stat in diff[:5]:
        print(f"  {stat}")
    tracemalloc.stop()


with trace_memory("500K random ints"):
    data = [random.randint(0, 1_000_000) for _ in range(500_000)]
