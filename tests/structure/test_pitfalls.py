"""The list of what went wrong for others: each test that it names is there."""

from __future__ import annotations

import ast
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest
from tree import REPO

TESTS = REPO / "tests"
LIST = TESTS / "PITFALLS.md"

_NAMED = re.compile(r"`([\w/]+(?:\.\w+)?)(?:::(\w+\*?)(?:\[(\w+)\])?)?`")


def rows() -> list[str]:
    """Return the rows of the tables, without their heads and rules."""
    lines = [line for line in LIST.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    return [line for line in lines if not line.startswith(("| what ", "| ---"))]


def named(row: str) -> list[tuple[str, str, str]]:
    """Return the (path, function, parameter) of a row's tests; what is missing is empty."""
    return _NAMED.findall(row.rsplit("|", 2)[1])


def functions(path: Path) -> list[str]:
    """Return the names of the functions in a file."""
    found = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [node.name for node in found if isinstance(node, ast.FunctionDef)]


def test_there_are_rows() -> None:
    assert len(rows()) > 40


@pytest.mark.parametrize("row", rows())
def test_tests_that_are_named_exist(row: str) -> None:
    assert named(row), "no test is named"
    for name, function, parameter in named(row):
        path = TESTS / name
        assert path.exists(), name
        if function:
            assert any(fnmatch(one, function) for one in functions(path)), (name, function)
        if parameter:
            assert f'"{parameter}"' in path.read_text(encoding="utf-8"), (name, parameter)
