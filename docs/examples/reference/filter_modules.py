"""The traces of one module, all but those of one module, and those that have a traceback."""

import subprocess

import ctracemalloc as tracemalloc

tracemalloc.start()

commands = [subprocess.list2cmdline(["echo", str(number), "times"]) for number in range(3000)]
names = [f"name {number}" for number in range(2000)]

snapshot = tracemalloc.take_snapshot()

for title, trace_filter in (
    ("only subprocess", tracemalloc.Filter(True, subprocess.__file__)),
    ("without tracemalloc", tracemalloc.Filter(False, tracemalloc.__file__)),
    ("without empty tracebacks", tracemalloc.Filter(False, "<unknown>")),
):
    print(title)
    for stat in snapshot.filter_traces([trace_filter]).statistics("filename")[:2]:
        print(f"  {stat}")
