"""`import ctracemalloc` where no engine is for this interpreter: the error says why."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import ctracemalloc
import ctracemalloc_startup as startup
import pytest
from ctracemalloc import _no_engine

WANTED = f"_engine{EXTENSION_SUFFIXES[0]}"
OTHER = "_engine.cpython-310-x86_64-linux-gnu.so"
REMEDY = f"install it with {sys.executable} -m pip"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package without its engine."""
    source = Path(ctracemalloc.__file__).parent
    ignored = shutil.ignore_patterns("_engine.*.so", "__pycache__")
    return Path(shutil.copytree(source, tmp_path / "ctracemalloc", ignore=ignored))


def _stderr(path: Path, code: str, *options: str) -> str:
    """Return what a program writes to stderr that finds modules there and not where ours is."""
    done = subprocess.run(
        [sys.executable, "-S", *options, "-c", code],
        env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr


def _message(path: Path) -> str:
    """Return the last line of the traceback of an import from there."""
    return _stderr(path, "import ctracemalloc").splitlines()[-1]


def test_not_built(package: Path) -> None:
    reason = f"ctracemalloc was not built here: {package} has no {WANTED}"
    assert _message(package.parent) == f"ImportError: {reason}; {REMEDY}"


def test_built_for_another_interpreter(package: Path) -> None:
    (package / OTHER).touch()
    reason = f"ctracemalloc was built for another interpreter: {package} has {OTHER}, not {WANTED}"
    assert _message(package.parent) == f"ImportError: {reason}; {REMEDY}"


def test_in_an_archive(package: Path, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "all"), "zip", tmp_path, "ctracemalloc")
    place = Path(archive) / "ctracemalloc"
    reason = f"ctracemalloc is in an archive, from which no extension is imported: {place}"
    assert _message(Path(archive)) == f"ImportError: {reason}; {REMEDY}"


def test_without_a_gil(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No pip can install it there."""
    monkeypatch.setattr("sysconfig.get_config_var", {"Py_GIL_DISABLED": 1}.get)
    error = ImportError(name="ctracemalloc")
    text = str(_no_engine.explain(error, str(package)))
    assert text.endswith(f"{WANTED}; free-threaded builds of CPython are not supported yet")


def test_a_module_that_the_engine_lacks_is_told_as_it_is(package: Path) -> None:
    (package / "_engine.py").write_text("import no_such_module")
    # 3.15 goes on to guess why.
    message = "ModuleNotFoundError: No module named 'no_such_module'"
    assert _message(package.parent).startswith(message)


def test_the_start_goes_on_untraced(package: Path) -> None:
    shutil.copy(startup.__file__, package.parent)
    code = "import ctracemalloc_startup as s; s.begin()"
    (line,) = _stderr(package.parent, code, "-X", "ctracemalloc").splitlines()
    assert line.startswith("ctracemalloc: ctracemalloc was not built here: ")
    assert line.endswith(f"{REMEDY}; the program runs untraced")
