"""The ten lines that allocate the most, with their source, and the rest summed up."""

import base64
import linecache
from pathlib import Path

import ctracemalloc as tracemalloc


def display_top(snapshot, key_type="lineno", limit=10):
    snapshot = snapshot.filter_traces(
        (
            tracemalloc.Filter(False, "<frozen importlib._bootstrap>"),
            tracemalloc.Filter(False, "<unknown>"),
        )
    )
    top_stats = snapshot.statistics(key_type)

    print(f"Top {limit} lines")
    for index, stat in enumerate(top_stats[:limit], 1):
        frame = stat.traceback[0]
        # replace "/path/to/module/file.py" with "module/file.py"
        filename = Path(*Path(frame.filename).parts[-2:])
        print(f"#{index}: {filename}:{frame.lineno}: {stat.size / 1024:.1f} KiB")
        line = linecache.getline(frame.filename, frame.lineno).strip()
        if line:
            print(f"    {line}")

    other = top_stats[limit:]
    if other:
        size = sum(stat.size for stat in other)
        print(f"{len(other)} other: {size / 1024:.1f} KiB")
    total = sum(stat.size for stat in top_stats)
    print(f"Total allocated size: {total / 1024:.1f} KiB")


tracemalloc.start()

encoded = base64.b85encode(bytes(range(256)) * 400)
pairs = [chr(97 + a) + chr(97 + b) for a in range(26) for b in range(26)]
texts = {pair: pair * 30 for pair in pairs}
groups = [tuple(pairs[start : start + 30]) for start in range(600)]
lengths = [len(text) * 1000 for text in texts.values()]
sets = [set(group) for group in groups[:50]]
lists = [list(group) for group in groups]
floats = [length / 7 for length in lengths]
big = [2**length for length in range(1000, 1200)]
chunks = [bytes(100) for _ in range(300)]
views = [memoryview(chunk) for chunk in chunks]
strings = [str(length) for length in range(1000, 1500)]

snapshot = tracemalloc.take_snapshot()
display_top(snapshot)
