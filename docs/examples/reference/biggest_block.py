"""The traceback of the biggest memory block, 25 frames deep."""

import ctracemalloc as tracemalloc

# Store 25 frames
tracemalloc.start(25)


def load(depth):
    if depth:
        return load(depth - 1)
    return [bytearray(1000) for _ in range(900)]


modules = load(30)
small = load(2)[:10]

snapshot = tracemalloc.take_snapshot()
top_stats = snapshot.statistics("traceback")

# pick the biggest memory block
stat = top_stats[0]
print(f"{stat.count} memory blocks: {stat.size / 1024:.1f} KiB")
for line in stat.traceback.format():
    print(line)
