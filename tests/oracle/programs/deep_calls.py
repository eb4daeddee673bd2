"""Stacks of all kinds: deep recursion, suspended generators, closures, calls from C, errors."""

from __future__ import annotations

import functools
import itertools
import traceback
from collections.abc import Callable, Generator, Iterator
from typing import Any


def recurse(depth: int, kept: list[object]) -> None:
    kept.append([depth, f"depth {depth}"])
    if depth:
        recurse(depth - 1, kept)


def tree(depth: int) -> Iterator[str]:
    if depth:
        yield from tree(depth - 1)
        yield f"node {depth}"
        yield from tree(depth - 1)


def echo() -> Generator[str, object, None]:
    answer = ""
    while True:
        answer = f"{(yield answer)}!"


def adders(count: int) -> list[Callable[[int], int]]:
    return [functools.partial(lambda step, value: value + step, step) for step in range(count)]


class Odd:
    """Special methods that C code calls."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.history: list[str] = []

    def __lt__(self, other: Odd) -> bool:
        self.history.append(f"{self.number} < {other.number}")
        return (self.number * 7919) % 101 < (other.number * 7919) % 101

    def __getattr__(self, name: str) -> str:
        return name * 2

    def __hash__(self) -> int:
        return self.number % 10

    def __eq__(self, other: object) -> bool:
        self.history.append(f"{self.number} == {other}")
        return self is other


@functools.cache
def ways(amount: int, coins: tuple[int, ...]) -> tuple[str, int]:
    if not coins or amount < 0:
        return "none", 0
    if amount == 0:
        return "one", 1
    total = ways(amount, coins[1:])[1] + ways(amount - coins[0], coins)[1]
    return f"{amount}:{len(coins)}", total


def fail(depth: int) -> int:
    if depth == 0:
        raise ValueError(f"bottom {depth}")
    try:
        return fail(depth - 1)
    except ValueError as error:
        if depth % 10 == 0:
            raise ValueError(f"level {depth}") from error
        raise


def failure() -> object:
    try:
        fail(60)
    except ValueError as error:
        return error, traceback.format_exception(error)
    raise RuntimeError("nothing failed")


def built(number: int) -> object:
    namespace: dict[str, Any] = {}
    exec(f"def made(value={number}):\n    return [value, str(value)]\n", namespace)
    return namespace["made"], namespace["made"](), eval(f"[{number}, '{number}' * 3]")


def main() -> object:
    kept: list[object] = []
    recurse(300, kept)
    generators = [tree(depth) for depth in range(2, 10)]
    partly = [list(itertools.islice(generator, 3)) for generator in generators]
    echoes = [echo() for _ in range(50)]
    answers = [(next(each), each.send(number)) for number, each in enumerate(echoes)]
    odds = sorted(map(Odd, range(150)))
    odd_set = set(odds)
    missing = [getattr(odd, f"name{odd.number}") for odd in odds]
    reduced = functools.reduce(lambda left, right: [*left[-3:], right], range(200), [0])
    changed = ways(120, (50, 20, 10, 5, 2, 1))
    comprehended = {n: [(m, {m: str(m)}) for m in range(n % 7)] for n in range(400)}
    functions = [built(number) for number in range(60)]
    return (
        *(kept, generators, partly, echoes, answers, odds, odd_set, missing, reduced, changed),
        *(comprehended, functions, adders(300), failure()),
    )
