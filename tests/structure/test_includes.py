"""No #include and no import points up the floors."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from tree import FLOORS, REPO, SRC, sources, without_comments

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]*)"|<([^>\n]*)>)', re.MULTILINE)
_C_IMPORT = re.compile(r'\bPyImport_\w+\s*\(\s*"ctracemalloc\b[^"]*"')

PACKAGE = REPO / "python" / "ctracemalloc"
TOP_OF_PACKAGE = ("cli", "__main__")
"""What users run: the rest of the package works without it."""


def wrong_includes(floor: str, text: str) -> list[str]:
    """List the includes that a file on this floor may not have."""
    allowed = FLOORS[: FLOORS.index(floor) + 1]
    wrong = []
    for quoted, angled in _INCLUDE.findall(without_comments(text)):
        if quoted:
            where, _, name = quoted.partition("/")
            if where not in allowed or not name or not (SRC / quoted).is_file():
                wrong.append(quoted)
        elif angled.startswith(("Python.h", "internal/", "cpython/")) and floor != "cpython":
            wrong.append(angled)
    return wrong


def imported_modules(path: Path, text: str) -> list[str]:
    """List the full names of what a file of our package imports of it, wherever in the file."""
    package = ["ctracemalloc", *path.relative_to(PACKAGE).parent.parts]
    names: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.split(".")[0] == "ctracemalloc"]


def imports_of_the_top(path: Path, text: str) -> list[str]:
    """List the imports by which a lower module would need the command line."""
    return [
        name
        for name in imported_modules(path, text)
        if name.split(".")[1:2] and name.split(".")[1] in TOP_OF_PACKAGE
    ]


@pytest.mark.parametrize("floor", FLOORS)
def test_includes_stay_on_their_floor_or_go_down(floor: str) -> None:
    files = sources(floor, ".c", ".h")
    assert files
    wrong = {
        str(path.relative_to(REPO)): found
        for path in files
        if (found := wrong_includes(floor, path.read_text(encoding="utf-8")))
    }
    assert wrong == {}


def test_an_include_that_points_up_is_found() -> None:
    text = '#include "engine/tracer.h"\n  # include "format/wire.h"\n#include <Python.h>\n'
    assert wrong_includes("engine", text) == ["format/wire.h", "Python.h"]
    assert wrong_includes("engine", '#include "tracer.h"\n') == ["tracer.h"]
    assert wrong_includes("engine", '/*\n#include "format/wire.h"\n*/\n') == []


def test_the_extension_imports_no_module_of_the_package() -> None:
    assert {
        str(path.relative_to(REPO)): found
        for path in sources("cpython", ".c", ".h")
        if (found := _C_IMPORT.findall(without_comments(path.read_text(encoding="utf-8"))))
    } == {}


def test_the_package_does_not_need_its_command_line() -> None:
    modules = [
        path
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0].removesuffix(".py") not in TOP_OF_PACKAGE
    ]
    assert PACKAGE / "__init__.py" in modules
    wrong = {
        str(path.relative_to(REPO)): found
        for path in modules
        if (found := imports_of_the_top(path, path.read_text(encoding="utf-8")))
    }
    assert wrong == {}


@pytest.mark.parametrize(
    "line",
    [
        "import ctracemalloc.cli.run",
        "from ctracemalloc import cli",
        "from ctracemalloc.cli import run",
        "from .. import cli",
        "from ..cli.run import main",
        "def late():\n    from .. import cli",
    ],
)
def test_an_import_of_the_command_line_is_found(line: str) -> None:
    assert imports_of_the_top(PACKAGE / "report" / "text.py", line)


@pytest.mark.parametrize("line", ["from . import cli", "from ..takeover import cli", "import cli"])
def test_other_imports_are_not(line: str) -> None:
    assert not imports_of_the_top(PACKAGE / "report" / "text.py", line)
