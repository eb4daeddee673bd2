"""Builds the module of native helpers, and runs each test's body in an interpreter of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent

PRELUDE = """
import ctm_native as native
import ctracemalloc as t
from ctracemalloc import _engine as engine
RAW, MEM, OBJ = 0, 1, 2
CACHE_SMALL, KEEP_BOOKS, LOG_FREES, GROW_LOG, CACHE_LARGE = 1, 2, 3, 4, 5  # habits of a layer
def traces(size):
    return [trace for trace in t._get_traces() if trace[1] == size]
"""

Run = Callable[..., str]


def build(source: Path | str, target: Path, *options: str) -> Path:
    """Make a shared library, or an extension, of a source in C."""
    includes = [f"-I{sysconfig.get_path(name)}" for name in ("include", "platinclude")]
    compiler = os.environ.get("CC", "cc")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", *includes, *options,
         str(HERE / source), "-o", str(target), "-lpthread"],
        check=True,
    )  # fmt: skip
    return target


@pytest.fixture(scope="session")
def native_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("native")
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    build("native.c", folder / f"ctm_native{suffix}", "-g", "-Wno-error")
    return folder


@pytest.fixture
def run(native_folder: Path) -> Run:
    """Run code in a fresh interpreter; what it prints is the result, a failure is the test's."""

    def run_code(code: str, *args: str, env: dict[str, str] | None = None) -> str:
        path = os.pathsep.join([str(native_folder), os.environ.get("PYTHONPATH", "")])
        result = subprocess.run(
            [sys.executable, "-c", PRELUDE + textwrap.dedent(code), *args],
            env={**os.environ, "PYTHONPATH": path, **(env or {})},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert result.returncode == 0, result.stderr[-4000:]
        return result.stdout

    return run_code
