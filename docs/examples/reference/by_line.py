"""Statistics by line number: a list of numbers, of strings, and a dictionary."""

import ctracemalloc as tracemalloc

tracemalloc.start()

numbers = [i + 1 for i in range(50000)]
strings = [str(i) for i in range(50000)]
squares = {i: i**2 for i in range(10000)}

snapshot = tracemalloc.take_snapshot()

for stat in snapshot.statistics("lineno")[:3]:
    print(stat)
