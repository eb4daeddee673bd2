"""An index of words: in which lines of a text each one is."""

import random


def text(lines: int) -> list[str]:
    """Make a text."""
    chance = random.Random(1)
    return [" ".join(f"word{chance.randrange(2000)}" for _ in range(8)) for _ in range(lines)]


def index(lines: list[str]) -> dict[str, list[int]]:
    """Give the lines of each word."""
    found: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        for word in line.split():
            found.setdefault(word, []).append(number)
    return found


lines = text(10_000)
words = index(lines)
print(f"{len(words)} words")
