"""`ctracemalloc attach`: a process that is running is traced, or one line says why not."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import ctracemalloc
import pytest
from ctracemalloc.cli.attach import _check_shared
from ctracemalloc.cli.errors import CommandError
from ctracemalloc.live import remote
from fresh_environment import Environment, fresh_environment

ATTACH = ("-m", "ctracemalloc", "attach")
HAS_REMOTE = hasattr(sys, "remote_exec")
needs_remote = pytest.mark.skipif(not HAS_REMOTE, reason="sys.remote_exec came with 3.14")

BUSY = """\
import time
kept = [bytes(1000)]
print("ready", flush=True)
while True:
    kept[0] = bytes(1_000_000)
    time.sleep(0.01)
"""

# Has as many files open as it may.
FULL = """\
import os, resource
limit = 40
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, {most}))
while os.open("/dev/null", os.O_RDONLY) < limit - 1:
    pass
"""

# Does not come back from C code until somebody opens the gate.
GATED = "print('ready', flush=True)\nopen('gate').read()\n" + BUSY

IDLE = """\
import gc, os, time, types
gc.disable()
print("ready", flush=True)
while not os.path.exists("enough"):
    time.sleep(0.01)
left = [one for one in gc.get_objects() if isinstance(one, types.FunctionType)]
left = [one for one in left if one.__code__.co_filename == "<string>"]
import ctracemalloc
peak = ctracemalloc.take_snapshot(at="peak").statistics("filename")
names = {one.traceback[0].filename: one.size for one in peak}
# The script that it was told to run has no name.
print(sum(size for name, size in names.items() if "ctracemalloc" in name or name == "<string>"))
print(len(left))
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def env() -> Environment:
    return fresh_environment()


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@pytest.fixture
def start(env: Environment, tmp_path: Path) -> Iterator[Start]:
    processes: list[subprocess.Popen[str]] = []

    def start(
        *options: str, code: str = BUSY, command: list[str] | None = None, **variables: str
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command or env.command(*options, "-c", code),
            env=env.variables(variables),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate(timeout=60)


def attach(
    env: Environment, folder: Path, *arguments: str | int | Path
) -> subprocess.CompletedProcess[str]:
    given = [str(argument) for argument in arguments]
    return env.run(*ATTACH, *given, env={"TMPDIR": str(folder / "temporary")}, cwd=folder)


def assert_refused(done: subprocess.CompletedProcess[str], said: str, status: int = 1) -> None:
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    assert done.stderr.startswith(f"ctracemalloc attach: {said}")
    assert done.stderr.count("\n") == 1


@needs_remote
def test_start_snapshot_stop(
    env: Environment, start: Start, temporary: Path, tmp_path: Path
) -> None:
    process = start()
    pid = process.pid
    assert_refused(
        attach(env, tmp_path, pid, "snapshot"),
        f"process {pid}: it is not traced (begin with 'start')\n",
    )
    done = attach(env, tmp_path, pid, "start", "-n", 3)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"process {pid}: traced from now on, with 3 frames a traceback\n"
    assert_refused(
        attach(env, tmp_path, pid, "start"),
        f"process {pid}: it is traced already, with 3 frames a traceback\n",
    )
    ends: list[list[object]] = []
    deadline = time.monotonic() + 60
    # It shows what the process has allocated since.
    while ["<string>", 5] not in ends:
        assert time.monotonic() < deadline, ends
        done = attach(env, tmp_path, pid, "snapshot")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.endswith(f" at the peak: {tmp_path / f'{pid}.ctm'}\n")
        snapshot = env.snapshot(tmp_path / f"{pid}.ctm")
        assert snapshot["limit"] == 3
        ends = snapshot["ends"]
    done = attach(env, tmp_path, pid, "stop")
    assert done.stdout.startswith(f"process {pid}: stopped; ")
    assert_refused(attach(env, tmp_path, pid, "stop"), f"process {pid}: it is not traced")
    process.kill()
    # The process itself was told nothing.
    assert process.communicate(timeout=60) == ("", "")
    assert list(temporary.iterdir()) == []


@needs_remote
def test_nothing_of_ours_stands_out(
    env: Environment, start: Start, temporary: Path, tmp_path: Path
) -> None:
    """Neither at the peak of a process that does little, nor as growth after its first snapshot."""
    program = tmp_path / "idle.py"
    program.write_text(IDLE)
    process = start(command=env.command(program))
    for arguments in (("start",), ("snapshot", "-o", "a.ctm"), ("snapshot", "-o", "b.ctm")):
        assert attach(env, tmp_path, process.pid, *arguments).returncode == 0
    ends = env.snapshot(tmp_path / "b.ctm")["ends"]
    assert not [name for name, _ in ends if "importlib" in name], ends
    (tmp_path / "enough").touch()
    stdout, stderr = process.communicate(timeout=60)
    at_peak, left = map(int, stdout.split())
    assert (at_peak < 2**13, left, stderr) == (True, 0, ""), stdout


@needs_remote
def test_snapshot_that_cannot_be_written(
    env: Environment, start: Start, temporary: Path, tmp_path: Path
) -> None:
    process = start(CTRACEMALLOC="2")
    assert_refused(
        attach(env, tmp_path, process.pid, "snapshot", "-o", temporary),
        f"process {process.pid}: it cannot write {temporary}: ",
    )
    assert list(temporary.iterdir()) == []


@needs_remote
def test_process_with_as_many_files_open_as_it_may(
    env: Environment, start: Start, temporary: Path, tmp_path: Path
) -> None:
    """It answers, and its limit is as before; where nothing can be done, it is left alone."""
    process = start(code=FULL.format(most=200) + BUSY)
    for arguments in (("start",), ("snapshot", "-o", "full.ctm")):
        done = attach(env, tmp_path, process.pid, *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (40, 200)
    assert env.snapshot(tmp_path / "full.ctm")["limit"] == 25
    process.kill()
    assert process.communicate(timeout=60) == ("", "")
    process = start(code=FULL.format(most="limit") + BUSY)
    done = attach(env, tmp_path, process.pid, "start")
    assert_refused(
        done,
        f"process {process.pid} has as many files open as it may, and could not answer: raise the "
        f"limit first, as root by 'prlimit --pid {process.pid} --nofile=104'\n",
    )
    process.kill()
    assert process.communicate(timeout=60) == ("", "")
    assert list(temporary.iterdir()) == []


@needs_remote
def test_main_thread_that_does_not_come_back(
    env: Environment, start: Start, temporary: Path, tmp_path: Path
) -> None:
    """The script that comes too late does nothing but clean up."""
    os.mkfifo(tmp_path / "gate")
    process = start(code=GATED)
    done = attach(env, tmp_path, process.pid, "start", "--timeout", "1")
    assert_refused(done, f"process {process.pid} did not answer in 1 s (--timeout): its main ")
    assert len(list(temporary.iterdir())) == 1
    (tmp_path / "gate").write_text("")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    deadline = time.monotonic() + 60
    while list(temporary.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert_refused(attach(env, tmp_path, process.pid, "stop"), f"process {process.pid}: it is not")


@needs_remote
@pytest.mark.parametrize(
    ("number", "status", "said"),
    [
        (signal.SIGINT, 130, "ctracemalloc attach: interrupted\n"),
        (signal.SIGTERM, -signal.SIGTERM, ""),
        (signal.SIGHUP, -signal.SIGHUP, ""),
    ],
)
def test_signal_while_it_waits(
    env: Environment,
    start: Start,
    temporary: Path,
    tmp_path: Path,
    number: signal.Signals,
    status: int,
    said: str,
) -> None:
    """The process, which comes to the script later, neither traces nor complains."""
    os.mkfifo(tmp_path / "gate")
    process = start(code=GATED)
    waiting = subprocess.Popen(
        env.command(*ATTACH, str(process.pid), "start", "--timeout", "60"),
        env=env.variables({"TMPDIR": str(temporary)}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # As if nobody had set them, whatever the tests are run by.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not list(temporary.glob("*/script.py")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    waiting.send_signal(number)
    stdout, stderr = waiting.communicate(timeout=60)
    assert (waiting.returncode, stdout, stderr) == (status, "", said)
    (tmp_path / "gate").write_text("")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    while list(temporary.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert_refused(attach(env, tmp_path, process.pid, "stop"), f"process {process.pid}: it is not")
    process.kill()
    assert process.communicate(timeout=60) == ("", "")


@needs_remote
def test_process_that_ends(env: Environment, start: Start, temporary: Path, tmp_path: Path) -> None:
    """It ends when it comes to the script, so that there is never an answer."""
    hook = "lambda event, _: event != 'cpython.remote_debugger_script' or os._exit(0)"
    process = start(code=f"import os, sys\nsys.addaudithook({hook})\n{BUSY}")
    done = attach(env, tmp_path, process.pid, "start")
    assert_refused(done, f"process {process.pid} ended before it answered\n")
    assert process.wait(timeout=60) == 0
    assert list(temporary.iterdir()) == []


@needs_remote
def test_process_without_the_package(start: Start, temporary: Path, tmp_path: Path) -> None:
    env = fresh_environment()
    base = env.run("-c", "import sys; print(sys._base_executable)").stdout.strip()
    process = start(command=[base, "-I", "-S", "-c", BUSY])
    assert_refused(
        attach(env, tmp_path, process.pid, "start"),
        f"process {process.pid}: it cannot import ctracemalloc (No module named 'ctracemalloc'): "
        "install it for ",
    )
    assert list(temporary.iterdir()) == []


@needs_remote
def test_remote_debugging_switched_off(
    env: Environment, start: Start, temporary: Path, tmp_path: Path
) -> None:
    for process in (
        start("-X", "disable_remote_debug"),
        start(PYTHON_DISABLE_REMOTE_DEBUG="1"),
    ):
        done = attach(env, tmp_path, process.pid, "start")
        assert_refused(done, f"remote debugging is off in process {process.pid} (-X ")
    process = start("-E", PYTHON_DISABLE_REMOTE_DEBUG="1")
    assert attach(env, tmp_path, process.pid, "start").returncode == 0
    off = {"PYTHON_DISABLE_REMOTE_DEBUG": "1"}
    done = env.run(*ATTACH, str(process.pid), "start", env=off)
    assert_refused(
        done, f"cannot attach to process {process.pid}: remote debugging is off in this process ("
    )


@needs_remote
def test_no_python_at_all(env: Environment, start: Start, temporary: Path, tmp_path: Path) -> None:
    process = start(command=["sh", "-c", "echo ready; exec sleep 60"])
    assert_refused(
        attach(env, tmp_path, process.pid, "start"),
        f"cannot attach to process {process.pid}: it is no CPython 3.14 or later\n",
    )
    assert list(temporary.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_process_with_temporary_files_of_its_own(start: Start, temporary: Path) -> None:
    """As a service of systemd with PrivateTmp has. The chroot with 3.14 cannot make one."""
    apart = ["unshare", "--mount", "sh", "-c"]
    mount = 'mount -t tmpfs none "$0"'
    if subprocess.run(
        [*apart, mount, temporary], capture_output=True, check=False, timeout=60
    ).returncode:
        pytest.skip("a process cannot have mounts of its own here")
    folder = temporary / "ctracemalloc-attach"
    folder.mkdir()
    same = start(command=["sh", "-c", "echo ready; exec sleep 60"])
    _check_shared(same.pid, str(folder))
    process = start(command=[*apart, f"{mount}; echo ready; exec sleep 60", str(temporary)])
    said = f"process {process.pid} sees another {temporary} than this one: set TMPDIR"
    with pytest.raises(CommandError, match=re.escape(said)):
        _check_shared(process.pid, str(folder))


@needs_remote
@pytest.mark.parametrize(
    ("room", "said"),
    [
        (0, "no temporary folder can be made: No usable temporary directory found in "),
        (100, "cannot write {}"),
    ],
)
def test_no_room_for_the_request(
    env: Environment, start: Start, temporary: Path, tmp_path: Path, room: int, said: str
) -> None:
    """As on a full disk, whose errors do not name the file."""
    code = (
        "import resource, sys\n"
        "from ctracemalloc.cli import main\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    pid = str(start().pid)
    done = env.run("-c", code, "attach", pid, "start", env={"TMPDIR": str(temporary)}, cwd=tmp_path)
    assert_refused(done, said.format(temporary))
    assert list(temporary.iterdir()) == []


@needs_remote
def test_no_such_process(env: Environment, temporary: Path, tmp_path: Path) -> None:
    assert_refused(attach(env, tmp_path, 2**22 + 1, "start"), f"there is no process {2**22 + 1}\n")


@needs_remote
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_process_of_another_user(
    env: Environment, start: Start, temporary: Path, tmp_path: Path
) -> None:
    setpriv = shutil.which("setpriv")
    assert setpriv is not None
    command = [
        setpriv,
        "--reuid",
        "65534",
        "--clear-groups",
        "sh",
        "-c",
        "echo ready; exec sleep 60",
    ]
    process = start(command=command)
    done = attach(env, tmp_path, process.pid, "start")
    assert_refused(done, f"process {process.pid} is another user's (nobody), and this is root: run")


@pytest.mark.skipif(HAS_REMOTE, reason="it can be done here")
def test_older_interpreter(env: Environment, temporary: Path, tmp_path: Path) -> None:
    assert_refused(
        attach(env, tmp_path, os.getpid(), "start"),
        "attach needs CPython 3.14 or later, here and in the process; this is 3.",
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "the following arguments are required: PID, action"),
        (("x", "start"), "argument PID: invalid int value: 'x'"),
        (("0", "start"), "0 is no process id"),
        (("1", "begin"), "argument action: invalid choice: 'begin'"),
        (("1", "start", "-n", "0"), "-n 0: not a number from 1 to 65535"),
        (("1", "start", "-o", "x"), "-o goes with 'snapshot' alone, not with 'start'"),
        (("1", "stop", "-n", "3"), "-n goes with 'start' alone, not with 'stop'"),
        (("1", "snapshot", "--nframe=25"), "-n goes with 'start' alone, not with 'snapshot'"),
        (("1", "stop", "--timeout", "0"), "--timeout 0: not a number of seconds"),
        (("1", "snapshot", "-o", "%q"), "'%q': unknown '%q' in a snapshot's path"),
    ],
)
def test_wrong_usage(env: Environment, arguments: tuple[str, ...], said: str) -> None:
    assert_refused(env.run(*ATTACH, *arguments), said, status=2)


def test_what_the_process_does(tmp_path: Path) -> None:
    """The same in this process, so that it is tested where there is no `sys.remote_exec`."""
    path = str(tmp_path / "x.ctm")
    assert remote.act(remote.STOP, 1, "") == (
        remote.FAILED,
        "it is not traced (begin with 'start')",
    )
    try:
        assert remote.act(remote.START, 2, "")[0] == remote.DONE
        assert remote.act(remote.START, 2, "")[0] == remote.FAILED
        status, text = remote.act(remote.SNAPSHOT, 1, path)
        assert (status, text.endswith(f" at the peak: {path}")) == (remote.DONE, True)
        status, text = remote.act(remote.SNAPSHOT, 1, f"{tmp_path}/absent/x.ctm")
        assert text == f"it cannot write {tmp_path}/absent/x.ctm: No such file or directory"
    finally:
        assert remote.act(remote.STOP, 1, "")[0] == remote.DONE
    assert remote.act(remote.START, 0, "") == (
        remote.FAILED,
        "ValueError: the number of frames must be in range [1; 65535]",
    )
    folder = tmp_path / "asked"
    folder.mkdir()
    remote.leave_answer(str(folder), (remote.DONE, "text"))
    assert (folder / "answer").read_text() == "('done', 'text')"
    (folder / "late").touch()
    remote.leave_answer(str(folder), (remote.DONE, "text"))
    assert not folder.exists()


def test_answer_that_does_not_make_the_peak(tmp_path: Path) -> None:
    ctracemalloc.start()
    try:
        before = ctracemalloc.get_traced_memory()[0]
        ctracemalloc.reset_peak()
        remote.leave_answer(str(tmp_path), (remote.DONE, "a \udc80 text"))
        assert ctracemalloc.get_traced_memory()[1] - before < 4096
    finally:
        ctracemalloc.stop()
    written = (tmp_path / "answer").read_text(encoding="utf-8", errors="surrogatepass")
    assert written == repr((remote.DONE, "a \udc80 text"))
