"""The largest lines of a snapshot."""

import ctracemalloc as tracemalloc

tracemalloc.start()

x = [i * 2 for i in range(100000)]

snapshot = tracemalloc.take_snapshot()

top_stats = snapshot.statistics("lineno")

print("Top 10 memory allocations:")
for stat in top_stats[:10]:
    print(stat)
