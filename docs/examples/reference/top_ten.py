"""The ten lines that allocate the most."""

import collections

import ctracemalloc as tracemalloc

tracemalloc.start()

points = collections.namedtuple("Point", "x y")
table = {number: points(number, str(number)) for number in range(5000)}
names = [f"name {number}" for number in range(20000)]

snapshot = tracemalloc.take_snapshot()
top_stats = snapshot.statistics("lineno")

print("[ Top 10 ]")
for stat in top_stats[:10]:
    print(stat)
