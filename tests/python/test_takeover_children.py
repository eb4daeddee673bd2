"""Which children of a traced process are traced, and what they leave behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from fresh_environment import PROGRAMS, Environment, fresh_environment

CHILDREN = PROGRAMS / "children.py"
METHODS = ["spawn", "forkserver", "fork"]
# Starting threads and forking is what the programs are about.
QUIET = ("-W", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def env() -> Environment:
    return fresh_environment()


def children(env: Environment, method: str, *options: str, **variables: str) -> Any:
    done = env.run(*QUIET, *options, CHILDREN, method, env=variables)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def assert_traced(found: dict[str, Any], limit: int) -> None:
    assert (found["module"], found["is_tracing"], found["limit"]) == ("ctracemalloc", True, limit)
    assert found["is_traced"]
    # A snapshot came through a queue, whole.
    assert found["snapshot"].split(".")[0] == "ctracemalloc"
    assert found["sizes"] == 50
    assert (found["text"], found["is_main"], found["exit"]) == ("back", True, 0)


@pytest.mark.parametrize("method", METHODS)
def test_multiprocessing(env: Environment, method: str) -> None:
    assert_traced(children(env, method, CTRACEMALLOC="3"), 3)
    assert_traced(children(env, method, "-X", "ctracemalloc=4"), 4)
    # The option wins in the children as well.
    assert_traced(children(env, method, "-X", "ctracemalloc=4", CTRACEMALLOC="3"), 4)


@pytest.mark.parametrize("method", METHODS)
def test_multiprocessing_untraced(env: Environment, method: str) -> None:
    for found in (
        children(env, method),
        children(env, method, "-X", "ctracemalloc=0", CTRACEMALLOC="3"),
    ):
        assert (found["module"], found["is_tracing"]) == ("tracemalloc", False)
        assert (found["text"], found["is_main"], found["exit"]) == ("back", True, 0)


def test_subprocess(env: Environment) -> None:
    assert children(env, "subprocess", CTRACEMALLOC="3") == ["ctracemalloc", True]
    # As with `-X tracemalloc`, an option is for the process that it is given to.
    assert children(env, "subprocess", "-X", "ctracemalloc=3") == ["tracemalloc", False]


@pytest.mark.parametrize("method", METHODS)
def test_each_process_leaves_a_file(env: Environment, method: str, tmp_path: Path) -> None:
    found = children(env, method, CTRACEMALLOC="3", CTRACEMALLOC_OUT=f"{tmp_path}/%p.ctm")
    names = {path.name for path in tmp_path.iterdir()}
    assert {f"{pid}.ctm" for pid in found["pids"]} <= names
    for path in tmp_path.iterdir():
        assert env.snapshot(path)["limit"] == 3


def test_forked_children_without_a_file_of_their_own(env: Environment, tmp_path: Path) -> None:
    found = children(env, "os.fork", "-X", "ctracemalloc=1", CTRACEMALLOC_OUT=f"{tmp_path}/one.ctm")
    assert [path.name for path in tmp_path.iterdir()] == ["one.ctm"]
    found = children(env, "os.fork", CTRACEMALLOC="1", CTRACEMALLOC_OUT=f"{tmp_path}/%p.ctm")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"one.ctm", f"{found['pid']}.ctm", f"{found['child']}.ctm"}


@pytest.mark.parametrize("name", ["%p.ctm", "one.ctm"])
def test_forked_child_that_is_terminated(env: Environment, name: str, tmp_path: Path) -> None:
    code = (
        "import os, signal, time\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    print('ready', flush=True)\n"
        "    while True: time.sleep(0.01)\n"
        "status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\n"
        "print(pid, status, flush=True)\n"
        "os._exit(0)\n"
    )
    variables = env.variables({"CTRACEMALLOC": "1", "CTRACEMALLOC_OUT": f"{tmp_path}/{name}"})
    command = env.command("-c", code)
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGTERM)
        assert process.stdout.readline() == f"{child} {-signal.SIGTERM}\n"
    expected = [f"{child}.ctm"] if name == "%p.ctm" else []
    assert [path.name for path in tmp_path.iterdir()] == expected


@pytest.mark.parametrize("has_own_gil", [False, True])
def test_subinterpreter(env: Environment, has_own_gil: bool) -> None:
    """Ours is in place there as well, and does not begin to trace once more; or it is silent."""
    code = (
        "import sys\n"
        "try:\n"
        "    import _interpreters as interpreters\n"
        "    options = {'config': ['legacy', 'isolated'][OWN]}\n"
        "except ImportError:\n"
        "    import _xxsubinterpreters as interpreters\n"
        "    options = {'isolated': bool(OWN)}\n"
        "import tracemalloc\n"
        "tracemalloc.stop()\n"
        "new = interpreters.create(**options)\n"
        "interpreters.run_string(new, 'import os, sys; t = sys.modules.get(\"tracemalloc\");'\n"
        "    'os.write(1, repr(t and (t.__name__, t.is_tracing())).encode())')\n"
        "interpreters.destroy(new)\n"
        "assert not tracemalloc.is_tracing()\n"
    )
    code = code.replace("OWN", str(int(has_own_gil)))
    done = env.run("-c", code, env={"CTRACEMALLOC": "2"})
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    in_place = "('ctracemalloc', False)"
    assert done.stdout in ((in_place, "None") if has_own_gil else (in_place,))
