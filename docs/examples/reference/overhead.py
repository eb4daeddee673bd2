"""A workload timed without and with tracing."""

import time

import ctracemalloc as tracemalloc


def benchmark(with_tracing):
    if with_tracing:
        tracemalloc.start()

    start = time.perf_counter()
    data = [i**2 for i in range(100000)]
    elapsed = time.perf_counter() - start
    assert len(data) == 100000

    if with_tracing:
        tracemalloc.stop()

    return elapsed


without = benchmark(False)
with_trace = benchmark(True)

print(f"Without tracing: {without:.3f}s")
print(f"With tracing: {with_trace:.3f}s")
print(f"Overhead: {(with_trace / without - 1) * 100:.1f}%")
