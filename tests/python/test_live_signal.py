"""`CTRACEMALLOC_SIGNAL`: a snapshot whenever the process gets the signal."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from fresh_environment import Environment, fresh_environment
from test_live_run import GROWING, Program, largest, wait_for

ON = {"CTRACEMALLOC": "3", "CTRACEMALLOC_SIGNAL": "USR2"}


@pytest.fixture(scope="module")
def env() -> Environment:
    return fresh_environment()


@pytest.fixture
def program(env: Environment, tmp_path: Path) -> Iterator[Program]:
    program = Program(env, tmp_path, **ON, CTRACEMALLOC_OUT="x.ctm")
    yield program
    program.process.kill()
    program.process.communicate(timeout=60)


def test_numbered_snapshots(env: Environment, program: Program, tmp_path: Path) -> None:
    program.process.send_signal(signal.SIGUSR2)
    wait_for((tmp_path / "x.signal-1.ctm").exists)
    program.tell("grow 3000000")
    program.process.send_signal(signal.SIGUSR2)
    wait_for((tmp_path / "x.signal-2.ctm").exists)
    lines = program.end()
    assert lines == "".join(
        f"ctracemalloc: snapshot written to {tmp_path / f'x.signal-{number}.ctm'}\n"
        for number in (1, 2)
    )
    assert largest(env, tmp_path / "x.signal-1.ctm") < 3_000_000
    assert largest(env, tmp_path / "x.signal-2.ctm") >= 3_000_000
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "x.ctm",
        "x.signal-1.ctm",
        "x.signal-2.ctm",
    ]


def test_forked_child_has_names_of_its_own(program: Program, tmp_path: Path) -> None:
    program.tell("fork 1000")
    tasks = Path(f"/proc/{program.process.pid}/task/{program.process.pid}/children")
    child = int(tasks.read_text())
    os.kill(child, signal.SIGUSR2)
    wait_for((tmp_path / f"x.{child}.signal-1.ctm").exists)
    program.end()


def test_handler_of_the_program_wins(program: Program, tmp_path: Path) -> None:
    program.tell(f"handle {int(signal.SIGUSR2)}")
    program.process.send_signal(signal.SIGUSR2)
    assert program.process.stdout is not None
    assert program.process.stdout.readline() == "own handler\n"
    program.end()
    assert [path.name for path in tmp_path.iterdir()] == ["x.ctm"]


def test_tracing_was_stopped(program: Program, tmp_path: Path) -> None:
    program.tell("stop")
    program.process.send_signal(signal.SIGUSR2)
    program.tell("wait")
    said = "no snapshot at the signal: the program has stopped the tracing\n"
    assert said in program.end()
    assert list(tmp_path.iterdir()) == []


def test_signal_that_is_ignored_already(env: Environment) -> None:
    code = "import signal; print(signal.getsignal(signal.SIGHUP))"
    # As under nohup.
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        done = env.run("-c", code, env={**ON, "CTRACEMALLOC_SIGNAL": "HUP"})
    finally:
        signal.signal(signal.SIGHUP, before)
    assert done.stdout == f"{signal.SIG_IGN}\n"
    assert done.stderr == (
        "ctracemalloc: CTRACEMALLOC_SIGNAL=HUP: the signal has a handler or is ignored already; "
        "it takes no snapshots (choose another)\n"
    )


def test_no_place_to_write(env: Environment, tmp_path: Path) -> None:
    out = tmp_path / "absent" / "x.ctm"
    program = Program(env, tmp_path, **ON, CTRACEMALLOC_OUT=str(out))
    program.process.send_signal(signal.SIGUSR2)
    program.tell("wait")
    path = tmp_path / "absent" / "x.signal-1.ctm"
    assert f"no snapshot: cannot write {path}: No such file or directory\n" in program.end()


def test_without_a_path(env: Environment, tmp_path: Path) -> None:
    program = Program(env, tmp_path, **ON)
    program.process.send_signal(signal.SIGUSR2)
    wait_for((tmp_path / f"ctracemalloc.{program.process.pid}.signal-1.ctm").exists)
    program.end()
    assert len(list(tmp_path.iterdir())) == 1


def test_under_run(env: Environment, tmp_path: Path) -> None:
    run = ("-m", "ctracemalloc", "run", "--top", "0", "-o", "x.ctm")
    program = Program(env, tmp_path, *run, CTRACEMALLOC_SIGNAL="USR1")
    program.process.send_signal(signal.SIGUSR1)
    wait_for((tmp_path / "x.signal-1.ctm").exists)
    program.end()


@pytest.mark.parametrize("flag", ["-I", "-E"])
def test_isolated_ignores_it(env: Environment, tmp_path: Path, flag: str) -> None:
    code = "import signal; print(signal.getsignal(signal.SIGUSR2))"
    done = env.run(flag, "-X", "ctracemalloc=2", "-c", code, env=ON, cwd=tmp_path)
    assert done.stdout == f"{signal.SIG_DFL}\n"
    done = env.run("-c", code, env={"CTRACEMALLOC_SIGNAL": "USR2"}, cwd=tmp_path)
    assert done.stdout == f"{signal.SIG_DFL}\n"


def test_bad_name(env: Environment, tmp_path: Path) -> None:
    done = env.run(GROWING, env={**ON, "CTRACEMALLOC_SIGNAL": "KILL"}, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "ready\n")
    assert done.stderr == (
        "ctracemalloc: 'KILL' is no signal for a snapshot (USR1, USR2, HUP, RTMIN+N); "
        "the program runs untraced\n"
    )
