"""Times a loop over numpy's arrays and tells how long a pass takes: the process that is measured.

loops.py FD CONFIG KIND BYTES
"""
# pathlib would be in the process that is measured:
# ruff: noqa: PTH118, PTH120

import os
import sys
import time

sys.path.insert(1, os.path.join(os.path.dirname(sys.path[0]), "common"))

from configs import Config
from inside import Tracing, answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SAMPLES = 8
SECONDS = 0.02


def empty(np: "Any", length: int) -> "Callable[[], None]":
    """The bare making and freeing of an array: one report and its end."""

    def run() -> None:
        np.empty(length)

    return run


def work(np: "Any", length: int) -> "Callable[[], None]":
    """Little arithmetic for each array that is made."""

    def run() -> None:
        array = np.zeros(length)
        array += 1.0
        (array * 2.0).sum()

    return run


def scores(np: "Any", length: int) -> "Callable[[], None]":
    """Standardise a column of data, weigh it, and take order statistics of it."""
    column = np.random.default_rng(1).normal(size=length)

    def run() -> None:
        centred = column - column.mean()
        centred /= centred.std()
        weights = np.exp(-0.5 * centred * centred)
        np.quantile(centred, [0.25, 0.5, 0.75])
        (centred * weights).sum() / weights.sum()

    return run


def heat(np: "Any", length: int) -> "Callable[[], None]":
    """A step of the heat equation on a square grid, by slices, as textbooks have it."""
    side = int(length**0.5)
    grid = np.random.default_rng(1).random((side, side))

    def run() -> None:
        inside = grid[1:-1, 1:-1]
        around = grid[2:, 1:-1] + grid[:-2, 1:-1] + grid[1:-1, 2:] + grid[1:-1, :-2]
        grid[1:-1, 1:-1] = inside + 0.1 * (around - 4.0 * inside)

    return run


def descent(np: "Any", length: int) -> "Callable[[], None]":
    """A step of gradient descent for a logistic regression with 16 features of this length."""
    random = np.random.default_rng(1)
    features = random.normal(size=(length, 16))
    labels = (random.random(length) < 0.5).astype(np.float64)
    coefficients = np.zeros(16)

    def run() -> None:
        nonlocal coefficients
        predicted = 1.0 / (1.0 + np.exp(-(features @ coefficients)))
        gradient = features.T @ (predicted - labels) / length
        coefficients = coefficients - 0.01 * gradient

    return run


KINDS: "dict[str, Callable[[Any, int], Callable[[], None]]]" = {
    "empty": empty,
    "work": work,
    "scores": scores,
    "heat": heat,
    "descent": descent,
}


def seconds(run: "Callable[[], None]") -> float:
    """The least processor time of a pass."""
    passes, best, left = 1, float("inf"), SAMPLES
    while left > 0:
        begin = time.process_time()
        for _ in range(passes):
            run()
        taken = time.process_time() - begin
        if taken < SECONDS:
            passes *= 2
        else:
            best = min(best, taken / passes)
            left -= 1
    return best


def main() -> None:
    """Does what the command line says."""
    descriptor, config, kind, size = sys.argv[1:]
    # By name: only the measured interpreter has it.
    np = __import__("numpy")
    tracing = Tracing(Config(config))
    run = KINDS[kind](np, int(size) // 8)
    taken = seconds(run)
    answer(descriptor, {"seconds": taken, **tracing.figures()})


if __name__ == "__main__":
    main()
