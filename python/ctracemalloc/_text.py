"""Numbers and names as people read them, wherever they are told of."""

from __future__ import annotations

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def human_size(size: float, sign: bool = False) -> str:
    """Write a number of bytes in a unit in which it has two to five digits."""
    number = "%+" if sign else "%"
    for unit in _UNITS:
        if abs(size) < 100 and unit != "B":
            return f"{number}.1f {unit}" % size
        if abs(size) < 10 * 1024:
            break
        if unit != _UNITS[-1]:
            size /= 1024
    return f"{number}.0f {unit}" % size


def count_of(count: int, thing: str) -> str:
    """Write how many things there are: one of them, or several."""
    return f"{count:,} {thing}" if abs(count) == 1 else f"{count:,} {thing}s"


def printable(text: str) -> str:
    """Replace what is not printable by its escape."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in text
    )
