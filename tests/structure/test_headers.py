"""Each header compiles alone, twice in one file, without a warning, with gcc and with clang."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from tree import FLOORS, REPO, SRC, sources

FLAGS = (
    "-std=c11",
    "-D_GNU_SOURCE",
    "-fsyntax-only",
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Wshadow",
    "-Wstrict-prototypes",
    "-Wundef",
    "-Werror",
)


def compilers() -> list[str]:
    """List those that CTM_COMPILERS names (all must be there), else gcc and, if here, a clang."""
    named = os.environ.get("CTM_COMPILERS")
    if named:
        return named.split()
    return ["gcc", *[name for name in ("clang", "clang-14") if shutil.which(name)][:1]]


def complaints(compiler: str, text: str, folder: Path) -> str:
    """Give what the compiler has to say to a C text that may include the sources' headers."""
    file = folder / "alone.c"
    file.write_text(text, encoding="utf-8")
    # Headers of the interpreter are not ours to judge.
    python = ("-isystem", sysconfig.get_path("include"))
    return subprocess.run(
        [compiler, *FLAGS, f"-I{SRC}", *python, file], capture_output=True, text=True, check=False
    ).stderr


NEEDS_CORE = {"cpython/capture.h", "cpython/interpreter_frame.h"}
"""The interpreter's frames are declared for those that are built as part of its core."""


@pytest.mark.parametrize("compiler", compilers())
@pytest.mark.parametrize(
    "header", [str(path.relative_to(SRC)) for floor in FLOORS for path in sources(floor, ".h")]
)
def test_header_compiles_alone(header: str, compiler: str, tmp_path: Path) -> None:
    text = "#define Py_BUILD_CORE_MODULE 1\n" if header in NEEDS_CORE else ""
    text += f'#include "{header}"\n' * 2
    assert complaints(compiler, text, tmp_path) == ""


@pytest.mark.parametrize("compiler", compilers())
def test_a_header_that_needs_another_is_found(compiler: str, tmp_path: Path) -> None:
    (tmp_path / "needy.h").write_text("size_t length(const char *text);\n", encoding="utf-8")
    assert "size_t" in complaints(compiler, f'#include "{tmp_path}/needy.h"\n', tmp_path)


@pytest.mark.parametrize(
    ("compiler", "standard"),
    [(compiler, "c99") for compiler in compilers()] + [("g++", "c++11"), ("g++", "c++20")],
)
def test_the_installed_header_compiles_alone(compiler: str, standard: str, tmp_path: Path) -> None:
    header = REPO / "python" / "ctracemalloc" / "include" / "ctracemalloc.h"
    file = tmp_path / f"alone.{'cpp' if standard.startswith('c++') else 'c'}"
    file.write_text(f'#include "{header}"\n#include "{header}"\n', encoding="utf-8")
    flags = [f"-std={standard}", "-fsyntax-only", "-Wall", "-Wextra", "-pedantic", "-Werror"]
    python = ["-isystem", sysconfig.get_path("include")]
    done = subprocess.run(
        [compiler, *flags, *python, file], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
