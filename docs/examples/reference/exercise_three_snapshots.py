"""Exercise 3: growth and reclamation, by three snapshots."""

import gc

import ctracemalloc as tracemalloc

tracemalloc.start()
first = tracemalloc.take_snapshot()

data = list(range(200_000))
second = tracemalloc.take_snapshot()

del data
gc.collect()
third = tracemalloc.take_snapshot()

print("=== Growth (second vs first) ===")
for stat in second.compare_to(first, "lineno")[:3]:
    print(f"  {stat}")

print("\n=== Reclamation (third vs second) ===")
for stat in third.compare_to(second, "lineno")[:3]:
    print(f"  {stat}")

tracemalloc.stop()
