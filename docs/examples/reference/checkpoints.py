"""Named snapshots that are compared in pairs."""

import ctracemalloc as tracemalloc


class MemoryProfiler:
    def __init__(self):
        self.snapshots = {}
        tracemalloc.start(25)

    def checkpoint(self, name):
        self.snapshots[name] = tracemalloc.take_snapshot()
        print(f"Checkpoint '{name}' saved")

    def compare(self, name1, name2):
        if name1 not in self.snapshots or name2 not in self.snapshots:
            raise ValueError("Snapshot not found")

        stats = self.snapshots[name2].compare_to(self.snapshots[name1], "lineno")

        print(f"\n=== {name1} to {name2} ===")
        for stat in stats[:3]:
            if stat.size_diff != 0:
                print(stat)

    def current_usage(self):
        current, peak = tracemalloc.get_traced_memory()
        print(f"Current: {current / 1024 / 1024:.2f} MB")
        print(f"Peak:    {peak / 1024 / 1024:.2f} MB")

    def stop(self):
        tracemalloc.stop()


profiler = MemoryProfiler()
profiler.checkpoint("start")

data = [i + 1 for i in range(100000)]
profiler.checkpoint("after_list")

more_data = {i: str(i) for i in range(50000)}
profiler.checkpoint("after_dict")

profiler.compare("start", "after_dict")
profiler.current_usage()
profiler.stop()
