"""`ctracemalloc run`: the program sees nothing of it, and it leaves a report."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipapp
from pathlib import Path
from typing import Any

import pytest
from fresh_environment import PROGRAMS, STATE, Environment, fresh_environment

RUN = ("-m", "ctracemalloc", "run")
QUIET = (*RUN, "--top", "0")
# What differs because tracing is on.
TRACING = {"module", "is_tracing", "limit", "first", "stderr"}


@pytest.fixture(scope="module")
def env() -> Environment:
    return fresh_environment()


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The same interpreter in an environment without ctracemalloc."""
    folder = tmp_path_factory.mktemp("bare")
    base = fresh_environment().run("-c", "import sys; print(sys._base_executable)").stdout.strip()
    subprocess.run([base, "-m", "venv", "--without-pip", folder], check=True)
    return Environment(folder / "bin" / "python")


@pytest.fixture(scope="module")
def uninstalled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package and no more, as a checkout would be."""
    folder = tmp_path_factory.mktemp("uninstalled")
    installed = fresh_environment().site_packages
    shutil.copytree(installed / "ctracemalloc", folder / "ctracemalloc")
    shutil.copy(installed / "ctracemalloc_startup.py", folder)
    return folder


def assert_as_plain(
    where: Environment, *program: str | Path, options: tuple[str, ...] = (), **more: Any
) -> dict[str, Any]:
    plain = where.state(*options, *program, **more)
    ran = where.state(*options, *QUIET, "-n", "5", "-o", "/dev/null", *program, **more)
    assert (ran["module"], ran["is_tracing"], ran["limit"]) == ("ctracemalloc", True, 5)
    assert ran["first"] == 5
    assert {k: v for k, v in ran.items() if k not in TRACING} == {
        k: v for k, v in plain.items() if k not in TRACING
    }
    return ran


def test_script(env: Environment, tmp_path: Path) -> None:
    state = assert_as_plain(env, STATE, "-n", "3", "-m", "--", "x")
    assert state["argv"][1:] == ["-n", "3", "-m", "--", "x"]
    shutil.copy(STATE, tmp_path)
    assert_as_plain(env, "state.py", cwd=tmp_path)


def test_two_dashes_before_the_program(env: Environment) -> None:
    for program in ((STATE,), ("-m", "site"), ("-msite",), ("-c", "")):
        assert env.run(*RUN, "-o", "/dev/null", "--", *program).returncode == 0


def test_module(env: Environment) -> None:
    assert_as_plain(env, "-m", "state", "-o", "x", cwd=STATE.parent)
    assert_as_plain(env, "-mstate", cwd=STATE.parent)


def test_code(env: Environment) -> None:
    assert_as_plain(env, "-c", STATE.read_text(), "-c", "x")


def test_stdin(env: Environment) -> None:
    assert_as_plain(env, "-", "x", stdin=STATE.read_text())


def test_folder_and_zipapp(env: Environment, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(STATE, folder / "__main__.py")
    assert_as_plain(env, folder, "x")
    zipapp.create_archive(folder, tmp_path / "app.pyz")
    assert_as_plain(env, tmp_path / "app.pyz", "x")


@pytest.mark.parametrize(
    "options",
    [
        ("-I",),
        ("-E", "-s"),
        ("-P",),
        ("-OO", "-B", "-u", "-q"),
        ("-X", "dev", "-Wignore::FutureWarning", "-bb"),
        ("-X", "utf8=0", "-X", "importtime=0", "--check-hash-based-pycs", "always"),
    ],
)
def test_options_of_the_interpreter(env: Environment, options: tuple[str, ...]) -> None:
    assert_as_plain(env, STATE, "x", options=options)


def test_variables_stay(env: Environment) -> None:
    variables = {"PYTHONPATH": "/nowhere:/elsewhere", "PYTHONHASHSEED": "3"}
    state = assert_as_plain(env, STATE, env=variables)
    assert state["environment"] == variables


@pytest.mark.parametrize("path", [None, "", "/nowhere:/elsewhere"])
def test_without_the_hook(
    bare: Environment, uninstalled: Path, path: str | None, tmp_path: Path
) -> None:
    """The package lies in the current folder: the program, elsewhere, is traced all the same."""
    variables = {} if path is None else {"PYTHONPATH": path}
    plain = bare.state(STATE, env=variables, cwd=uninstalled)
    command = (*QUIET, "-n", "5", "-o", tmp_path / "x.ctm", STATE)
    ran = bare.state(*command, env=variables, cwd=uninstalled)
    assert (ran["module"], ran["is_tracing"], ran["limit"]) == ("ctracemalloc", True, 5)
    assert ran["first"] == 5
    # An empty variable is the same as none; after us there is none.
    if path == "":
        del plain["environment"]["PYTHONPATH"]
    assert {k: v for k, v in ran.items() if k not in TRACING} == {
        k: v for k, v in plain.items() if k not in TRACING
    }
    assert (tmp_path / "x.ctm").exists()


def test_sitecustomize_without_the_hook(
    bare: Environment, uninstalled: Path, tmp_path: Path
) -> None:
    custom = tmp_path / "sitecustomize.py"
    custom.write_text("import tracemalloc; print('custom', tracemalloc.__name__)")
    variables = {"PYTHONPATH": f"{uninstalled}:{tmp_path}"}
    done = bare.run(*QUIET, "-o", tmp_path / "x.ctm", STATE, env=variables)
    assert done.returncode == 0, done.stderr
    # The first is that of the command itself.
    assert done.stdout.startswith("custom tracemalloc\ncustom ctracemalloc\n{")
    assert f'"sitecustomize": "{custom}"' in done.stdout
    custom.write_text("import json\nraise ValueError('broken')")
    done = bare.run(*QUIET, "-o", tmp_path / "x.ctm", STATE, env=variables)
    assert done.stderr.count("Error in sitecustomize; set PYTHONVERBOSE for traceback:\n") == 2
    assert done.stderr.count("ValueError: broken\n") == 2


def test_isolated_without_the_hook(bare: Environment, uninstalled: Path) -> None:
    code = (
        "import sys; sys.path.append(sys.argv[1]); from ctracemalloc.cli import main\n"
        "sys.exit(main(['run', '-o', '/dev/null', '-c', 'print(1)']))"
    )
    for flag in ("-I", "-E"):
        done = bare.run(flag, "-c", code, uninstalled)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("ctracemalloc run: the start-up hook (ctracemalloc.pth) is ")
        assert done.stderr.count("\n") == 1


def test_without_site(env: Environment) -> None:
    variables = {"PYTHONPATH": str(env.site_packages)}
    done = env.run("-S", *RUN, STATE, env=variables)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "ctracemalloc run: -S leaves out the site module, without which tracing cannot start\n"
    )


def test_console_script(env: Environment, tmp_path: Path) -> None:
    script = env.python.parent / "ctracemalloc"
    done = subprocess.run(
        [script, "run", "-o", tmp_path / "x.ctm", "-c", "print('hello')"],
        env=env.variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "hello\n")
    assert "snapshot written to" in done.stderr


def test_memory_that_nobody_reports_is_in_the_last_line(env: Environment, tmp_path: Path) -> None:
    program = tmp_path / "app.py"
    program.write_text(
        "import mmap\n"
        "traced = b'x' * (48 << 20)\n"
        "mapped = mmap.mmap(-1, 96 << 20)\n"
        "private = mmap.mmap(-1, 64 << 20, mmap.MAP_PRIVATE)\n"
        "for memory in mapped, private:\n"
        "    memory[:] = bytes(1) * len(memory)\n"
    )
    done = env.run(*RUN, "--top", "1", program.name, cwd=tmp_path)
    [line] = [line for line in done.stderr.splitlines() if "resident memory grew" in line]
    figures = [float(figure) for figure in re.findall(r"([\d.]+) MiB", line)]
    grown, traced, (shared, unexplained) = figures[0], figures[1], figures[-2:]
    assert line.endswith("not explained (C libraries, gaps between blocks)")
    # Beside both there are some MiB of what is imported.
    assert 208 <= grown < 235
    assert 48 <= traced < 60
    assert 96 <= shared < 110
    assert 64 <= unexplained < 78


def test_report(env: Environment, tmp_path: Path) -> None:
    program = tmp_path / "app.py"
    program.write_text(
        "import sys\n"
        "small = [bytes(1000) for _ in range(100)]\n"
        "large = [bytes(1000) for _ in range(10_000)]  # \x1b[31m\n"
        "print('before', file=sys.stdout)\n"
        "sys.stderr = None\n"
    )
    done = env.run(*RUN, "--top", "2", program.name, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "before\n")
    lines = done.stderr.splitlines()
    assert lines[0].startswith("ctracemalloc: ")
    assert " blocks at exit, peak " in lines[0]
    assert lines[1].startswith("ctracemalloc: resident memory grew by ")
    del lines[1]
    assert lines[1].split() == ["size", "blocks", "share", "line"]
    size, unit, blocks, share, place = lines[2].split()
    assert (place, blocks[:5]) == ("app.py:3", "10,00")
    assert (unit, share.endswith("%")) == ("KiB", True)
    assert 10_000 < int(size) < 10_200
    assert lines[3].strip() == r"large = [bytes(1000) for _ in range(10_000)]  # \x1b[31m"
    assert lines[4].split()[-1] == "app.py:2"
    assert lines[6].endswith(" other lines")
    (path,) = tmp_path.glob("*.ctm")
    assert lines[7:] == [f"ctracemalloc: snapshot written to {path}"]
    assert path.name.startswith("app.")
    snapshot = env.snapshot(path)
    assert snapshot["limit"] == 25
    assert [str(program), 3] in snapshot["ends"]


def test_losses_are_told(env: Environment, tmp_path: Path) -> None:
    code = "import ctracemalloc as c; c.get_dropped = lambda: 3000; c.get_lost = lambda: 1"
    done = env.run(*RUN, "-o", tmp_path / "x.ctm", "-c", code)
    assert "\nctracemalloc: 3,000 allocations left no trace: out of memory\n" in done.stderr
    assert "\nctracemalloc: 1 trace lost: another tool had removed our hooks\n" in done.stderr
    done = env.run(*RUN, "-o", tmp_path / "x.ctm", "-c", "")
    assert " left no trace" not in done.stderr
    assert " are lost" not in done.stderr


def test_names_of_snapshots(env: Environment, tmp_path: Path) -> None:
    (tmp_path / "100%p.py").write_text("import os; print(os.getpid())")
    pid = env.run(*QUIET, "100%p.py", cwd=tmp_path).stdout.strip()
    assert (tmp_path / f"100%p.{pid}.ctm").exists()
    pid = env.run(*QUIET, "-c", "import os; print(os.getpid())", cwd=tmp_path).stdout.strip()
    assert (tmp_path / f"ctracemalloc.{pid}.ctm").exists()
    env.run(*QUIET, "-m", "timeit", "-n1", "-r1", cwd=tmp_path)
    assert len(list(tmp_path.glob("timeit.*.ctm"))) == 1
    variables = {"CTRACEMALLOC_OUT": "by-variable.ctm"}
    env.run(*QUIET, "-c", "", env=variables, cwd=tmp_path)
    assert (tmp_path / "by-variable.ctm").exists()
    env.run(*QUIET, "-o", "x%%%p.ctm", "-c", "", env=variables, cwd=tmp_path)
    assert len(list(tmp_path.glob("x%*.ctm"))) == 1
    assert len(list(tmp_path.iterdir())) == 6


def test_number_of_frames(env: Environment) -> None:
    code = "import tracemalloc; print(tracemalloc.get_traceback_limit())"
    quiet = (*QUIET, "-o", "/dev/null")
    assert env.run(*quiet, "-c", code).stdout == "25\n"
    assert env.run(*quiet, "-n", "65535", "-c", code).stdout == "65535\n"
    assert env.run(*quiet, "-c", code, env={"CTRACEMALLOC": "3"}).stdout == "3\n"
    assert env.run(*quiet, "-n2", "-c", code, env={"CTRACEMALLOC": "3"}).stdout == "2\n"
    assert env.run("-X", "ctracemalloc=4", *quiet, "-c", code).stdout == "4\n"


def test_children_are_untraced(env: Environment, tmp_path: Path) -> None:
    children = PROGRAMS / "children.py"
    command = (*QUIET, "-o", tmp_path / "%p.ctm", children)
    assert '["tracemalloc", false]' in env.run(*command, "subprocess").stdout
    done = env.run(*command, "spawn")
    assert '"is_main": true, "module": "tracemalloc"' in done.stdout
    env.run(*command, "os.fork")
    # One for each of the three programs, none for a child.
    assert len(list(tmp_path.iterdir())) == 3
    variables = {"CTRACEMALLOC": "3"}
    assert '["ctracemalloc", true]' in env.run(*command, "subprocess", env=variables).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "which program? (SCRIPT, DIR, ZIP, -m MODULE, -c CODE, or - for stdin)"),
        (("-n", "3"), "which program? (SCRIPT, DIR, ZIP, -m MODULE, -c CODE, or - for stdin)"),
        (("-n", "0", "x"), "-n 0: not a number from 1 to 65535"),
        (("-n", "65536", STATE), "-n 65536: not a number from 1 to 65535"),
        (("-nx", STATE), "-n x: not a number from 1 to 65535"),
        (("--top", "-1", STATE), "--top -1: not a number of lines, nor 0"),
        (("--top=x", STATE), "argument --top: invalid int value: 'x'"),
        (("--nonsense", STATE), "unrecognized arguments: --nonsense"),
        (("-n",), "argument -n/--nframe: expected one argument"),
        (("-m",), "-m needs a value"),
        (("--", "-E", STATE), "-E is no program: the interpreter's own options go before -m, as"),
        (("--", "-Im", "site"), "-Im is no program: "),
        (("--", "--help"), "--help is no program: "),
        (("no-such-file.py",), "no such file: no-such-file.py"),
        (("./sh",), "no such file: ./sh"),
        (
            ("python3",),
            "leave out python3, as this interpreter runs the program: ctracemalloc run P",
        ),
        (("python3.11t", "-m", "a b"), "leave out python3.11t, as this interpreter runs the"),
        ((sys.executable, "app.py"), f"leave out {sys.executable}, as this interpreter runs"),
        (("python-app",), "no such file: python-app"),
        (("-o", "%x", STATE), "'%x': unknown '%x' in a snapshot's path (there are %p, the process"),
    ],
)
def test_wrong_usage(env: Environment, arguments: tuple[str | Path, ...], said: str) -> None:
    if said.startswith("-n 0"):
        arguments = (*arguments[:-1], STATE)
    done = env.run(*RUN, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"ctracemalloc run: {said}")
    assert done.stderr.endswith(" (see 'ctracemalloc run --help')\n")
    assert done.stderr.count("\n") == 1


def test_programs_that_are_called_as_the_interpreter(env: Environment, tmp_path: Path) -> None:
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "__main__.py").write_text("print('a folder')")
    (tmp_path / "python3").write_text("print('a script')")
    for name, said in ("python", "a folder\n"), ("python3", "a script\n"):
        done = env.run(*RUN, "-o", tmp_path / "x.ctm", tmp_path / name)
        assert (done.returncode, done.stdout) == (0, said), done.stderr


def test_a_command_is_no_script(env: Environment) -> None:
    done = env.run(*RUN, "sh", "-c", "ls")
    assert done.returncode == 2
    assert f"did you mean {shutil.which('sh')}, or -m sh?" in done.stderr


def test_snapshot_that_cannot_be_written(env: Environment, tmp_path: Path) -> None:
    done = env.run(*RUN, "-o", tmp_path, "-c", "print(1)")
    assert (done.returncode, done.stdout) == (1, "")
    assert "it is a folder (choose another path with -o)\n" in done.stderr
    done = env.run(*RUN, "-o", tmp_path / "absent" / "x.ctm", "-c", "print(1)")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"no such folder: {tmp_path / 'absent'} (choose" in done.stderr
    # It goes away while the program runs: the report is printed all the same.
    folder = tmp_path / "folder"
    folder.mkdir()
    code = f"import os; os.rmdir({str(folder)!r})"
    done = env.run(*RUN, "-o", folder / "x.ctm", "-c", code)
    assert done.returncode == 0
    assert " blocks at exit, peak " in done.stderr
    assert f"no snapshot: cannot write {folder / 'x.ctm'}: No such file" in done.stderr


@pytest.mark.parametrize("options", [(), ("--every", "1", "--at-rss", "9G", "--peak")])
def test_modules_of_the_library_are_left_to_the_program(
    env: Environment, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """What was loaded before would be taken in place of the program's own of that name."""
    code = (
        "import sys\n"
        "print(*(name for name, module in list(sys.modules.items())\n"
        "    if name.partition('.')[0] not in ('ctracemalloc', 'ctracemalloc_startup')\n"
        "    and (getattr(module, '__file__', None) or '').endswith('.py')\n"
        "    and getattr(module.__spec__, 'origin', None) != 'frozen'))\n"
    )
    (tmp_path / "loaded.py").write_text(code)
    plain = env.run("loaded.py", cwd=tmp_path)
    variables = {"CTRACEMALLOC_SIGNAL": "USR2"}
    ran = env.run(*QUIET, *options, "loaded.py", cwd=tmp_path, env=variables)
    assert ran.returncode == plain.returncode == 0, ran.stderr
    # The module that is replaced, where pickling is arranged, and what makes annotations texts.
    by_design = {"tracemalloc", "_tracemalloc", "copyreg", "__future__"}
    assert set(ran.stdout.split()) - set(plain.stdout.split()) <= by_design
    assert "tracemalloc" in ran.stdout.split()


def test_module_of_the_programs_with_a_name_of_the_librarys(
    env: Environment, tmp_path: Path
) -> None:
    for name in ("enum", "signal", "types"):
        (tmp_path / f"{name}.py").write_text("OWN = True\n")
    (tmp_path / "app.py").write_text(
        "import signal, enum, types; print(signal.OWN, enum.OWN, types.OWN)"
    )
    done = env.run(*QUIET, "-o", tmp_path / "x.ctm", "--every", "1", tmp_path / "app.py")
    assert (done.returncode, done.stdout) == (0, "True True True\n"), done.stderr


def test_current_folder_that_is_gone(env: Environment, tmp_path: Path) -> None:
    for count, (options, status, said) in enumerate(
        [
            (("-o", tmp_path / "x.ctm"), 0, ""),
            (("-o", tmp_path / "%p.ctm", "--follow-children"), 0, ""),
            (("-o", "x.ctm"), 1, "the current folder is gone: choose an absolute path with -o\n"),
            ((), 1, "the current folder is gone: choose an absolute path with -o\n"),
        ]
    ):
        gone = tmp_path / "gone"
        gone.mkdir()
        under = ("sh", "-c", 'rmdir "$PWD" && exec "$@"', "sh")
        done = env.run(*QUIET, *options, "-c", "print(1)", cwd=gone, under=under)
        assert (done.returncode, done.stdout) == (status, "" if status else "1\n"), done.stderr
        assert said in done.stderr
        assert len(list(tmp_path.glob("*.ctm"))) == min(count + 1, 2)


def test_help(env: Environment) -> None:
    done = env.run("-m", "ctracemalloc", "--help")
    assert done.returncode == 0
    assert "  run " in done.stdout
    assert "  doctor " in done.stdout
    assert "ctracemalloc --version" in done.stdout
    done = env.run(*RUN, "--help")
    assert done.returncode == 0
    assert "SCRIPT | DIR | ZIP | -m MODULE | -c CODE | -" in done.stdout
    done = env.run("-m", "ctracemalloc")
    assert (done.returncode, done.stderr) == (
        2,
        "ctracemalloc: which command? (see 'ctracemalloc --help')\n",
    )
    done = env.run("-m", "ctracemalloc", "nonsense")
    assert (done.returncode, done.stderr) == (
        2,
        "ctracemalloc: unknown command 'nonsense' (see 'ctracemalloc --help')\n",
    )
