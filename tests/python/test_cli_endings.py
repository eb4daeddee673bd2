"""However the program ends: its exit status is its own, and the report is there where promised."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fresh_environment import PROGRAMS, Environment, fresh_environment

ENDINGS = PROGRAMS / "endings.py"
LINE = 9
TOP = f"endings.py:{LINE}"


@pytest.fixture(scope="module")
def env() -> Environment:
    return fresh_environment()


class Program:
    """`endings.py`, plain or under `run`, in a folder of its own."""

    def __init__(self, env: Environment, folder: Path, way: str, *, plain: bool = False) -> None:
        self.path = folder / "out.ctm"
        run = () if plain else ("-m", "ctracemalloc", "run", "-n", "3", "-o", self.path)
        self._process = subprocess.Popen(
            env.command(*run, ENDINGS, way),
            env=env.variables(),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def wait_until_ready(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def end(self, number: int | None = None) -> tuple[int, str, str]:
        """Send a signal, wait for the end, return (status, stdout, stderr)."""
        if number is not None:
            self.wait_until_ready()
            self._process.send_signal(number)
        stdout, stderr = self._process.communicate(timeout=120)
        return self._process.returncode, stdout, stderr


Run = Callable[..., Program]


@pytest.fixture
def program(env: Environment, tmp_path: Path) -> Run:
    return lambda way, **more: Program(env, tmp_path, way, **more)


def assert_reported(env: Environment, ran: Program, stderr: str) -> None:
    assert TOP in stderr
    assert stderr.endswith(f"ctracemalloc: snapshot written to {ran.path}\n")
    snapshot = env.snapshot(ran.path)
    assert snapshot["limit"] == 3
    assert [str(ENDINGS), LINE] in snapshot["ends"]


def test_modules_of_the_program_are_not_taken_for_the_librarys(
    env: Environment, tmp_path: Path
) -> None:
    for name in ("collections", "keyword", "linecache", "re", "token", "tokenize", "typing"):
        (tmp_path / f"{name}.py").write_text(f"print('{name} was run')\n")
    (tmp_path / "app.py").write_text("kept = [bytearray(9) for _ in range(99)]\n")
    options = ("-o", "out.ctm", "--peak", "--churn")
    command = env.command("-m", "ctracemalloc", "run", *options, "app.py")
    # Whatever looks for the package must not be led astray either.
    done = subprocess.run(
        command, env={**env.variables(), "PYTHONSAFEPATH": "1"}, cwd=tmp_path,
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert done.stdout == ""
    assert "app.py:1" in done.stderr
    for kind in ("", ".peak", ".churn"):
        assert f"out{kind}.ctm\n" in done.stderr
        assert (tmp_path / f"out{kind}.ctm").exists()


@pytest.mark.parametrize("way", ["end", "sys.exit", "message", "exception", "elsewhere"])
def test_of_its_own(env: Environment, program: Run, way: str) -> None:
    plain = program(way, plain=True).end()
    ran = program(way)
    status, stdout, stderr = ran.end()
    assert (status, stdout) == plain[:2]
    # The traceback is the plain one to the last character.
    assert stderr.startswith(plain[2])
    assert_reported(env, ran, stderr[len(plain[2]) :])


def test_without_sys_stderr(env: Environment, program: Run) -> None:
    ran = program("no stderr")
    status, _, stderr = ran.end()
    assert status == 0
    assert_reported(env, ran, stderr)


def test_interrupted(env: Environment, program: Run) -> None:
    plain = program("wait", plain=True).end(signal.SIGINT)
    ran = program("wait")
    status, _, stderr = ran.end(signal.SIGINT)
    assert status == plain[0] == -signal.SIGINT
    traceback, _, report = stderr.partition("KeyboardInterrupt\n")
    assert traceback.startswith("Traceback (most recent call last):\n")
    assert traceback.count("File ") == 3
    assert_reported(env, ran, report)


@pytest.mark.parametrize("arguments", [["-c", "import endings; endings.main()"], ["-m", "endings"]])
def test_interrupted_in_other_forms(env: Environment, tmp_path: Path, arguments: list[str]) -> None:
    run = ["-m", "ctracemalloc", "run", "-o", str(tmp_path / "out.ctm")]
    for command in ([*arguments, "wait"], [*run, *arguments, "wait"]):
        with subprocess.Popen(
            env.command(*command),
            env=env.variables(),
            cwd=PROGRAMS,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGINT)
            assert "KeyboardInterrupt" in process.communicate(timeout=60)[1]
        assert process.returncode == -signal.SIGINT
    assert (tmp_path / "out.ctm").exists()


def test_terminated(env: Environment, program: Run) -> None:
    plain = program("wait", plain=True).end(signal.SIGTERM)
    ran = program("wait")
    status, stdout, stderr = ran.end(signal.SIGTERM)
    assert (status, stdout) == plain[:2] == (-signal.SIGTERM, "")
    assert stderr.startswith("ctracemalloc: ")
    assert_reported(env, ran, stderr)


def test_own_handler(env: Environment, program: Run) -> None:
    ran = program("own handler")
    status, stdout, stderr = ran.end(signal.SIGTERM)
    assert (status, stdout) == (9, "own handler\n")
    assert_reported(env, ran, stderr)


def test_handler_that_calls_the_one_before(env: Environment, program: Run) -> None:
    ran = program("chained handler")
    status, stdout, stderr = ran.end(signal.SIGTERM)
    assert (status, stdout) == (9, "after\n")
    assert_reported(env, ran, stderr)


def test_default_set_by_the_program(program: Run) -> None:
    ran = program("default")
    assert ran.end(signal.SIGTERM) == (-signal.SIGTERM, "", "")
    assert not ran.path.exists()


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_second_signal_ends_at_once(
    env: Environment, first: signal.Signals, second: signal.Signals, tmp_path: Path
) -> None:
    """While the snapshot is being written, which never ends here."""
    slow = (
        "import ctracemalloc, os, runpy, sys, time\n"
        "def dump(self, path, **more):\n"
        "    os.write(1, b'writing\\n')\n"
        "    while True: time.sleep(0.01)\n"
        "ctracemalloc.Snapshot.dump = dump\n"
        f"sys.argv = ['endings.py', 'wait']; runpy.run_path({str(ENDINGS)!r}, run_name='__main__')"
    )
    command = env.command("-m", "ctracemalloc", "run", "-o", tmp_path / "out.ctm", "-c", slow)
    with subprocess.Popen(
        command, env=env.variables(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(first)
        assert process.stdout.readline() == "writing\n"
        process.send_signal(second)
        assert process.wait(timeout=60) == -second
    assert list(tmp_path.iterdir()) == []


def test_terminated_while_it_writes_at_exit(env: Environment, tmp_path: Path) -> None:
    """The first signal lets the snapshot be finished, then it takes effect."""
    slow = (
        "import ctracemalloc, os, time\n"
        "real = ctracemalloc.Snapshot.dump\n"
        "def dump(self, path, **more):\n"
        "    os.write(1, b'writing\\n')\n"
        "    while os.path.exists('hold'): time.sleep(0.01)\n"
        "    real(self, path, **more)\n"
        "ctracemalloc.Snapshot.dump = dump\n"
    )
    hold = tmp_path / "hold"
    hold.touch()
    command = env.command("-m", "ctracemalloc", "run", "-o", "out.ctm", "-c", slow)
    with subprocess.Popen(
        command,
        env=env.variables(),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        hold.unlink()
        assert process.wait(timeout=60) == -signal.SIGTERM
    assert [path.name for path in tmp_path.iterdir()] == ["out.ctm"]


@pytest.mark.parametrize(("way", "status"), [("os._exit", 5), ("exec", 0)])
def test_nothing_is_written(program: Run, way: str, status: int) -> None:
    ran = program(way)
    ended = ran.end()
    assert (ended[0], ended[2]) == (status, "")
    assert not ran.path.exists()


def test_killed(program: Run) -> None:
    ran = program("wait")
    assert ran.end(signal.SIGKILL) == (-signal.SIGKILL, "", "")
    assert not ran.path.exists()


def test_tracing_was_stopped(program: Run) -> None:
    ran = program("stop")
    assert ran.end() == (0, "", "ctracemalloc: no snapshot: the program has stopped the tracing\n")
    assert not ran.path.exists()


def test_no_memory_is_left(env: Environment, tmp_path: Path) -> None:
    code = (
        "import ctracemalloc\n"
        "def refuse(**_): raise MemoryError\n"
        "ctracemalloc.take_snapshot = refuse\n"
    )
    done = env.run("-m", "ctracemalloc", "run", "-o", "x.ctm", "-c", code, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "ctracemalloc: no report: out of memory\n")


@pytest.mark.parametrize("ending", ["end", "signal"])
def test_all_memory_is_used_that_may_be(env: Environment, tmp_path: Path, ending: str) -> None:
    """Large pieces are refused first, and small ones until there is nothing left."""
    code = (
        "import signal, sys\n"
        "kept = []\n"
        "for size in (100_000, 1000, 100):\n"
        "    try:\n"
        "        while True: kept.append(bytes(size))\n"
        "    except MemoryError: pass\n"
        "if sys.argv[1] == 'signal': signal.raise_signal(signal.SIGTERM)\n"
    )
    out = tmp_path / "x.ctm"
    limited = ("sh", "-c", 'ulimit -v 300000; exec "$@"', "sh")
    run = ("-m", "ctracemalloc", "run", "-o", out, "-c", code)
    done = env.run(*run, ending, under=limited)
    assert done.returncode == (0 if ending == "end" else -signal.SIGTERM), done.stderr
    assert done.stderr.endswith(f"ctracemalloc: snapshot written to {out}\n")
    assert out.stat().st_size > 0


def test_little_memory_from_the_start(env: Environment, tmp_path: Path) -> None:
    """The reserve is done without where it cannot be had."""
    code = (
        "import resource\n"
        "from ctracemalloc.report import ending\n"
        "size = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (size + 2**23,) * 2)\n"
        "print(len(ending._reserve()))\n"
    )
    assert env.run("-c", code).stdout == "0\n"


def test_signals_reach_a_forked_child_as_ever(program: Run) -> None:
    ran = program("child")
    ran.wait_until_ready()
    (child,) = Path(f"/proc/{ran.pid}/task/{ran.pid}/children").read_text().split()
    os.kill(int(child), signal.SIGTERM)
    status, _, stderr = ran.end()
    assert status == 0
    assert stderr.count("snapshot written to") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_first_process_of_a_container(env: Environment, tmp_path: Path) -> None:
    """SIGTERM does nothing to it by default, so it goes on, and reports again at its end."""
    code = (
        "import os, signal, time\n"
        "os.kill(1, signal.SIGTERM)\n"
        "print(os.getpid(), os.path.exists('out.ctm'))\n"
        "os.remove('out.ctm')\n"
    )
    run = ("-m", "ctracemalloc", "run", "--top", "0", "-o", "out.ctm", "-c", code)
    done = env.run(*run, cwd=tmp_path, under=["unshare", "--pid", "--fork"])
    assert (done.returncode, done.stdout) == (0, "1 True\n"), done.stderr
    assert (tmp_path / "out.ctm").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_without_proc(env: Environment, tmp_path: Path) -> None:
    """How much the process grew is left out; nothing else is."""
    apart = ["unshare", "--mount"]
    if subprocess.run([*apart, "true"], capture_output=True, check=False).returncode:
        pytest.skip("a process cannot have mounts of its own here")
    run = ("-m", "ctracemalloc", "run", "--top", "1", "-o", "out.ctm", "-c", "print('hello')")
    shell = ["sh", "-c", 'umount -l /proc && exec "$@"', "sh"]
    done = env.run(*run, cwd=tmp_path, under=[*apart, *shell])
    assert (done.returncode, done.stdout) == (0, "hello\n"), done.stderr
    lines = done.stderr.splitlines()
    assert " at exit, peak " in lines[0]
    assert lines[1].split() == ["size", "blocks", "share", "line"]
    assert lines[-1] == f"ctracemalloc: snapshot written to {tmp_path / 'out.ctm'}"
    assert (tmp_path / "out.ctm").exists()


def test_inherited_handlers_stay(env: Environment, tmp_path: Path) -> None:
    """A signal that is ignored from the start stays ignored."""
    code = "import signal; print(signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT))"
    run = ("-m", "ctracemalloc", "run", "-o", tmp_path / "out.ctm", "-c", code)
    done = subprocess.run(
        ["sh", "-c", 'trap "" TERM INT; exec "$@"', "sh", *env.command(*run)],
        env=env.variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    ignored = str(signal.SIG_IGN)
    assert done.stdout == f"{ignored} {ignored}\n", done.stderr


def test_nobody_reads_the_report(env: Environment, tmp_path: Path) -> None:
    """A closed or full stderr does not change the end of the program."""
    for redirection in ("2>/dev/full", "2>&-"):
        command = env.command("-m", "ctracemalloc", "run", "-o", tmp_path / "x.ctm")
        shell = f'exec "$@" {redirection}'
        done = subprocess.run(
            ["sh", "-c", shell, "sh", *command, "-c", "raise SystemExit(6)"],
            env=env.variables(),
            check=False,
        )
        assert done.returncode == 6
        (tmp_path / "x.ctm").unlink()


def test_file_in_place_of_stderr_stays_as_it_is(env: Environment, tmp_path: Path) -> None:
    """Where the program began without stderr, descriptor 2 is somebody else's."""
    code = "import os; print(os.open('data', os.O_WRONLY | os.O_CREAT))"
    command = env.command("-m", "ctracemalloc", "run", "-o", "x.ctm", "-c", code)
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" 2>&-', "sh", *command],
        env=env.variables(),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.stdout == "2\n"
    assert (tmp_path / "data").read_bytes() == b""


@pytest.mark.parametrize("ending", ["end", "signal"])
@pytest.mark.parametrize("is_room_above", [True, False])
def test_all_files_that_may_be_open_are(
    env: Environment, tmp_path: Path, ending: str, is_room_above: bool
) -> None:
    """Room is above the process's own limit; where that is the system's, one line says so."""
    code = (
        "import os, resource, signal, sys\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (99, 500 if sys.argv[1] == 'True' else 99))\n"
        "opened = []\n"
        "try:\n"
        "    while True: opened.append(os.dup(1))\n"
        "except OSError: pass\n"
        "if sys.argv[2] == 'signal': signal.raise_signal(signal.SIGTERM)\n"
    )
    out = tmp_path / "x.ctm"
    run = ("-m", "ctracemalloc", "run", "-o", out, "-c", code)
    done = env.run(*run, str(is_room_above), ending)
    assert done.returncode == (0 if ending == "end" else -signal.SIGTERM), done.stderr
    if is_room_above:
        assert f"snapshot written to {out}\n" in done.stderr
        assert out.stat().st_size > 0
    else:
        assert "Too many open files" in done.stderr
        assert not out.exists()


def test_report_and_threads(env: Environment, tmp_path: Path) -> None:
    """Threads that are waited for come before the report, daemon threads do not hold it up."""
    code = (
        "import threading, time\n"
        "def last():\n"
        "    time.sleep(0.2); print('last', flush=True)\n"
        "threading.Thread(target=last).start()\n"
        "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
    )
    out = tmp_path / "x.ctm"
    done = subprocess.run(
        env.command("-m", "ctracemalloc", "run", "-o", out, "-c", code),
        env=env.variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert done.stdout.startswith("last\nctracemalloc: ")


def test_exit_functions_of_the_program_come_first(env: Environment, tmp_path: Path) -> None:
    code = (
        "import atexit\n"
        "kept = []\n"
        "def late():\n"
        "    kept.append(bytes(500_000)); print('late')\n"
        "atexit.register(late)\n"
    )
    program = tmp_path / "late.py"
    program.write_text(code)
    out = tmp_path / "x.ctm"
    done = env.run("-m", "ctracemalloc", "run", "--top", "1", "-o", out, program)
    assert done.stdout == "late\n"
    assert "late.py:4" in done.stderr


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["-o", "out.ctm"], 1),
        # From 3.13 on, those that another thread than the main one has forked run no handler.
        (["-o", "%p.ctm", "--follow-children"], 21 if sys.version_info < (3, 13) else 11),
    ],
)
def test_a_child_that_was_just_forked_is_terminated(
    env: Environment, tmp_path: Path, options: list[str], count: int
) -> None:
    """Whenever the signal comes; also if other threads fork."""
    code = (
        "import os, signal, threading, time\n"
        "def fork():\n"
        "    for _ in range(10):\n"
        "        pid = os.fork()\n"
        "        if pid == 0:\n"
        "            time.sleep(60)\n"
        "            os._exit(1)\n"
        "        os.kill(pid, signal.SIGTERM)\n"
        "        statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
        "statuses = []\n"
        "other = threading.Thread(target=fork)\n"
        "other.start()\n"
        "fork()\n"
        "other.join()\n"
        "print(set(statuses), signal.pthread_sigmask(signal.SIG_BLOCK, ()), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "time.sleep(60)\n"
    )
    run = ("-W", "ignore", "-m", "ctracemalloc", "run", "--every", "1", "--top", "0", *options)
    done = env.run(*run, "-c", code, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "{-15} set()\n"), done.stderr
    assert len(list(tmp_path.glob("*.ctm"))) == count


def test_a_busy_child_of_another_thread_is_terminated(env: Environment, tmp_path: Path) -> None:
    """While it executes Python code, where the interpreter may run no handler."""
    code = (
        "import os, signal, threading, time\n"
        "def fork():\n"
        "    reading, writing = os.pipe()\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        end = time.monotonic() + 30\n"
        "        os.write(writing, b'.')\n"
        "        while time.monotonic() < end: pass\n"
        "        os._exit(1)\n"
        "    os.read(reading, 1)\n"
        "    time.sleep(0.1)\n"
        "    os.kill(pid, signal.SIGTERM)\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
        "other = threading.Thread(target=fork)\n"
        "other.start()\n"
        "other.join()\n"
    )
    run = ("-W", "ignore", "-m", "ctracemalloc", "run", "--top", "0", "--follow-children")
    done = env.run(*run, "-o", "%p.ctm", "-c", code, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "-15\n"), done.stderr
    count = 2 if sys.version_info < (3, 13) else 1
    assert len(list(tmp_path.glob("*.ctm"))) == count
