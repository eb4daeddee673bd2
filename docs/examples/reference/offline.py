"""A snapshot written to a file and analysed later."""

import tempfile
from pathlib import Path

import ctracemalloc as tracemalloc

tracemalloc.start(3)

data = [str(number) * 10 for number in range(3000)]

snapshot = tracemalloc.take_snapshot()
with tempfile.TemporaryDirectory() as directory:
    path = Path(directory, "snapshot")
    snapshot.dump(path)
    tracemalloc.stop()
    loaded = tracemalloc.Snapshot.load(path)

print(loaded.traceback_limit, len(loaded.traces) == len(snapshot.traces))
for key_type in ("filename", "lineno", "traceback"):
    assert loaded.statistics(key_type) == snapshot.statistics(key_type)
for stat in loaded.statistics("lineno")[:1]:
    print(stat)
