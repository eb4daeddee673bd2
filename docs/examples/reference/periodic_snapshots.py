"""A leak found by a snapshot at every iteration."""

import ctracemalloc as tracemalloc


def find_leak():
    tracemalloc.start()

    snapshots = []
    leaked = []

    for iteration in range(5):
        leaked.append([0] * 100000)

        snapshot = tracemalloc.take_snapshot()
        snapshots.append(snapshot)

        if len(snapshots) > 1:
            diff = snapshot.compare_to(snapshots[-2], "lineno")
            print(f"\n=== Iteration {iteration} ===")
            for stat in diff[:1]:
                print(stat)

    tracemalloc.stop()


find_leak()
