"""Prints a snapshot's file as a text: by file, by line, and the largest tracebacks.

PYTHON demo/report.py SNAPSHOT
"""

from __future__ import annotations

import sys

import ctracemalloc

FILES = 10
LINES = 25
TRACEBACKS = 3


def main() -> int:
    """Print the report of the snapshot that the command line names."""
    (path,) = sys.argv[1:]
    snapshot = ctracemalloc.Snapshot.load(path)
    files = snapshot.statistics("filename")
    size = sum(statistic.size for statistic in files)
    count = sum(statistic.count for statistic in files)
    print(f"{path}: {size} bytes in {count} blocks, {snapshot.traceback_limit} frames each")
    print("\nBy file")
    for statistic in files[:FILES]:
        name = statistic.traceback[0].filename
        print(f"  {name}: {statistic.size} bytes in {statistic.count} blocks")
    print("\nBy line")
    for statistic in snapshot.statistics("lineno")[:LINES]:
        print(f"  {statistic}")
    for statistic in snapshot.statistics("traceback")[:TRACEBACKS]:
        print(f"\n{statistic.size} bytes in {statistic.count} blocks from")
        print("\n".join(statistic.traceback.format()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
