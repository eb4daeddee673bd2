"""The top allocations of one module, which is run by exec."""

import tempfile
from pathlib import Path

import ctracemalloc as tracemalloc

SOURCE = """
def build(count):
    return [str(number) * 5 for number in range(count)]
small = build(100)
large = build(5000)
"""


def profile_module(path, shown_as):
    tracemalloc.start(25)

    kept = {}
    exec(compile(path.read_text(), shown_as, "exec"), kept)
    exec(compile("more = build(2000)", shown_as, "exec"), kept)

    snapshot = tracemalloc.take_snapshot()
    snapshot = snapshot.filter_traces([tracemalloc.Filter(True, shown_as)])
    stats = snapshot.statistics("traceback")

    print(f"\nTop allocations in {shown_as}:")
    for stat in stats[:2]:
        print(f"\n{stat.count} allocations, {stat.size / 1024:.1f} KB")
        for line in stat.traceback.format()[:3]:
            print(f"  {line}")

    tracemalloc.stop()


with tempfile.TemporaryDirectory() as directory:
    path = Path(directory, "module.py")
    path.write_text(SOURCE)
    profile_module(path, "module.py")
