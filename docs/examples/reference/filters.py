"""Snapshots filtered by file name: included, excluded, by line, by all frames."""

import ctracemalloc as tracemalloc

tracemalloc.start(5)

made = {}
for path in ("/myapp/views.py", "/myapp/deep/models.pyc", "/usr/lib/pkg.py", "/lib/numpy/core.py"):
    code = compile("\n\nvalue = [str(i) * 9 for i in range(1000)]", path, "exec")
    exec(code, made.setdefault(path, {}))

snapshot = tracemalloc.take_snapshot()


def show(title, *filters):
    print(title)
    stats = snapshot.filter_traces(filters).statistics("filename")
    for filename in sorted(stat.traceback[0].filename for stat in stats if stat.count >= 1000):
        if filename in made:
            print(f"  {filename}")


show("nothing")
show("one folder", tracemalloc.Filter(True, "/myapp/*"))
show("one file", tracemalloc.Filter(True, "/myapp/views.py"))
show("compiled names", tracemalloc.Filter(True, "/myapp/deep/models.py"))
show("without a folder", tracemalloc.Filter(False, "/usr/lib/*"))
show("without a part of the name", tracemalloc.Filter(False, "*/numpy/*"))
show(
    "several of each",
    tracemalloc.Filter(True, "/myapp/*"),
    tracemalloc.Filter(True, "*numpy*"),
    tracemalloc.Filter(False, "*/views.py"),
)
show("a line", tracemalloc.Filter(True, "*", 3))
show("no such line", tracemalloc.Filter(True, "/myapp/*", 1))
show("any frame", tracemalloc.Filter(True, "*filters.py", all_frames=True))
show("newest frame", tracemalloc.Filter(True, "*filters.py", all_frames=False))
show("own domain", tracemalloc.DomainFilter(True, 0), tracemalloc.Filter(True, "/myapp/*"))
show("other domain", tracemalloc.DomainFilter(True, 1))
show("not that domain", tracemalloc.DomainFilter(False, 0))
