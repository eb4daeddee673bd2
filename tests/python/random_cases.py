"""Random traces and filters through both implementations: the same to the last character.

    random_cases.py [--cases N] [--seed FIRST]

Each case has a seed of its own, from FIRST on; what differs names it. What the other tests draw
with Hypothesis is smaller and stranger; here many cases are quick.
"""

from __future__ import annotations

import argparse
import random
import sys
from typing import Any

from api_support import FILENAMES, KEYS, make_filters, ours, shown_statistics, stdlib
from ctracemalloc._engine import SnapshotTable

MANY = 100_000
PIECES = [
    *FILENAMES,
    "*",
    "?",
    "[!a]",
    "[ab]",
    "[!]]",
    "[]",
    "[",
    "]",
    "!",
    "-",
    "\n",
    ".py",
    ".pyc",
]


def random_name(rng: random.Random) -> str:
    """A file name: most of a few, so that they recur."""
    if rng.random() < 0.8:
        return rng.choice(FILENAMES)
    return "".join(rng.choices(PIECES, k=rng.randrange(4)))


def random_traces(rng: random.Random) -> list[Any]:
    """Traces as the tracer makes them; stacks, sizes and whole traces recur."""
    names = [random_name(rng) for _ in range(rng.randrange(1, 6))]

    def frame() -> tuple[str, int]:
        return rng.choice(names), rng.choice((0, 1, 2, 2**32 - 1))

    stacks = [
        tuple(frame() for _ in range(rng.randrange(1, 6))) for _ in range(rng.randrange(1, 8))
    ]
    # Callers in common.
    stacks += [(frame(), *stack[1:]) for stack in stacks[::2]]
    largest = rng.choice((2, 20, 2**40))
    traces = [
        (
            rng.choice((0, 0, 0, 1, 389047)),
            rng.randrange(largest),
            rng.choice(stacks),
            rng.choice((None, 1, 5)),
        )
        for _ in range(rng.randrange(20))
    ]
    return traces + traces[: rng.randrange(4)]


def random_filters(rng: random.Random) -> list[Any]:
    """Specifications for `make_filters`."""
    specs: list[Any] = []
    for _ in range(rng.randrange(4)):
        inclusive = rng.random() < 0.6
        domain = rng.choice((0, 1, 389047, 2**40))
        if rng.random() < 0.15:
            specs.append(("DomainFilter", (inclusive, domain)))
            continue
        pattern = "".join(rng.choices(PIECES, k=rng.randrange(1, 4)))
        lineno = rng.choice((None, None, None, 1, 2, 2**32))
        only_domain = domain if rng.random() < 0.2 else None
        specs.append(("Filter", (inclusive, pattern, lineno, rng.random() < 0.5, only_domain)))
    return specs


def _difference(seed: int) -> str | None:
    rng = random.Random(seed)
    traces, specs = random_traces(rng), random_filters(rng)
    old = random_traces(rng) + traces[:: rng.randrange(1, 4)]

    filters_there, filters_here = make_filters(stdlib, specs), make_filters(ours, specs)
    there, old_there = stdlib.Snapshot(traces, 5), stdlib.Snapshot(old, 5)
    if rng.random() < 0.5:
        here, old_here = ours.Snapshot(traces, 5), ours.Snapshot(old, 5)
    else:
        here = ours.Snapshot(SnapshotTable(traces), 5)
        old_here = ours.Snapshot(SnapshotTable(old), 5)
    kept_there: Any = there.filter_traces(filters_there)
    kept_here: Any = here.filter_traces(filters_here)
    if list(kept_there.traces._traces) != list(kept_here.traces._traces):
        return f"filter_traces({specs}) of {traces}"
    if list(map(repr, kept_there.traces)) != list(map(repr, kept_here.traces)):
        return f"the traces of {traces}"
    for key, cumulative in KEYS:
        for what, theirs, own in (("all", there, here), ("kept", kept_there, kept_here)):
            if shown_statistics(theirs.statistics, key, cumulative) != shown_statistics(
                own.statistics, key, cumulative
            ):
                return f"statistics({key!r}, {cumulative}) of {what} traces of {traces}, {specs}"
            if shown_statistics(theirs.compare_to, old_there, key, cumulative) != shown_statistics(
                own.compare_to, old_here, key, cumulative
            ):
                return (
                    f"compare_to({key!r}, {cumulative}) of {what} traces of {traces} "
                    f"with {old}, {specs}"
                )
    return None


def run(cases: int, first: int) -> None:
    """Raise AssertionError at the first case in which the two differ."""
    for seed in range(first, first + cases):
        difference = _difference(seed)
        assert difference is None, f"--seed {seed} --cases 1: {difference}"


def main() -> int:
    """Does what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=MANY, help=f"default: {MANY}")
    parser.add_argument("--seed", type=int, default=0, metavar="FIRST", help="default: 0")
    options = parser.parse_args()
    try:
        run(options.cases, options.seed)
    except AssertionError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.cases} cases from seed {options.seed}: no difference")
    return 0


if __name__ == "__main__":
    sys.exit(main())
