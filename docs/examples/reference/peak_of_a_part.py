"""The peak of one part of a program: what came before it is forgotten."""

import ctracemalloc as tracemalloc

tracemalloc.start()

total = sum(list(range(100_000)))
_, first_peak = tracemalloc.get_traced_memory()

tracemalloc.reset_peak()

total += sum(list(range(1_000)))
_, second_peak = tracemalloc.get_traced_memory()

print(f"Peak of the first part: {first_peak / 1024:.1f} KiB")
print(f"Peak of the second part: {second_peak / 1024:.1f} KiB")
