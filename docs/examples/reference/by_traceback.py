"""Statistics by traceback: one helper, two callers."""

import ctracemalloc as tracemalloc

tracemalloc.start(25)


def helper(count):
    return [bytes(100) for _ in range(count)]


def first():
    return helper(3000)


def second():
    return helper(1000)


kept = first(), second()

snapshot = tracemalloc.take_snapshot()
stats = snapshot.statistics("traceback")

for top in stats[:2]:
    print(f"\nTop allocation: {top.size / 1024:.2f} KB")
    for line in top.traceback.format():
        print(line)

for stat in snapshot.statistics("lineno", cumulative=True)[:3]:
    print(stat)
