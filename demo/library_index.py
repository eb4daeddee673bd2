"""Compiles the standard library and prints an index of it: what is big, what is not documented.

An ordinary program, without a word about tracing: `make demo` runs it under ctracemalloc.
"""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType

SKIPPED = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}
SHOWN = 5


@dataclass
class Definition:
    """A class or function, and where it stands."""

    name: str
    line: int
    length: int
    summary: str


@dataclass
class Module:
    """A module's code, what it defines and what it imports."""

    name: str
    code: CodeType
    definitions: list[Definition] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)


def source_files(library: Path) -> Iterator[Path]:
    """Walk the library's sources, without its tests and what was installed beside it."""
    for path in sorted(library.rglob("*.py")):
        if not SKIPPED.intersection(path.relative_to(library).parts):
            yield path


def read_module(path: Path, library: Path) -> Module:
    """Compile one file and note what is in it."""
    tree = ast.parse(path.read_bytes(), str(path))
    name = ".".join(path.relative_to(library).with_suffix("").parts).removesuffix(".__init__")
    module = Module(name, compile(tree, str(path), "exec", dont_inherit=True))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            module.imports.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            module.imports.add(node.module)
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            summary = (ast.get_docstring(node) or "").partition("\n")[0]
            module.definitions.append(Definition(node.name, node.lineno, length, summary))
    return module


def read_library(library: Path) -> list[Module]:
    """Read all of its modules."""
    return [read_module(path, library) for path in source_files(library)]


def print_head(modules: list[Module]) -> None:
    """Print how much there is, and the longest definitions."""
    everything = [(module, found) for module in modules for found in module.definitions]
    documented = sum(bool(found.summary) for _, found in everything)
    print(f"{len(modules)} modules, {len(everything)} definitions, {documented} of them documented")
    for module, found in sorted(everything, key=lambda pair: -pair[1].length)[:SHOWN]:
        print(f"  {found.length:5} lines  {module.name}.{found.name}")


if __name__ == "__main__":
    index = read_library(Path(sysconfig.get_path("stdlib")))
    print_head(index)
