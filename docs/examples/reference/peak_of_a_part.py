"""The peak of one part of a program: what came before it is forgotten."""

import ctracemalloc as tracemalloc

tracemalloc.start()

largest = sum(list(range(100_000)))
before, peak_before = tracemalloc.get_traced_memory()

tracemalloc.reset_peak()

small = sum(list(range(1_000)))
after, peak_after = tracemalloc.get_traced_memory()

print(f"first part:  {before} bytes left, peak {peak_before / 1024:.0f} KiB")
print(f"second part: {after} bytes left, peak {peak_after / 1024:.0f} KiB")
