"""Programs that the system gives too little memory: they end, or go on, as they would untraced."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import ctracemalloc
import pytest

MiB = 1 << 20
PATIENCE = 120

# Allocates until it may have no more, lets go of most of it, and looks at what is left.
GREEDY = """
import resource, sys
import ctracemalloc as t
limits = resource.getrlimit(resource.RLIMIT_AS)
SIZES = [107, 613, 5_003, 40_009]
FILES = 3_000
extra = sys.getsizeof(b"")
sources = [compile("\\n" * (i % 7) + "kept.append(bytes(SIZES[i % 4]))", f"file {i}", "exec")
           for i in range(FILES)]
names = {f"file {i}": i for i in range(FILES)}
if sys.argv[1] == "size":
    print(next(int(line.split()[1]) for line in open("/proc/self/status") if "VmPeak" in line))
    sys.exit()
kept = []
def greedy():
    try:
        while True:
            for i, source in enumerate(sources):
                exec(source, {"SIZES": SIZES, "kept": kept, "i": i})
    except MemoryError:
        pass
def look(count, complete):
    found = 0
    for domain, size, frames, total in t._get_traces():
        i = names.get(frames[0][0])
        if i is not None and size == SIZES[i % 4] + extra:
            assert frames == ((f"file {i}", i % 7 + 1), frames[1]), frames
            found += 1
    assert found <= count, (found, count)
    assert found == count or not complete, (found, count)
try:
    if sys.argv[1] == "traced":
        t.start(2)
except MemoryError:
    assert not t.is_tracing()
for _ in range(3):
    greedy()
    count = len(kept) // 4
    while len(kept) > count:
        kept.pop()  # del kept[count:] needs memory
    # What looks may have all it needs.
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, limits[1]))
    if t.is_tracing():
        look(count, t.get_dropped() == 0)
        t.take_snapshot().statistics("lineno")
        kept.clear()
        look(0, True)
    resource.setrlimit(resource.RLIMIT_AS, limits)
    kept.clear()
print("goes on")
"""


def limited(argument: str, size: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", GREEDY, argument],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (size, resource.RLIM_INFINITY)),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="a sanitizer takes the address space")
@pytest.mark.parametrize("spare", [1, 3, 5, 8, 16, 64])
def test_limit_of_the_address_space(spare: int) -> None:
    """`ulimit -v`: the program's MemoryError is its own, and no trace is a wrong one."""
    least = int(limited("size", resource.RLIM_INFINITY).stdout) * 1024
    for argument in ("untraced", "traced"):
        done = limited(argument, least + spare * MiB)
        assert (done.returncode, done.stdout) == (0, "goes on\n"), (argument, done.stderr[-4000:])


class Group:
    """A control group with a limit of memory, of either version."""

    def __init__(self, limit: int) -> None:
        memory = Path("/sys/fs/cgroup/memory")
        version = 1 if memory.is_dir() else 2
        self.folder = (memory if version == 1 else memory.parent) / f"ctm-test-{os.getpid()}"
        self.folder.mkdir()
        try:
            names = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
            if version == 2:
                names = ("memory.max", "memory.swap.max")
            (self.folder / names[0]).write_text(str(limit))
            if (self.folder / names[1]).exists():
                (self.folder / names[1]).write_text("0" if version == 2 else str(limit))
        except OSError:
            self.end()
            raise

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            preexec_fn=lambda: (self.folder / "cgroup.procs").write_text("0"),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def end(self) -> None:
        self.folder.rmdir()


MakeGroup = Callable[[int], Group]


@pytest.fixture
def make_group() -> Iterator[MakeGroup]:
    groups = []

    def make(limit: int) -> Group:
        try:
            group = Group(limit)
        except OSError as error:
            pytest.skip(f"this machine lets us make no control group: {error}")
        groups.append(group)
        return group

    yield make
    for group in groups:
        group.end()


def test_killed_by_a_control_group(make_group: MakeGroup) -> None:
    """What has no memory is killed, traced or not: it does not hang in a hook."""
    group = make_group(48 * MiB)
    code = (
        "import ctracemalloc as t\n"
        "{}\n"
        "kept = []\n"
        "while True: kept.append(b'x' * (len(kept) % 4_000))\n"
    )
    for line in ("", "t.start(1)", "t.start(25)"):
        assert group.run("-c", code.format(line)).returncode == -signal.SIGKILL, line


def test_snapshot_at_a_share_of_the_group_outlives_the_program(
    make_group: MakeGroup, tmp_path: Path
) -> None:
    limit = 128 * MiB
    group = make_group(limit)
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys, time\n"
        "kept = []\n"
        f"while len(kept) < {limit * 3 // 4 // MiB}: kept.append(b'x' * {MiB})\n"
        "while not os.path.exists(sys.argv[1]): time.sleep(0.01)\n"
        f"while True: kept.append(b'x' * {MiB})\n"
    )
    run = ("-m", "ctracemalloc", "run", "--top", "0", "-o", str(tmp_path / "x.ctm"))
    left = tmp_path / "x.rss.ctm"
    done = group.run(*run, "--at-rss", "50%", str(program), str(left))
    assert done.returncode == -signal.SIGKILL, done.stderr
    size = sum(trace.size for trace in ctracemalloc.Snapshot.load(left).traces)
    assert limit // 4 < size < limit
