"""`ctracemalloc run` while the program runs: a series of snapshots, a ceiling, children."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fresh_environment import PROGRAMS, Environment, fresh_environment

RUN = ("-m", "ctracemalloc", "run")
GROWING = PROGRAMS / "growing.py"
_PATIENCE = 60


@pytest.fixture(scope="module")
def env() -> Environment:
    return fresh_environment()


class Program:
    """`growing.py`, which does what it is told line by line."""

    def __init__(self, env: Environment, folder: Path, *options: str, **variables: str) -> None:
        # Beside the folder, which has nothing but what is written into it.
        self._stderr = folder.with_name(f"{folder.name}.stderr")
        with self._stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                env.command(*options, GROWING),
                env=env.variables(variables),
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        self._await("ready")

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        self._await("done")

    def said(self) -> str:
        """Return what it has written to stderr."""
        return self._stderr.read_text()

    def end(self) -> str:
        """Let the program end; return what it wrote to stderr."""
        self.process.communicate(timeout=_PATIENCE)
        assert self.process.returncode == 0, self.said()
        return self.said()

    def _await(self, word: str) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == f"{word}\n"


Start = Callable[..., Program]


@pytest.fixture
def start(env: Environment, tmp_path: Path) -> Iterator[Start]:
    programs: list[Program] = []

    def start(*options: str, **variables: str) -> Program:
        programs.append(Program(env, tmp_path, *options, **variables))
        return programs[-1]

    yield start
    for program in programs:
        program.process.kill()
        program.process.communicate(timeout=_PATIENCE)


def wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.01)


def largest(env: Environment, path: Path) -> int:
    code = (
        "import sys, ctracemalloc\n"
        "print(max(t.size for t in ctracemalloc.Snapshot.load(sys.argv[1]).traces))"
    )
    done = env.run("-c", code, path)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_series_at_an_interval(env: Environment, start: Start, tmp_path: Path) -> None:
    program = start(*RUN, "--top", "0", "-o", "x.ctm", "--every", "0.1")
    program.tell("grow 3000000")
    folder = tmp_path / "x.series"
    wait_for(lambda: folder.exists() and len(list(folder.glob("*.ctm"))) > 4)
    assert program.end() == f"ctracemalloc: snapshot written to {tmp_path / 'x.ctm'}\n"
    files = sorted(folder.iterdir())
    assert [path.name for path in files[:3]] == ["000001.ctm", "000002.ctm", "000003.ctm"]
    assert largest(env, files[-1]) >= 3_000_000


def test_series_is_thinned(start: Start, tmp_path: Path) -> None:
    program = start(*RUN, "--top", "0", "-o", "x.ctm", "--every", "0.1", "--keep", "4")
    folder = tmp_path / "x.series"
    seen = 0

    def is_thinned() -> bool:
        nonlocal seen
        names = {path.name for path in folder.glob("0*.ctm")}
        seen = max(seen, len(names))
        return bool(names) and max(names) >= "000009.ctm"

    wait_for(is_thinned)
    program.end()
    # One more is there while the oldest are being removed.
    assert seen <= 5
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) <= 4
    assert names[0] == "000001.ctm"


def test_series_by_growth(env: Environment, start: Start, tmp_path: Path) -> None:
    program = start(*RUN, "--top", "0", "-o", "x.ctm", "--every-growth", "5M")
    folder = tmp_path / "x.series"
    program.tell("grow 6000000")
    wait_for(lambda: (folder / "000001.ctm").exists())
    program.tell("drop")
    program.tell("look")
    program.tell("grow 7000000")
    wait_for(lambda: (folder / "000002.ctm").exists())
    program.end()
    files = sorted(folder.iterdir())
    assert len(files) == 2
    assert largest(env, files[0]) < 7_000_000 <= largest(env, files[1])


def test_series_that_cannot_be_written(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    program = start(*RUN, "--top", "0", "-o", folder / "x.ctm", "--every-growth", "5M")
    folder.rmdir()
    folder.touch()
    program.tell("grow 6000000")
    said = f"ctracemalloc: the series in {folder / 'x.series'} misses snapshots: Not a directory\n"
    wait_for(lambda: said in program.said())
    program.tell("grow 6000000")
    program.tell("look")
    folder.unlink()
    folder.mkdir()
    program.tell("grow 6000000")
    wait_for((folder / "x.series" / "000001.ctm").exists)
    assert program.end() == f"{said}ctracemalloc: snapshot written to {folder / 'x.ctm'}\n"


def test_snapshots_for_which_there_is_no_memory(env: Environment, tmp_path: Path) -> None:
    """They are missing, and no more: neither the series ends by it nor the thread."""
    code = """
import os, time
import ctracemalloc
from looks import wait_for_look
take = ctracemalloc.take_snapshot
def refuse(): raise MemoryError
ctracemalloc.take_snapshot = refuse
kept = b"x" * 330_000_000
for _ in range(2): wait_for_look()
ctracemalloc.take_snapshot = take
deadline = time.monotonic() + 60
while not os.path.exists("x.series/000001.ctm"):
    assert time.monotonic() < deadline
    time.sleep(0.05)
"""
    options = ("--top", "0", "-o", "x.ctm", "--every", "0.5", "--at-rss", "300M")
    path = {"PYTHONPATH": str(PROGRAMS)}
    done = env.run(*RUN, *options, "-c", code, cwd=tmp_path, env=path)
    lines = done.stderr.splitlines()
    assert done.returncode == 0, done.stderr
    cannot = f"no snapshot: cannot write {tmp_path / 'x.rss.ctm'}: out of memory"
    assert lines[0].endswith(f" MiB in memory: {cannot}")
    series = f"the series in {tmp_path / 'x.series'} misses snapshots: out of memory"
    assert set(lines[1:-1]) <= {f"ctracemalloc: {series}"}


def test_series_larger_than_its_bound(start: Start, tmp_path: Path) -> None:
    limit = ("--keep-bytes", "100")
    program = start(*RUN, "--top", "0", "-o", "x.ctm", "--every-growth", "5M", *limit)
    program.tell("grow 6000000")
    said = " ends: one snapshot takes more than the 100 bytes for all of them\n"
    wait_for(lambda: said in program.said())
    program.end()
    assert list((tmp_path / "x.series").iterdir()) == []


def test_series_of_a_service_that_starts_again(env: Environment, tmp_path: Path) -> None:
    """Each run, also one by `exec`, has a folder of its own; what is there stays as it is."""
    (tmp_path / "x.series").mkdir()
    (tmp_path / "x.series" / "000001.ctm").touch()
    (tmp_path / "x.2.series").touch()
    code = (
        "import os, sys, time\n"
        "folder = sys.argv[1]\n"
        "deadline = time.monotonic() + 60\n"
        "while not os.path.exists(folder + '/000002.ctm'):\n"
        "    assert time.monotonic() < deadline\n"
        "    time.sleep(0.05)\n"
        "if folder == 'x.3.series':\n"
        "    run = [sys.executable, '-m', 'ctracemalloc', 'run', '-o', 'x.ctm', '--every', '0.1']\n"
        "    os.execv(run[0], [*run, 'app.py', 'x.4.series'])\n"
    )
    (tmp_path / "app.py").write_text(code)
    options = ("-o", "x.ctm", "--every", "0.1")
    for folder in ("x.3.series", "x.5.series"):
        done = env.run(*RUN, *options, "app.py", folder, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "x.series").iterdir()] == ["000001.ctm"]
    assert (tmp_path / "x.2.series").is_file()
    assert not (tmp_path / "x.6.series").exists()


def test_ceiling(env: Environment, start: Start, tmp_path: Path) -> None:
    program = start(*RUN, "--top", "0", "-o", "x.ctm", "--at-rss", "300M")
    program.tell("look")
    assert not (tmp_path / "x.rss.ctm").exists()
    program.tell("grow 330000000")
    wait_for(lambda: (tmp_path / "x.rss.ctm").exists())
    program.tell("drop")
    assert f" MiB in memory: snapshot written to {tmp_path / 'x.rss.ctm'}\n" in program.end()
    assert largest(env, tmp_path / "x.rss.ctm") >= 330_000_000


def test_ceiling_that_cannot_be_looked_at_for_a_moment(env: Environment, tmp_path: Path) -> None:
    """It is said once, and neither the ceiling nor the series is lost by it."""
    code = (
        "import os, resource, time\n"
        "from looks import wait_for_look\n"
        "def wait_for(condition):\n"
        "    deadline = time.monotonic() + 60\n"
        "    while not condition():\n"
        "        assert time.monotonic() < deadline\n"
        "        time.sleep(0.05)\n"
        "limits = resource.getrlimit(resource.RLIMIT_NOFILE)\n"
        "for _ in range(2):\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))\n"
        "    wait_for(lambda: os.fstat(2).st_size)\n"
        "    wait_for_look()\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, limits)\n"
        "kept = b'x' * 330_000_000\n"
        "wait_for(lambda: os.path.exists('x.rss.ctm') and os.path.exists('x.series/000001.ctm'))\n"
    )
    run = (*RUN, "--top", "0", "-o", "x.ctm", "--every-growth", "99M")
    with (tmp_path / "said").open("wb") as said:
        done = subprocess.run(
            env.command(*run, "--at-rss", "300M", "-c", code),
            env=env.variables({"PYTHONPATH": str(PROGRAMS)}),
            cwd=tmp_path,
            stderr=said,
            check=False,
        )
    lines = (tmp_path / "said").read_text().splitlines()
    assert (done.returncode, len(lines)) == (0, 3), lines
    assert lines[0] == "ctracemalloc: cannot read how much is in memory: Too many open files"
    assert " MiB in memory: snapshot written to " in lines[1]


def test_peak(env: Environment, start: Start, tmp_path: Path) -> None:
    program = start(*RUN, "--top", "0", "-o", "x.ctm", "--peak")
    program.tell("grow 3000000")
    program.tell("drop")
    assert program.end() == (
        f"ctracemalloc: snapshot written to {tmp_path / 'x.ctm'}\n"
        f"ctracemalloc: snapshot of the peak written to {tmp_path / 'x.peak.ctm'}\n"
    )
    code = (
        "import sys, ctracemalloc\n"
        "for path in sys.argv[1:]:\n"
        "    statistics = ctracemalloc.Snapshot.load(path).statistics('lineno')\n"
        "    print(sum(s.size for s in statistics) > 3_000_000)\n"
    )
    done = env.run("-c", code, tmp_path / "x.ctm", tmp_path / "x.peak.ctm")
    assert done.stdout == "False\nTrue\n", done.stderr


def test_the_thread_is_hardly_seen(env: Environment, tmp_path: Path) -> None:
    """It is no thread of `threading`, gets no signal, and allocates next to nothing."""
    code = (
        "import json, os, re, threading, tracemalloc\n"
        "from looks import wait_for_look\n"
        "for _ in range(3): wait_for_look()\n"
        "masks = [re.search('SigBlk:\\t(.*)', open(f'/proc/self/task/{t}/status').read())[1]\n"
        "         for t in os.listdir('/proc/self/task') if int(t) != os.getpid()]\n"
        "s = tracemalloc.take_snapshot()\n"
        "own = sum(t.size for t in s.traces if '/ctracemalloc/' in t.traceback[-1].filename)\n"
        "print(json.dumps([masks, threading.active_count(), own]))\n"
    )
    watched = ("--every", "0.1", "--at-rss", "100G")
    path = {"PYTHONPATH": str(PROGRAMS)}
    done = env.run(*RUN, "-o", "x.ctm", *watched, "-c", code, cwd=tmp_path, env=path)
    masks, threads, own = json.loads(done.stdout)
    assert len(masks) == 1
    # Only the two that the C library keeps for itself can be free.
    assert int(masks[0], 16) | 0b11 << 31 | 1 << 8 | 1 << 18 == 2**64 - 1
    assert threads == 1
    assert own < 20_000


def test_forks_are_those_of_one_thread(env: Environment, tmp_path: Path) -> None:
    """No fork is warned about; the series goes on in the parent, not in the child."""
    code = (
        "import os, time\n"
        "def wait_for_files(count):\n"
        "    deadline = time.monotonic() + 60\n"
        "    while not os.path.exists('x.series') or len(os.listdir('x.series')) < count:\n"
        "        assert time.monotonic() < deadline\n"
        "        time.sleep(0.05)\n"
        "wait_for_files(1)\n"
        "for _ in range(20):\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        os._exit(len(os.listdir('/proc/self/task')))\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1\n"
        "wait_for_files(len(os.listdir('x.series')) + 3)\n"
    )
    done = env.run(
        "-W",
        "always",
        *RUN,
        "--top",
        "0",
        "-o",
        "x.ctm",
        "--every",
        "0.1",
        "-c",
        code,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    if sys.version_info[:2] != (3, 13):
        # Some 3.13 count the threads after the thread was begun anew.
        assert "multi-threaded" not in done.stderr


def test_where_no_thread_can_begin(env: Environment, tmp_path: Path) -> None:
    """It is said once, and after a later fork it goes on."""
    code = """
import os, resource, threading, time
def fork():
    pid = os.fork()
    if pid == 0: os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
limits = resource.getrlimit(resource.RLIMIT_AS)
threading.stack_size(2**40)
resource.setrlimit(resource.RLIMIT_AS, (2**40, limits[1]))
for _ in range(2): fork()
resource.setrlimit(resource.RLIMIT_AS, limits)
threading.stack_size(0)
before = len(os.listdir("x.series")) if os.path.exists("x.series") else 0
fork()
deadline = time.monotonic() + 60
while not os.path.exists("x.series") or len(os.listdir("x.series")) == before:
    assert time.monotonic() < deadline
    time.sleep(0.05)
"""
    options = ("--top", "0", "-o", "x.ctm", "--every", "0.1")
    # Some 3.13 count the threads after the thread was begun anew.
    done = env.run("-W", "ignore", *RUN, *options, "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == (
        "ctracemalloc: no snapshots while it runs: RuntimeError: can't start new thread\n"
        f"ctracemalloc: snapshot written to {tmp_path / 'x.ctm'}\n"
    )


def test_without_a_thread_the_program_is_traced_all_the_same(
    env: Environment, tmp_path: Path
) -> None:
    """As where a service may have no more threads than it has."""
    limits = 'ulimit -S -s 8000000; ulimit -S -v 4000000; exec "$@"'
    options = ("--top", "0", "-o", "x.ctm", "--every", "0.1")
    under = ("sh", "-c", limits, "sh")
    done = env.run(*RUN, *options, "-c", "print(1)", cwd=tmp_path, under=under)
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert done.stderr == (
        "ctracemalloc: no snapshots while it runs: RuntimeError: can't start new thread\n"
        f"ctracemalloc: snapshot written to {tmp_path / 'x.ctm'}\n"
    )


# Ends with the lock held, while a look waits for it.
HELD_LOCK = """
import gc, os, threading, time
lock, main, waiting = threading.Lock(), threading.get_ident(), threading.Event()
class Waits:
    def __init__(self): self.itself = self
    def __del__(self):
        if threading.get_ident() != main:
            waiting.set()
            with lock: pass
gc.set_threshold(1)
lock.acquire()
while not waiting.is_set():
    gc.disable()
    for _ in range(100): Waits()
    gc.enable()
    time.sleep(0.05)
gc.disable()
"""


def test_a_fork_does_not_wait_for_a_finalizer_that_waits_for_it(
    env: Environment, tmp_path: Path
) -> None:
    """What a look allocates may start the collector, and a finalizer may want a lock."""
    script = f"""{HELD_LOCK}
pid = os.fork()
if pid == 0: os._exit(0)
os.waitpid(pid, 0)
lock.release()
before = len(os.listdir("app.series")) if os.path.exists("app.series") else 0
deadline = time.monotonic() + 60
while not os.path.exists("app.series") or len(os.listdir("app.series")) == before:
    assert time.monotonic() < deadline
    time.sleep(0.05)
print("ended", flush=True)
"""
    path = tmp_path / "app.py"
    path.write_text(script)
    done = env.run(*RUN, "--top", "0", "--every", "0.1", "-o", "app.ctm", path, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "ended\n"), done.stderr


def test_the_end_does_not_wait_for_a_finalizer_that_waits_for_it(
    env: Environment, tmp_path: Path
) -> None:
    shorter = "from ctracemalloc.live import watcher; watcher._LONGEST_LAST_LOOK = 0.5"
    path = tmp_path / "app.py"
    path.write_text(f"{HELD_LOCK}{shorter}\nprint('ended', flush=True)\n")
    done = env.run(*RUN, "--top", "0", "--every", "0.1", "-o", "app.ctm", path, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "ended\n"), done.stderr
    assert (tmp_path / "app.ctm").exists()


def test_functions_that_the_program_replaces(env: Environment, tmp_path: Path) -> None:
    """As frameworks do with threads, and tools that stop the clock in every module."""
    code = """
import _thread, os, sys, time
sleep, monotonic = time.sleep, time.monotonic
def refuse(*_): raise AssertionError("a function of the program's was called")
instead = {monotonic: lambda: 0.0, sleep: refuse, _thread.start_new_thread: refuse,
           _thread.get_native_id: refuse, _thread.get_ident: lambda: 1}
for module in list(sys.modules.values()):
    for name, value in list(vars(module).items()):
        if module.__name__ != "__main__" and type(value) is type(len) and value in instead:
            setattr(module, name, instead[value])
deadline = monotonic() + 60
for _ in range(2):
    pid = os.fork()
    if pid == 0: os._exit(0)
    os.waitpid(pid, 0)
    before = len(os.listdir("x.series")) if os.path.exists("x.series") else 0
    while not os.path.exists("x.series") or len(os.listdir("x.series")) <= before:
        assert monotonic() < deadline
        sleep(0.05)
"""
    options = ("--top", "0", "-o", "x.ctm", "--every", "0.1")
    # Some 3.13 count the threads after the thread was begun anew.
    done = env.run("-W", "ignore", *RUN, *options, "-c", code, cwd=tmp_path)
    said = f"ctracemalloc: snapshot written to {tmp_path / 'x.ctm'}\n"
    assert (done.returncode, done.stderr) == (0, said)


def test_children_are_followed(env: Environment, tmp_path: Path) -> None:
    children = PROGRAMS / "children.py"
    command = (*RUN, "--follow-children", "-n", "3", "-o", "%p.ctm", children)
    done = env.run(*command, "subprocess", cwd=tmp_path)
    assert done.stdout == '["ctracemalloc", true]\n'
    assert done.stderr.count("snapshot written to") == 1
    assert len(list(tmp_path.glob("*.ctm"))) == 2
    pids = json.loads(env.run(*command, "os.fork", cwd=tmp_path).stdout)
    for pid in pids.values():
        assert (tmp_path / f"{pid}.ctm").exists()
    answer = json.loads(env.run(*command, "spawn", cwd=tmp_path).stdout)
    assert (answer["module"], answer["limit"]) == ("ctracemalloc", 3)
    for pid in answer["pids"]:
        assert (tmp_path / f"{pid}.ctm").exists()


def test_children_end_with_the_thread_that_forked_them(env: Environment, tmp_path: Path) -> None:
    """As without a thread that looks: such a child ends when it has no thread left."""
    code = """
import os, threading, time
def in_thread(function):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()
def wait_for_series():
    deadline = time.monotonic() + 60
    while not os.path.exists(f"{os.getpid()}.series/000001.ctm"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
def end_by_return():
    pid = os.fork()
    if pid == 0:
        wait_for_series()
        return
    deadline = time.monotonic() + 60
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        assert time.monotonic() < deadline
        time.sleep(0.05)
def fork_there():
    pid = os.fork()
    if pid:
        assert os.waitpid(pid, 0)[1] == 0
        return
    # By another thread, and by the one that is left.
    in_thread(end_by_return)
    end_by_return()
in_thread(fork_there)
print("ended", flush=True)
"""
    options = ("--top", "0", "--follow-children", "-o", "%p.ctm", "--every", "0.1")
    done = env.run("-W", "ignore", *RUN, *options, "-c", code, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "ended\n"), done.stderr
    assert done.stderr.count("\n") == 1
    assert len(list(tmp_path.glob("*.series"))) >= 3


def test_children_have_series_of_their_own(start: Start, tmp_path: Path) -> None:
    options = ("--follow-children", "-o", "%p.ctm", "--every", "0.1")
    program = start(*RUN, "--top", "0", *options)
    program.tell("fork 1000")
    wait_for(lambda: len(list(tmp_path.glob("*.series/000002.ctm"))) == 2)
    program.end()
    wait_for(lambda: len(list(tmp_path.glob("*.ctm"))) == 2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--every", "0"), "--every 0: not a number of seconds from 0.1 on"),
        (("--every", "nan"), "--every nan: not a number of seconds from 0.1 on"),
        (("--every", "1", "--every-growth", "1M"), "argument --every-growth: not allowed with"),
        (("--every-growth", "-1"), "--every-growth: '-1' is no size"),
        (("--every-growth", "1x"), "--every-growth: '1x' is no size (such as 300000, 512K"),
        (("--keep", "3"), "--keep 3: not a number from 4 on"),
        (("--keep-bytes", "0"), "--keep-bytes: '0' is no size"),
        (("--at-rss", "100%"), "--at-rss: '100%' is no share (such as 90%)"),
        (("--at-rss", "x%"), "--at-rss: 'x%' is no share"),
        (("--at-rss", "x"), "--at-rss: 'x' is no size"),
        (
            ("--follow-children", "-o", "x.ctm"),
            "-o x.ctm: with --follow-children the path needs %p",
        ),
    ],
)
def test_wrong_usage(env: Environment, options: tuple[str, ...], said: str) -> None:
    done = env.run(*RUN, *options, "-c", "print(1)")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"ctracemalloc run: {said}")
    assert done.stderr.count("\n") == 1


def test_following_needs_the_environment(env: Environment) -> None:
    done = env.run("-I", *RUN, "--follow-children", "-c", "print(1)")
    assert (done.returncode, done.stdout) == (2, "")
    assert "the environment, which is ignored under -I and -E" in done.stderr
