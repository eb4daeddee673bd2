"""Current and peak size of traced memory."""

import ctracemalloc as tracemalloc

tracemalloc.start()

data = [i**2 for i in range(10000)]

current, peak = tracemalloc.get_traced_memory()
print(f"Current: {current / 1024:.2f} KB")
print(f"Peak: {peak / 1024:.2f} KB")

tracemalloc.stop()
