"""A cache that grows between two snapshots."""

import ctracemalloc as tracemalloc

tracemalloc.start()

snapshot1 = tracemalloc.take_snapshot()

cache = {}
for i in range(10000):
    cache[i] = f"value_{i}" * 100

snapshot2 = tracemalloc.take_snapshot()

top_stats = snapshot2.compare_to(snapshot1, "lineno")

print("Memory differences (top 3):")
for stat in top_stats[:3]:
    print(stat)
