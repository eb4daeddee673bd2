"""Tables for the terminal: in colour and of its width there, plain text everywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ctracemalloc._text import printable


class Row(NamedTuple):
    """One entry: a cell for each column, and the lines that stand below the last one."""

    cells: Sequence[str]
    details: Sequence[str] = ()
    # One of the keys of _STYLES.
    kind: str = ""


# Blue and red are told apart by all kinds of colour vision, and each row says in words what it is.
_STYLES = {"": "", "grew": "red", "shrank": "blue", "rest": "dim", "source": "dim"}


# Columns of a terminal: for less than these the last cell of a row stands below the others.
_LEAST_ROOM = 16
_INDENT = 2


def print_table(heads: Sequence[str], rows: Sequence[Row]) -> None:
    """Print rows below their heads; all columns but the last are numbers, aligned to the right."""
    if sys.stdout.isatty() and _print_in_colour(heads, rows):
        return
    for line in plain_lines(heads, rows):
        print(line)


def plain_lines(heads: Sequence[str], rows: Sequence[Row]) -> Iterable[str]:
    """Return the lines of a table as plain text."""
    lines = [tuple(heads), *(tuple(map(printable, row.cells)) for row in rows)]
    widths = _widths_of_numbers(lines)
    indent = " " * (sum(widths) + 2 * len(widths))

    def line(cells: Sequence[str]) -> str:
        numbers = [f"{cell:>{width}}" for cell, width in zip(cells[:-1], widths, strict=True)]
        return "  ".join([*numbers, cells[-1]]).rstrip()

    yield line(heads)
    for row, cells in zip(rows, lines[1:], strict=True):
        yield line(cells)
        for detail in row.details:
            yield f"{indent}{printable(detail)}"


def _widths_of_numbers(lines: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*lines, strict=True)][:-1]


def _print_in_colour(heads: Sequence[str], rows: Sequence[Row]) -> bool:
    try:
        from rich.console import Console
        from rich.padding import Padding
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        # Installed without its dependencies: plain text says the same.
        return False
    console = Console(file=sys.stdout, highlight=False)
    # Text, since in a plain string brackets would be markup.
    lines = [[Text(printable(cell), _STYLES[row.kind]) for cell in row.cells] for row in rows]
    for row, cells in zip(rows, lines, strict=True):
        for detail in row.details:
            cells[-1].append("\n" + printable(detail), _STYLES["source"])
    widths = _widths_of_numbers([heads, *(row.cells for row in rows)])
    if console.width - sum(widths) - 2 * len(widths) < _LEAST_ROOM:
        for *numbers, last in [[Text(head, "bold") for head in heads], *lines]:
            for number, width in zip(numbers, widths, strict=True):
                number.align("right", width)
            console.print(Text("  ").join(numbers))
            last.overflow = "fold"
            console.print(Padding(last, (0, 0, 0, _INDENT)))
        return True
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for head in heads[:-1]:
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column(heads[-1], overflow="fold")
    for cells in lines:
        table.add_row(*cells)
    console.print(table)
    return True
