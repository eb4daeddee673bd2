"""Syntax trees of modules of the standard library, walked, rewritten, unparsed, and kept."""

from __future__ import annotations

import ast
import os
from pathlib import Path

STDLIB = Path(os.__file__).parent
MODULES = (
    *("bisect", "calendar", "cmd", "copy", "csv", "dataclasses", "difflib", "fnmatch", "getopt"),
    *("heapq", "keyword", "optparse", "shlex", "textwrap", "types", "zipapp"),
)


class Doubler(ast.NodeTransformer):
    """Replaces every integer by a sum."""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if type(node.value) is not int:
            return node
        return ast.copy_location(ast.BinOp(node, ast.Add(), ast.Constant(node.value)), node)


def main() -> object:
    kept: list[object] = []
    for name in MODULES:
        source = (STDLIB / f"{name}.py").read_text(encoding="utf-8")
        tree = ast.parse(source, name)
        kept.append(tree)
        kept.append([type(node).__name__ for node in ast.walk(tree)])
        doubled = ast.fix_missing_locations(Doubler().visit(ast.parse(source, name)))
        kept.append(ast.unparse(doubled))
    return kept
