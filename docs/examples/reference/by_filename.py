"""Statistics by file name, of a program of several files."""

import ctracemalloc as tracemalloc

tracemalloc.start()

kept = {}
for name in ("first.py", "second.py"):
    code = compile("made = [str(i) * 20 for i in range(len(name) * 1000)]", name, "exec")
    exec(code, kept.setdefault(name, {"name": name}))

snapshot = tracemalloc.take_snapshot()
for stat in snapshot.statistics("filename")[:2]:
    print(stat)
