"""Live blocks to take a snapshot of, from generated code: each load a shape of call stacks.

Sizes go with sites as in the program that sizes.txt was recorded from: a site allocates few sizes,
and few sites most of the blocks.
"""

import itertools
import random
from collections.abc import Callable, Iterator
from pathlib import Path

SIZES = Path(__file__).with_name("sizes.txt")
FRAMES = 25
FILES = 100  # of generated code, for each level of a stack

# What the interpreter asks the allocator for, for an object of each of these kinds.
OBJECT, FLOAT, INT, BYTES = 16, 24, 32, 34
# One line makes a block of any size: the nearest kind of object is taken below that of bytes.
_MAKE = (
    f"bytes(n - 33) if n >= {BYTES} else n + (1 << 40) if n > {FLOAT} "
    f"else n * 1.5 if n > {OBJECT} else object()"
)

Make = Callable[..., object]
Plan = list[list[int]]


def _functions(file: str, bodies: list[str]) -> list[Make]:
    """Compiles functions of one line each, as if they stood in a file."""
    names: dict[str, object] = {}
    source = "\n".join(f"def f{i}(path, n, down): return {body}" for i, body in enumerate(bodies))
    exec(compile(source, file, "exec"), names)
    return [names[f"f{i}"] for i in range(len(bodies))]  # type: ignore[misc]


def _level(level: int, width: int, body: str) -> list[Make]:
    """That many functions, spread over files."""
    files = min(FILES, width)
    spread = [
        _functions(f"/srv/app/level{level}/module{file}.py", [body] * (width // files))
        for file in range(files)
    ]
    return list(itertools.chain.from_iterable(spread))


def _profiles() -> list[list[tuple[int, int]]]:
    pairs = (line.split() for line in SIZES.read_text().splitlines())
    return [[tuple(map(int, pair.split("x"))) for pair in line] for line in pairs]  # type: ignore[misc]


def recorded(places: int, blocks: int) -> Plan:
    """The sizes of the blocks of each place, from the recorded sites in turn."""
    rng = random.Random(1)
    profiles = _profiles()
    totals = [sum(count for _, count in profile) for profile in profiles]
    share = blocks * len(profiles) / places / sum(totals)
    plan = []
    for place in range(places):
        profile, total = profiles[place % len(profiles)], totals[place % len(profiles)]
        sizes, counts = zip(*profile, strict=True)
        plan.append(rng.choices(sizes, counts, k=max(1, round(total * share))))
    return plan


def singles(places: int, sizes: int) -> Plan:
    """One block a place, of so many sizes in turn."""
    return [[BYTES + place % sizes] for place in range(places)]


def _one_frame(places: int) -> Callable[[int, int], object]:
    functions = _level(0, places, _MAKE)
    return lambda place, size: functions[place](0, size, ())


def _tree(places: int) -> Callable[[int, int], object]:
    """Stacks that share callers: the numbers of nodes double from level to level."""
    # A stack's caller on each level follows from its number, halved once for each level.
    width = 64
    levels = [_level(level, width, "down[0](path >> 1, n, down[1:])") for level in range(FRAMES)]
    leaves = _level(FRAMES, 10_000, _MAKE)

    def make(place: int, size: int) -> object:
        halves = [place >> level for level in range(FRAMES)]
        callers = [
            levels[level][halves[level] * 7919 % width] for level in range(FRAMES - 1, 0, -1)
        ]
        return callers[0](place, size, (*callers[1:], leaves[place * 31 % len(leaves)]))

    return make


def _nothing_shared(places: int) -> Callable[[int, int], object]:
    """Stacks that part at their oldest frame."""
    oldest = _level(0, places, "down[0](path, n, down[1:])")
    chain = [_level(level, 1, "down[0](path, n, down[1:])")[0] for level in range(1, FRAMES - 1)]
    down = (*chain, _level(FRAMES, 1, _MAKE)[0])
    return lambda place, size: oldest[place](place, size, down)


class Load:
    """So many blocks from so many places, seen through so many frames."""

    def __init__(
        self,
        label: str,
        nframe: int,
        places: int,
        blocks: int,
        shape: Callable[[int], Callable[[int, int], object]],
        *,
        sizes: int | None = None,
    ) -> None:
        self.label = label
        self.nframe = nframe
        self._places = places
        self._blocks = blocks
        self._shape = shape
        self._sizes = sizes

    def blocks(self) -> Iterator[tuple[Callable[[int, int], object], int, int]]:
        """For each block what makes it, of what place and size, in an order like a program's."""
        make = self._shape(self._places)
        plan = (
            singles(self._places, self._sizes)
            if self._sizes is not None
            else recorded(self._places, self._blocks)
        )
        calls = [(place, size) for place, sizes in enumerate(plan) for size in sizes]
        random.Random(2).shuffle(calls)
        return ((make, place, size) for place, size in calls)


LOADS = {
    "sites": Load("1,000,000 blocks, 10,000 sites, 1 frame", 1, 10_000, 1_000_000, _one_frame),
    "stacks": Load(
        "1,000,000 blocks, 100,000 stacks of 25 frames", FRAMES, 100_000, 1_000_000, _tree
    ),
    "worst": Load(
        "100,000 blocks of distinct sizes, stacks of 25 frames that share nothing",
        FRAMES,
        100_000,
        100_000,
        _nothing_shared,
        sizes=100_000,
    ),
    # Of as many sizes the blocks would take 500 GB.
    "apart": Load(
        "1,000,000 blocks of 1,000 sizes, stacks of 25 frames that share nothing",
        FRAMES,
        1_000_000,
        1_000_000,
        _nothing_shared,
        sizes=1_000,
    ),
    "many": Load(
        "10,000,000 blocks, 10,000 sites, 1 frame",
        1,
        10_000,
        10_000_000,
        _one_frame,
    ),
}
