"""What the tracer asks for under a real interpreter, refused: one piece after the other.

CTM_FAULTS=all refuses every piece; without it a sample is enough.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
DUMPS = HERE.parent / "python" / "dumps"
ALL = os.environ.get("CTM_FAULTS") == "all"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("refuse") / "refuse.so"
    flags = ["-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", "-g", "-Wall", "-Wextra"]
    compiler = os.environ.get("CC", "cc")
    subprocess.run([compiler, *flags, HERE / "refuse.c", "-o", path, "-ldl"], check=True)
    return path


def run(program: str, *arguments: str, library: Path, native_folder: Path) -> str:
    path = os.pathsep.join([str(native_folder), os.environ.get("PYTHONPATH", "")])
    # A sanitizer's runtime wants to be first.
    preload = f"{os.environ.get('LD_PRELOAD', '')} {library}"
    result = subprocess.run(
        [sys.executable, str(HERE / program), *arguments],
        env={**os.environ, "PYTHONPATH": path, "LD_PRELOAD": preload},
        capture_output=True,
        text=True,
        timeout=3600 if ALL else 240,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-4000:]
    return result.stdout


def test_every_page_refused(library: Path, native_folder: Path) -> None:
    """The program goes on, what is missing is counted, and nothing that is there is wrong."""
    cases = "1000000" if ALL else "30"
    run("pages.py", cases, library=library, native_folder=native_folder)


@pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="a sanitizer changes which table is full")
def test_no_memory_where_a_class_is_called(library: Path, native_folder: Path) -> None:
    """The frame between the call and __init__ is not counted, even if the object was dropped."""
    run("class_call.py", library=library, native_folder=native_folder)


# Those of cold.py.
CALLS = [
    "take_snapshot",
    "get_traces",
    "walk",
    "statistics",
    "compare_to",
    "filter_traces",
    "merge",
    "tree",
    "dump",
    "load_pickle",
    "pickle",
    "build",
    "get_object_traceback",
    "counters",
    "name_domain",
    "write_and_read",
    "compute",
    "enumerate",
    "save_and_follow",
    "track",
    "first_start",
    "start",
    "stop",
    "clear_traces",
]


@pytest.mark.parametrize("kind", ["pages", "blocks", "objects"])
@pytest.mark.parametrize("call", CALLS)
def test_every_piece_refused_to_a_call(
    call: str, kind: str, library: Path, native_folder: Path
) -> None:
    """MemoryError or done, nothing leaks, and the traces are those that were."""
    if kind == "blocks" and "LD_PRELOAD" in os.environ:
        pytest.skip("a sanitizer hands out the blocks")
    chosen = ("1000000", "1") if ALL else ("16", "67")
    dump = str(DUMPS / "py313.pickle")
    arguments = (kind, *chosen, dump, call)
    run("cold.py", *arguments, library=library, native_folder=native_folder)
