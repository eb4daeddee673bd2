"""Where the sources are, which floor each stands on, and how to read them without comments."""

from __future__ import annotations

import re
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
SRC = REPO / "src"

FLOORS = ("base", "engine", "snapshot", "format", "cpython")
"""The C floors, the lowest first: each may use itself and those before it."""

FLOORS_WITHOUT_PYTHON = FLOORS[:-1]

_COMMENT_OR_LITERAL = re.compile(
    r"""
      /\*.*?\*/             # a comment
    | //[^\n]*
    | "(?:\\.|[^"\\\n])*"   # a string, in which neither begins
    | '(?:\\.|[^'\\\n])*'
    """,
    re.DOTALL | re.VERBOSE,
)


def sources(floor: str, *suffixes: str) -> list[Path]:
    """List a floor's files with these suffixes."""
    return sorted(path for path in (SRC / floor).iterdir() if path.suffix in suffixes)


def without_comments(text: str) -> str:
    """Blank the comments of a C text; lines keep their numbers."""

    def blank(match: re.Match[str]) -> str:
        found = match[0]
        return re.sub(r"[^\n]", " ", found) if found.startswith("/") else found

    return _COMMENT_OR_LITERAL.sub(blank, text)


def find(pattern: re.Pattern[str], text: str) -> list[tuple[int, str]]:
    """Give line number and text of each match."""
    return [(text.count("\n", 0, m.start()) + 1, m[0]) for m in pattern.finditer(text)]
