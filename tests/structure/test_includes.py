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
PARTS = ("core", "live", "report", "export", "cli")
"""Of the package, the lowest first: each may use itself and those before it.

The core is what stands in no folder, but for `__main__`, which belongs to the command line.
"""

NOTEBOOKS = ("ctracemalloc.report.cells", "ctracemalloc.report.notebook")
"""What a notebook asks the core for: it is imported when that is asked for, not before."""


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


def imported_modules(path: Path, text: str) -> list[tuple[str, bool]]:
    """List what a file of our package imports of it: the name, and whether later than itself."""
    package = ["ctracemalloc", *path.relative_to(PACKAGE).parent.parts]
    tree = ast.parse(text)
    later = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) or is_typing(node)
    ]
    imported_later = {id(inner) for outer in later for inner in ast.walk(outer)}
    found: list[tuple[str, bool]] = []
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        found += [(name, id(node) in imported_later) for name in names]
    return [(name, late) for name, late in found if name.split(".")[0] == "ctracemalloc"]


def is_typing(node: ast.AST) -> bool:
    """Tell whether a statement is for type checkers alone."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def part_of(name: str) -> str:
    """Return the part of the package that a module's full name belongs to."""
    first = name.split(".")[1:2]
    if first == ["__main__"]:
        return "cli"
    return first[0] if first and first[0] in PARTS else "core"


def imports_that_point_up(path: Path, text: str) -> list[str]:
    """List the imports by which a lower part would need a higher one."""
    own = part_of(".".join(["ctracemalloc", *path.relative_to(PACKAGE).with_suffix("").parts]))
    return [
        name
        for name, is_late in imported_modules(path, text)
        if PARTS.index(part_of(name)) > PARTS.index(own)
        and not (own == "core" and is_late and name.startswith(NOTEBOOKS))
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


def test_the_parts_are_all_there_are() -> None:
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(PARTS[1:])


def test_no_import_points_up() -> None:
    modules = list(PACKAGE.rglob("*.py"))
    assert PACKAGE / "__init__.py" in modules
    wrong = {
        str(path.relative_to(REPO)): found
        for path in modules
        if (found := imports_that_point_up(path, path.read_text(encoding="utf-8")))
    }
    assert wrong == {}


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("report/text.py", "import ctracemalloc.cli.run"),
        ("report/text.py", "from ctracemalloc import cli"),
        ("report/text.py", "from ctracemalloc.cli import run"),
        ("report/text.py", "from .. import cli"),
        ("report/text.py", "from ..cli.run import main"),
        ("report/text.py", "def late():\n    from .. import cli"),
        ("report/text.py", "from ctracemalloc.export import rows"),
        ("live/say.py", "from ctracemalloc.report import cells"),
        ("live/say.py", "def late():\n    from ctracemalloc.report import cells"),
        ("_model.py", "from . import live"),
        ("_model.py", "from .report import cells"),
        ("_model.py", "import ctracemalloc.__main__"),
        ("_model.py", "from ctracemalloc.report.cells import diffs_html"),
        ("_model.py", "def late():\n    import ctracemalloc.report.page"),
    ],
)
def test_an_import_that_points_up_is_found(file: str, line: str) -> None:
    assert imports_that_point_up(PACKAGE / file, line)


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("report/text.py", "from . import cli"),
        ("report/text.py", "from ..takeover import cli"),
        ("report/text.py", "import cli"),
        ("report/text.py", "from ctracemalloc.live.say import say"),
        ("export/rows.py", "from ..report import domains"),
        ("_model.py", "def late():\n    from ctracemalloc.report.cells import diffs_html"),
        ("__init__.py", "if TYPE_CHECKING:\n    from ctracemalloc.report.notebook import load"),
        ("__main__.py", "from ctracemalloc.cli import main"),
    ],
)
def test_other_imports_are_not(file: str, line: str) -> None:
    assert imports_that_point_up(PACKAGE / file, line) == []
