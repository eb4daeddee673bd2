"""A dump that is killed, or that finds no room, leaves the old file or the new one."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import ctracemalloc
import pytest

KILLS = int(os.environ.get("CTM_KILLS", "50"))
# Where chance catches none of them half-way.
MOST_KILLS = 20 * KILLS

DUMPING = """
import os, sys
import ctracemalloc as t
t.start(10)
sources = [compile("x = bytes(n)", f"file {i}", "exec") for i in range(20_000)]
kept = []
for i, source in enumerate(sources):
    space = {"n": i % 900}
    exec(source, space)
    kept.append(space)
snapshot = t.take_snapshot()
print(len(snapshot.traces), flush=True)
# Each line asks for a child that dumps until it is killed.
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        while True:
            snapshot.dump(sys.argv[1], fsync=line == "fsync\\n")
    print(pid, flush=True)
    os.waitpid(pid, 0)
"""


def test_killed_in_the_middle_of_a_dump(tmp_path: Path) -> None:
    """At any moment there is a whole file; what a kill may leave beside it says what it is."""
    rng = random.Random(5)
    path = tmp_path / "x.ctm"
    halfway = 0
    with subprocess.Popen(
        [sys.executable, "-c", DUMPING, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        traces = int(process.stdout.readline())
        ctracemalloc.Snapshot([], 1).dump(path)
        number = 0
        # Most of a dump is spent before its file is there; with fsync it is there for longer.
        while number < KILLS or (halfway == 0 and number < MOST_KILLS):
            number += 1
            process.stdin.write("fsync\n" if number % 2 else "\n")
            process.stdin.flush()
            pid = int(process.stdout.readline())
            time.sleep(rng.random() / 15)
            os.kill(pid, signal.SIGKILL)
            assert len(ctracemalloc.Snapshot.load(path).traces) in (0, traces)
            for other in tmp_path.iterdir():
                if other != path:
                    assert other.name.startswith(".ctm-")
                    assert other.name.endswith(".tmp")
                    other.unlink(missing_ok=True)
                    halfway += 1
        process.stdin.close()
    assert len(ctracemalloc.Snapshot.load(path).traces) == traces
    assert halfway > 0, "no dump was caught half-way: this tests nothing"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_disk_full(tmp_path: Path) -> None:
    """A small file system: an OSError, the old file whole, nothing left beside it."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us mount")
    try:
        path = folder / "x.ctm"
        small = ctracemalloc.Snapshot.load(example(tmp_path / "small.ctm", 10))
        small.dump(path)
        large = ctracemalloc.Snapshot.load(example(tmp_path / "large.ctm", 60_000))
        with pytest.raises(OSError, match="No space left") as caught:
            large.dump(path)
        assert caught.value.errno == errno.ENOSPC
        assert list(folder.iterdir()) == [path]
        assert len(ctracemalloc.Snapshot.load(path).traces) == len(small.traces)
        path.unlink()
        small.dump(path)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def example(path: Path, count: int) -> Path:
    """Dump a snapshot of so many traces that hardly compress."""
    rng = random.Random(count)
    traces = [
        (0, rng.getrandbits(40), ((f"{rng.getrandbits(64):x}", rng.getrandbits(20)),), 1)
        for _ in range(count)
    ]
    ctracemalloc.Snapshot(traces, 1).dump(path)
    return path
