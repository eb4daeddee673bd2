"""Tracing from the interpreter's start, by the command line and by the environment."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipapp
from pathlib import Path
from typing import Any

import ctracemalloc
import ctracemalloc_startup as startup
import pytest
from fresh_environment import IMPORTS, STATE, Environment, fresh_environment, make_environment

ENVIRONMENT = {"CTRACEMALLOC": "6"}
OPTION = ("-X", "ctracemalloc=6")
REMEDY = "the number of frames must be 0 (off) or in range [1; 65535]; the program runs untraced\n"


@pytest.fixture(scope="module")
def env() -> Environment:
    return fresh_environment()


def assert_traced(state: dict[str, Any], limit: int = 6) -> None:
    assert (state["module"], state["is_tracing"], state["limit"]) == ("ctracemalloc", True, limit)
    # Its first line's objects have a trace: tracing began before.
    assert state["first"] == 5
    assert state["stderr"] == ""


def assert_untouched(state: dict[str, Any]) -> None:
    assert (state["module"], state["is_tracing"]) == ("tracemalloc", False)
    assert state["stderr"] == ""


def test_nothing_happens_unasked(env: Environment) -> None:
    code = "import sys; print(sorted(m for m in sys.modules if 'tracemalloc' in m))"
    done = env.run("-c", code)
    assert (done.stdout, done.stderr) == ("[]\n", "")
    assert_untouched(env.state(STATE))
    stdlib = env.state("-X", "tracemalloc=3", STATE)
    assert (stdlib["module"], stdlib["is_tracing"], stdlib["limit"]) == ("tracemalloc", True, 3)


def test_script(env: Environment) -> None:
    assert_traced(env.state(STATE, env=ENVIRONMENT))
    assert_traced(env.state(*OPTION, STATE))
    assert_traced(env.state("-X", "ctracemalloc", STATE), limit=1)


def test_module(env: Environment) -> None:
    state = env.state("-m", "state", env=ENVIRONMENT, cwd=STATE.parent)
    assert_traced(state)
    assert state["spec"] == "state"


def test_code(env: Environment) -> None:
    assert_traced(env.state("-c", STATE.read_text(), env=ENVIRONMENT))


def test_stdin(env: Environment) -> None:
    assert_traced(env.state("-", stdin=STATE.read_text(), env=ENVIRONMENT))
    assert_traced(env.state(stdin=STATE.read_text(), env=ENVIRONMENT))


def test_folder_and_zipapp(env: Environment, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(STATE, folder / "__main__.py")
    assert_traced(env.state(folder, env=ENVIRONMENT))
    zipapp.create_archive(folder, tmp_path / "app.pyz")
    assert_traced(env.state(tmp_path / "app.pyz", env=ENVIRONMENT))


def test_pytest(env: Environment, tmp_path: Path) -> None:
    """pytest finds ours: it asks for the place where a leaked object came from."""
    pytest_root = Path(pytest.__file__).parents[1]
    (tmp_path / "test_it.py").write_text(
        "import tracemalloc\n"
        "def test_it():\n"
        "    assert tracemalloc.__name__ == 'ctracemalloc'\n"
        "    assert tracemalloc.get_traceback_limit() == 6\n"
        "def test_leak():\n"
        "    open(__file__)\n"
    )
    done = env.run(
        *("-W", "default", "-m", "pytest", "-p", "no:cacheprovider", "test_it.py"),
        env={**ENVIRONMENT, "PYTHONPATH": str(pytest_root)},
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert "Enable tracemalloc" not in done.stdout
    assert "Object allocated at" in done.stdout


def test_option_wins_over_the_variable(env: Environment) -> None:
    assert_traced(env.state("-X", "ctracemalloc=9", STATE, env=ENVIRONMENT), limit=9)
    assert_untouched(env.state("-X", "ctracemalloc=0", STATE, env=ENVIRONMENT))


def test_both_tracers_asked_for(env: Environment) -> None:
    assert_traced(env.state("-X", "tracemalloc=3", *OPTION, STATE))


@pytest.mark.parametrize("flag", ["-I", "-E"])
def test_isolated_ignores_the_environment(env: Environment, flag: str) -> None:
    assert_untouched(env.state(flag, STATE, env=ENVIRONMENT))
    assert_traced(env.state(flag, *OPTION, STATE))


def test_isolated_writes_no_snapshot(env: Environment, tmp_path: Path) -> None:
    out = {"CTRACEMALLOC_OUT": str(tmp_path / "out.ctm")}
    assert_traced(env.state("-E", *OPTION, STATE, env=out))
    assert list(tmp_path.iterdir()) == []
    assert_traced(env.state(*OPTION, STATE, env=out))
    assert list(tmp_path.iterdir()) == [tmp_path / "out.ctm"]


def test_safe_path(env: Environment) -> None:
    state = env.state("-P", STATE, env=ENVIRONMENT)
    assert_traced(state)
    assert str(STATE.parent) not in state["path"]


def test_without_site_nothing_happens(env: Environment) -> None:
    assert_untouched(env.state("-S", *OPTION, STATE, env=ENVIRONMENT))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_rights_of_another_user(env: Environment) -> None:
    """A process that gained rights lets the environment decide nothing."""
    code = (
        "import os; os.setresuid(1, 0, 0)\n"
        "import ctracemalloc_startup as s; print(s.environment_counts(), s.requested_nframe())"
    )
    done = env.run("-c", code)
    assert done.stdout == "False None\n"
    done = env.run("-c", code.replace("uid(1, 0, 0)", "gid(1, 0, 0)"), env=ENVIRONMENT)
    assert done.stdout == "False None\n"


@pytest.mark.parametrize("value", ["x", "-1", "65536", "1_0", "5 ", "\u0663", "9" * 30, "1\n2"])
def test_bad_value(env: Environment, value: str) -> None:
    state = env.state(STATE, env={"CTRACEMALLOC": value})
    assert state["stderr"] == f"ctracemalloc: CTRACEMALLOC={value!r}: {REMEDY}"
    assert state["module"] == "tracemalloc"
    state = env.state("-X", f"ctracemalloc={value}", STATE, env=ENVIRONMENT)
    assert state["stderr"] == f"ctracemalloc: -X ctracemalloc={value!r}: {REMEDY}"
    assert state["module"] == "tracemalloc"


def test_values_follow_the_interpreter() -> None:
    """What is accepted, refused, and off is the same as for the interpreter's own tracemalloc."""
    values = ["0", "00", "-0", "+0", "1", "+7", " 7", "\t\n7", "007", "65535", "7 ", "-1", "65536"]
    values += ["", " ", "+", "-", "+-1", "0x10", "1e3", "1.0", "4294967297", "9" * 30]
    code = "import tracemalloc as t; print(t.is_tracing() and t.get_traceback_limit())"
    for value in values:
        command = [sys.executable, "-X", f"tracemalloc={value}", "-c", code]
        theirs = subprocess.run(command, capture_output=True, text=True, check=False)
        try:
            ours = str(startup.parse_nframe(value, "") or False) if value else "False"
        except ValueError:
            ours = "refused"
        expected = theirs.stdout.strip() if theirs.returncode == 0 else "refused"
        assert (value, ours) == (value, expected)


def test_empty_variable_is_none(env: Environment) -> None:
    assert_untouched(env.state(STATE, env={"CTRACEMALLOC": ""}))
    assert_traced(env.state(*OPTION, STATE, env={"CTRACEMALLOC": "", "CTRACEMALLOC_OUT": ""}))


def test_bad_value_without_stderr(env: Environment) -> None:
    """Nowhere to complain: still no word on stdout, and the program runs."""
    variables = env.variables({"CTRACEMALLOC": "x"})
    for redirection in ("2>&-", "2>/dev/full"):
        shell = ["sh", "-c", f'exec "$@" {redirection}', "sh"]
        command = [*shell, *env.command("-c", "print(1)")]
        done = subprocess.run(command, env=variables, stdout=subprocess.PIPE, check=False)
        assert (done.returncode, done.stdout) == (0, b"1\n")


def test_snapshot_at_exit(env: Environment, tmp_path: Path) -> None:
    out = {"CTRACEMALLOC_OUT": str(tmp_path / "100%%-%p.ctm")}
    state = env.state("-X", "ctracemalloc=4", STATE, env=out)
    assert_traced(state, limit=4)
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("100%-")
    assert path.name.removeprefix("100%-").removesuffix(".ctm").isdigit()
    snapshot = env.snapshot(path)
    assert snapshot["limit"] == 4
    assert [str(STATE), 5] in snapshot["ends"]


def test_start_in_a_folder_that_is_gone(env: Environment, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    out = tmp_path / "out.ctm"
    done = subprocess.run(
        ["sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh", *env.command(STATE)],
        env=env.variables({**ENVIRONMENT, "CTRACEMALLOC_OUT": str(out)}),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert json.loads(done.stdout)["module"] == "ctracemalloc", done.stderr
    assert out.exists()


def test_bad_template(env: Environment, tmp_path: Path) -> None:
    state = env.state(STATE, env={**ENVIRONMENT, "CTRACEMALLOC_OUT": "%q.ctm"}, cwd=tmp_path)
    assert state["stderr"] == (
        "ctracemalloc: '%q.ctm': unknown '%q' in a snapshot's path "
        "(there are %p, the process id, and %% for a %); the program runs untraced\n"
    )
    assert state["module"] == "tracemalloc"
    assert list(tmp_path.iterdir()) == []


def test_snapshot_that_cannot_be_written(env: Environment, tmp_path: Path) -> None:
    path = tmp_path / "absent" / "out.ctm"
    done = env.run("-c", "raise SystemExit(4)", env={**ENVIRONMENT, "CTRACEMALLOC_OUT": str(path)})
    assert done.returncode == 4
    line = f"ctracemalloc: no snapshot: cannot write {path}: No such file or directory\n"
    assert done.stderr == line


def test_what_is_imported_for_it_is_not_traced(env: Environment) -> None:
    code = (
        "import tracemalloc, json\n"
        "files = {t.traceback[-1].filename for t in tracemalloc.take_snapshot().traces}\n"
        "print(json.dumps(sorted(files)))\n"
    )
    files = json.loads(env.run("-c", code, env=ENVIRONMENT).stdout)
    assert "<string>" in files
    own = [file for file in files if file.startswith(f"{env.site_packages}/ctracemalloc")]
    assert own in ([], [f"{env.site_packages}/ctracemalloc_startup.py"])


@pytest.mark.parametrize("imports", IMPORTS)
def test_what_looks_at_the_program_is_not_loaded_while_it_is_traced(
    env: Environment, tmp_path: Path, imports: list[str]
) -> None:
    out = tmp_path / "x.ctm"
    code = (
        "import os, sys, time\n"
        "while not [name for _, _, names in os.walk(sys.argv[1]) for name in names]:\n"
        "    time.sleep(0.01)\n"
    )
    run = ("-m", "ctracemalloc", "run", "-n", "25", "--top", "0", "--every", "0.1", "-o", out)
    env.run(*imports, *run, "-c", code, tmp_path / "x.series")
    statistics = ctracemalloc.Snapshot.load(out).statistics("traceback")
    stacks = ["\n".join(frame.filename for frame in each.traceback) for each in statistics]
    assert stacks
    package = f"{env.site_packages}/ctracemalloc/"
    assert not [stack for stack in stacks if package in stack and "importlib" in stack]


def test_once(env: Environment) -> None:
    """The line runs again when somebody adds the folder again: nothing more happens."""
    code = (
        "import site, sys, tracemalloc as t; t.stop()\n"
        "site.addsitedir(sys.argv[1])\n"
        "print(t.is_tracing())"
    )
    done = env.run("-c", code, env.site_packages, env=ENVIRONMENT)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_private_variable_of_another_process(env: Environment) -> None:
    """What was meant for a process that never read it does not reach its children."""
    private = {"_CTRACEMALLOC": "run\n1\n5\n10\n/nowhere/x.ctm"}
    state = env.state(STATE, env={**private, "CTRACEMALLOC": ""})
    assert_untouched(state)
    assert state["environment"] == {}
    state = env.state(STATE, env={**private, **ENVIRONMENT})
    assert_traced(state)
    assert state["environment"] == ENVIRONMENT


def test_what_is_left_in_the_environment_for_children(env: Environment, tmp_path: Path) -> None:
    """The start-up hook of a child looks for the public variable: it is there, if empty."""
    run = ("-m", "ctracemalloc", "run", "--top", "0", "-o", tmp_path / "%p.ctm")
    follow = (*run, "--follow-children")
    for options, variables, kind, public in [
        (OPTION, {}, "spawn", ""),
        (OPTION, {"CTRACEMALLOC": "3"}, "spawn", "3"),
        (follow, {}, "follow", ""),
        (follow, {"CTRACEMALLOC": "3"}, "follow", "3"),
    ]:
        environment = env.state(*options, STATE, env=variables)["environment"]
        private = environment.pop("_CTRACEMALLOC")
        assert private.splitlines()[0] == kind
        assert environment == {"CTRACEMALLOC": public}
    for options, variables in [(run, {}), (run, ENVIRONMENT), ((), ENVIRONMENT)]:
        assert env.state(*options, STATE, env=variables)["environment"] == variables


@pytest.mark.parametrize(
    ("options", "variables", "is_imported"),
    [
        ([], {}, False),
        (["-X", "dev", "-X", "ctracemallo=1"], {"CTRACEMALLOC_OUT": "x.ctm"}, False),
        (["-X", "ctracemalloc=0"], {}, True),
        ([], {"CTRACEMALLOC": ""}, True),
    ],
)
def test_nothing_is_imported_unless_asked_for(
    env: Environment, options: list[str], variables: dict[str, str], is_imported: bool
) -> None:
    code = "import sys; print('ctracemalloc_startup' in sys.modules, 'ctracemalloc' in sys.modules)"
    done = env.run(*options, "-c", code, env=variables)
    assert (done.stdout, done.stderr) == (f"{is_imported} False\n", "")


@pytest.fixture(scope="module")
def damaged() -> Environment:
    """An environment whose package was removed by hand, its start-up file left behind."""
    damaged = make_environment()
    shutil.rmtree(damaged.site_packages / "ctracemalloc")
    return damaged


def test_files_left_behind(damaged: Environment) -> None:
    assert_untouched(damaged.state(STATE, env=ENVIRONMENT))
    (damaged.site_packages / "ctracemalloc_startup.py").unlink()
    shutil.rmtree(damaged.site_packages / "__pycache__", ignore_errors=True)
    assert (damaged.site_packages / "ctracemalloc.pth").exists()
    assert_untouched(damaged.state(STATE, env=ENVIRONMENT))
    assert_untouched(damaged.state(*OPTION, STATE))


def test_package_that_cannot_be_imported(damaged: Environment) -> None:
    """The line says why, as an interpreter that is not supported would, and nothing is in place."""
    shutil.copy(startup.__file__, damaged.site_packages)
    package = damaged.site_packages / "ctracemalloc"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('not for this interpreter')")
    state = damaged.state(STATE, env=ENVIRONMENT)
    line = "ctracemalloc: not for this interpreter; the program runs untraced\n"
    assert state["stderr"] == line
    assert state["module"] == "tracemalloc"
