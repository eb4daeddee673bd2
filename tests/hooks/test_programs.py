"""A real program under other tools: what it does and what is traced are as without them."""

from __future__ import annotations

import ctypes.util
import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parent / "program.py"
JEMALLOC = ctypes.util.find_library("jemalloc")

Found = dict[str, Any]


def program(*words: str, **env: str) -> Found:
    """Run the program, traced, in an environment; give what it tells."""
    result = subprocess.run(
        [sys.executable, *words],
        env={**os.environ, "CTRACEMALLOC": "25", "PYTHONHASHSEED": "0", **env},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-4000:]
    # A tool may print as well.
    [line] = [line for line in result.stdout.splitlines() if line.startswith("{")]
    found: Found = json.loads(line)
    return found


@functools.cache
def as_it_is() -> Found:
    return program(str(PROGRAM), "plainly")


def assert_same(found: Found) -> None:
    """Same work, same lines; what it let go has no trace left."""
    expected = as_it_is()
    assert found["tracer"] == "ctracemalloc"
    assert found["modules"] == expected["modules"]
    assert found["lines"] == expected["lines"]
    assert found["before"] > 1_000
    assert found["after"] < found["before"] / 20, (found["before"], found["after"])
    assert (found["dropped"], found["lost"]) == (0, 0)


def test_every_object_has_the_lines_that_made_it() -> None:
    found = as_it_is()
    assert len(found["modules"]) > 20
    assert all(lines for pair in found["lines"] for lines in pair)
    assert_same(found)


@pytest.mark.parametrize(
    "allocator", ["debug", "malloc", "malloc_debug", "pymalloc", "pymalloc_debug"]
)
def test_allocators_of_the_interpreter(allocator: str) -> None:
    assert_same(program(str(PROGRAM), "plainly", PYTHONMALLOC=allocator))


def test_development_mode() -> None:
    assert_same(program(str(PROGRAM), "plainly", PYTHONDEVMODE="1"))


def test_faulthandler() -> None:
    assert_same(program(str(PROGRAM), "faulthandler", PYTHONFAULTHANDLER="1"))


@pytest.mark.skipif(JEMALLOC is None, reason="no jemalloc here")
@pytest.mark.parametrize("allocator", ["pymalloc", "malloc"])
def test_jemalloc(allocator: str) -> None:
    assert_same(program(str(PROGRAM), "plainly", LD_PRELOAD=str(JEMALLOC), PYTHONMALLOC=allocator))


def test_threads() -> None:
    assert_same(program(str(PROGRAM), "threads"))


@pytest.mark.parametrize("kind", ["greenlet", "gevent"])
def test_greenlets(kind: str) -> None:
    pytest.importorskip(kind)
    assert_same(program(str(PROGRAM), {"greenlet": "greenlets"}.get(kind, kind)))


def test_memray(tmp_path: Path) -> None:
    """Its hooks come after ours, and it has the one place of the ref tracer meanwhile."""
    pytest.importorskip("memray")
    capture = str(tmp_path / "program.bin")
    memray = ["-m", "memray", "run", "--trace-python-allocators", "-o", capture]
    assert_same(program(*memray, str(PROGRAM), "plainly"))
    assert Path(capture).stat().st_size > 100_000
