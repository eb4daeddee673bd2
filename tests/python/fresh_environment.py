"""A fresh virtual environment with a wheel of ctracemalloc, for tests of what happens at start.

CTM_TEST_WHEEL names the wheel; without it, one is built from the checkout. CTM_TEST_PYTHON names
the interpreter of an environment that is there already, and that the tests may change.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).resolve().parent / "startup"

_TIMEOUT = 120
# Printed by a program to tell what it sees.
STATE = PROGRAMS / "state.py"

# Options of the interpreter: imports that load at once, and those that load what is used (3.15+).
IMPORTS: list[list[str]] = [[]]
if sys.version_info >= (3, 15):
    IMPORTS.append(["-X", "lazy_imports=all"])


class Environment:
    """Runs the interpreter of an environment, with nothing of the tests' own settings."""

    def __init__(self, python: Path) -> None:
        self.python = python
        answer = self.run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
        self.site_packages = Path(answer.stdout.strip())

    def variables(self, changes: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment variables for a process."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "CTRACEMALLOC", "_CTRACEMALLOC", "CTM_"))
        }
        return {**kept, **(changes or {})}

    def command(self, *arguments: str | Path) -> list[str]:
        """Return the command line of the interpreter with these arguments."""
        return [str(self.python), *map(str, arguments)]

    def run(
        self,
        *arguments: str | Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: str = "",
        under: Sequence[str] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run the interpreter to its end, if so by a command that runs another."""
        return subprocess.run(
            [*under, *self.command(*arguments)],
            env=self.variables(env),
            cwd=cwd,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )

    def state(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None, **more: Any
    ) -> dict[str, Any]:
        """Run a program that ends by printing its state (startup/state.py), and return that."""
        done = self.run(*arguments, env=env, **more)
        assert done.returncode == 0, done.stderr
        state: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        state["stderr"] = done.stderr
        return state

    def snapshot(self, path: Path) -> dict[str, Any]:
        """Read a snapshot; return its limit and the (file name, line) of its traces' ends."""
        code = (
            "import json, sys, ctracemalloc\n"
            "s = ctracemalloc.Snapshot.load(sys.argv[1])\n"
            "ends = {(t.traceback[-1].filename, t.traceback[-1].lineno) for t in s.traces}\n"
            "print(json.dumps({'limit': s.traceback_limit, 'ends': sorted(ends)}))\n"
        )
        done = self.run("-c", code, path)
        assert done.returncode == 0, done.stderr
        content: dict[str, Any] = json.loads(done.stdout)
        return content


@functools.cache
def fresh_environment() -> Environment:
    """Return the environment that all tests of this process share."""
    given = os.environ.get("CTM_TEST_PYTHON")
    if given is not None:
        return Environment(Path(given))
    return make_environment()


def make_environment() -> Environment:
    """Make another one, for a test that damages it."""
    folder = Path(tempfile.mkdtemp(prefix="venv-", dir=_folder()))
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, wheel()], check=True)
    return Environment(python)


@functools.cache
def wheel() -> Path:
    """Return the path of the wheel under test."""
    given = os.environ.get("CTM_TEST_WHEEL")
    if given is not None:
        return Path(given).resolve()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = _folder() / "build"
    builder = CHECKOUT / "tools" / "wheel-venv.sh"
    subprocess.run([builder, version, folder], stdout=subprocess.DEVNULL, check=True)
    (built,) = folder.glob("wheel/*.whl")
    return built


@functools.cache
def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="ctracemalloc-tests-")


def _folder() -> Path:
    return Path(_temporary().name)
