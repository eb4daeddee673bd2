"""The ten lines that differ the most between two snapshots."""

import ctracemalloc as tracemalloc

tracemalloc.start()
kept = [bytes(1000) for _ in range(100)]
to_release = [f"{number} released" for number in range(3000)]

snapshot1 = tracemalloc.take_snapshot()
del to_release
leak = [f"{number} leaked" for number in range(4000)]
kept.extend(bytes(500) for _ in range(50))
snapshot2 = tracemalloc.take_snapshot()

top_stats = snapshot2.compare_to(snapshot1, "lineno")

print("[ Top 10 differences ]")
for stat in top_stats[:10]:
    print(stat)
