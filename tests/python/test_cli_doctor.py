"""`ctracemalloc doctor` says what is in place, and by its status whether that will do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fresh_environment import Environment, fresh_environment

DOCTOR = ("-m", "ctracemalloc", "doctor")


@pytest.fixture(scope="module")
def env() -> Environment:
    return fresh_environment()


def test_all_in_place(env: Environment) -> None:
    done = env.run(*DOCTOR)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    version = env.run("-c", "import platform; print(platform.python_version())").stdout.strip()
    assert f"interpreter cpython {version}, {env.python}" in lines
    assert f"start-up hook works: {env.site_packages}/ctracemalloc.pth" in lines
    assert "options: none" in lines
    assert "tracing off" in lines
    assert "not in the place of the standard library's tracemalloc (off)" in lines
    assert "hooks allocators in a trial: raw on top, mem on top, obj on top" in lines
    assert "other domains: what libraries report by PyTraceMalloc_Track is seen" in lines
    reuse = "followed by the reference tracer"
    if sys.version_info < (3, 13):
        reuse = "not followed (this interpreter gives no way)"
    assert f"reuse of free lists: {reuse}" in lines
    assert "problem" not in done.stdout


def test_traced_itself(env: Environment) -> None:
    done = env.run("-B", *DOCTOR, env={"CTRACEMALLOC": "3", "PYTHONMALLOC": "malloc"})
    assert (done.returncode, done.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "tracing on, with 3 frames" in lines
    assert "in the place of the standard library's tracemalloc" in lines
    assert "hooks allocators now: raw on top, mem on top, obj on top" in lines
    assert "environment CTRACEMALLOC=3" in lines
    assert "PYTHONMALLOC=malloc" in lines
    assert "options: -B" in lines


def test_standard_library_is_tracing(env: Environment) -> None:
    done = env.run("-X", "tracemalloc=2", *DOCTOR)
    assert done.returncode == 0
    assert "not in the place of the standard library's tracemalloc (on, with 2 frames)" in (
        done.stdout
    )


def test_isolated(env: Environment) -> None:
    done = env.run("-I", *DOCTOR, env={"CTRACEMALLOC": "3"})
    assert done.returncode == 0
    assert "counts for nothing here" in done.stdout
    assert "tracing        off" in done.stdout


def test_hook_is_absent(env: Environment, tmp_path: Path) -> None:
    base = env.run("-c", "import sys; print(sys._base_executable)").stdout.strip()
    subprocess.run([base, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    bare = Environment(tmp_path / "venv" / "bin" / "python")
    shutil.copytree(env.site_packages / "ctracemalloc", tmp_path / "ctracemalloc")
    shutil.copy(env.site_packages / "ctracemalloc_startup.py", tmp_path)
    done = bare.run(*DOCTOR, cwd=tmp_path)
    assert done.returncode == 1
    absent = "absent: no ctracemalloc.pth in the folders of the site module  <- problem"
    assert absent in done.stdout
    # It is there, but something else does not work.
    (bare.site_packages / "ctracemalloc.pth").write_text("# nothing\n")
    done = bare.run(*DOCTOR, cwd=tmp_path)
    assert done.returncode == 1
    assert "in place, but starts nothing: " in done.stdout
    assert "(tracemalloc False 1)  <- problem" in done.stdout


def test_without_site(env: Environment) -> None:
    done = env.run("-S", *DOCTOR, env={"PYTHONPATH": str(env.site_packages)})
    assert done.returncode == 1
    assert "out of action: -S leaves out the site module  <- problem" in done.stdout


def test_wrong_usage(env: Environment) -> None:
    done = env.run(*DOCTOR, "x")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "ctracemalloc doctor: unrecognized arguments: x (see 'ctracemalloc doctor --help')\n"
    )


def test_nobody_reads_it(env: Environment) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            env.command(*DOCTOR), env=env.variables(), stdout=write, stderr=-1, check=False
        )
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")
