"""Objects of one's own classes: made, copied deeply, pickled by every protocol, and kept."""

from __future__ import annotations

import collections
import copy
import dataclasses
import enum
import pickle
import weakref


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Shape:
    name: str
    colour: Colour
    corners: list[Point]
    area: float = 0.0
    attributes: dict[str, object] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Label:
    text: str
    size: int


class Node:
    """A node of a cycle, with a weak way back."""

    def __init__(self, number: int, previous: Node | None) -> None:
        self.number = number
        self.next = previous
        self.back = weakref.ref(previous) if previous else None
        self.label = Label(f"node {number}", number)


def shape(number: int) -> Shape:
    corners = [Point(number, corner * 0.5) for corner in range(4)]
    return Shape(f"shape {number}", Colour(number % 2 + 1), corners, number / 9, {"n": number})


def main() -> object:
    shapes = [shape(number) for number in range(600)]
    deep = copy.deepcopy(shapes[:200])
    pickles = [pickle.dumps(shapes, protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    loaded = [pickle.loads(data) for data in pickles[2:]]
    node: Node | None = None
    for number in range(1500):
        node = Node(number, node)
    counted = collections.Counter(item.name[-1] for item in shapes)
    grouped = collections.defaultdict(list)
    for item in shapes:
        grouped[item.colour].append(dataclasses.replace(item, area=item.area + 1))
    ordered = collections.OrderedDict((item.name, item) for item in shapes)
    return shapes, deep, pickles, loaded, node, counted, grouped, ordered
