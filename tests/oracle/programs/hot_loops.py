"""Loops that run often enough to be compiled: calls, generators, failures, containers, floats."""

from __future__ import annotations

import random
from collections.abc import Iterator

ROUNDS = 4
TIMES = 3000


class Point:
    __slots__ = ("x", "y")

    def __init__(self, x: float, y: float) -> None:
        self.x = x
        self.y = y

    def moved(self, other: Point) -> Point:
        return Point(self.x + other.x, self.y + other.y)

    @property
    def scaled(self) -> list[float]:
        return [self.x * 1.5]


def pair(number: int) -> tuple[int, float]:
    return number, number * 1.5


def pairs(number: int) -> list[tuple[int, float]]:
    return [pair(number), pair(number + 1)]


def generated(count: int) -> Iterator[list[float]]:
    for number in range(count):
        yield [number, number * 0.5]


def nested(depth: int) -> list[object]:
    return [nested(depth - 1)] if depth else [depth]


def arithmetic(kept: list[object]) -> None:
    value = 0.5
    for number in range(TIMES):
        value = value * 1.0001 + number
        kept.append(value)
        if number % 7 == 0:
            kept.append(value - 1.0)


def calls(kept: list[object]) -> None:
    point = Point(1, 2)
    for number in range(TIMES):
        point = point.moved(Point(number, number * 1.5))
        kept.append(point)
        if number % 97 == 0:
            kept.append(point.scaled)
        kept.append(pairs(number * 100_000))
        kept.append(nested(number % 9))


def failures(kept: list[object]) -> None:
    for number in range(TIMES):
        try:
            if number % 50 == 0:
                raise ValueError([number])
            kept.append(f"{number} of {TIMES}")
        except ValueError as error:
            kept.append(error)


def containers(kept: list[object]) -> None:
    number = 0
    while number < TIMES:
        number += 1
        kept.append({number: (number,)})
        kept.append([*range(number % 5)])
        kept.append(number * 123_456_789)


def iterators(kept: list[object]) -> None:
    for values in generated(TIMES):
        kept.append(values)
    kept.extend([number * 1.5 for number in range(TIMES)])
    kept.extend(pair(number) for number in range(TIMES))
    kept.extend(map(pairs, range(TIMES)))


def main() -> object:
    numbers = random.Random(3)
    kept: list[object] = []
    for _ in range(ROUNDS):
        for loop in (arithmetic, calls, failures, containers, iterators):
            loop(kept)
        # The next round's compiled code takes objects from full free lists.
        numbers.shuffle(kept)
        del kept[len(kept) // 2 :]
    return kept
