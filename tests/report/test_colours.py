"""The colours of pictures stay apart for all kinds of colour vision, and bear the text on them."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from contrast import Colour, contrast, linear
from ctracemalloc.report.colours import palette

# How each kind of colour vision sees linear red, green and blue, at full strength: Machado and
# others, "A Physiologically-based Model for Simulation of Color Vision Deficiency" (2009).
VISIONS = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deutan": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritan": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
TEXT = "#16191d"


def lab(colour: Colour) -> Colour:
    red, green, blue = (min(max(part, 0.0), 1.0) for part in colour)
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089

    def root(part: float) -> float:
        return float(part ** (1 / 3)) if part > 0.008856 else 7.787 * part + 16 / 116

    return 116 * root(y) - 16, 500 * (root(x) - root(y)), 200 * (root(y) - root(z))


def distance(one: str, other: str, vision: str) -> float:
    """Return how far apart two colours look: a distance of 2 can just be seen."""

    def seen(colour: str) -> Colour:
        parts = linear(colour)
        red, green, blue = (
            sum(factor * part for factor, part in zip(row, parts, strict=True))
            for row in VISIONS[vision]
        )
        return lab((red, green, blue))

    pairs = zip(seen(one), seen(other), strict=True)
    return float(sum((a - b) ** 2 for a, b in pairs) ** 0.5)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("vision", VISIONS)
def test_growth_is_told_from_shrinkage(theme: str, vision: str) -> None:
    colours = palette()[theme]
    grew, shrank, same = colours["grew"][1], colours["shrank"][1], colours["same"]
    assert distance(grew, shrank, vision) > 25
    assert min(distance(grew, same, vision), distance(shrank, same, vision)) > 15
    assert distance(colours["grew"][0], colours["shrank"][0], vision) > 8


@pytest.mark.parametrize("vision", VISIONS)
def test_neighbours_of_a_time_line_are_told_apart(vision: str) -> None:
    series = palette()["series"]
    assert min(distance(a, b, vision) for a, b in pairwise(series)) > 20
    assert len(set(series)) == len(series)


@pytest.mark.parametrize("vision", VISIONS)
def test_own_memory_is_told_from_none(vision: str) -> None:
    for theme in ("light", "dark"):
        colours = palette()[theme]
        assert distance(colours["own"][1], colours["same"], vision) > 20
        assert distance(colours["own"][1], colours["own"][0], vision) > 15


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_on_all_of_them(theme: str) -> None:
    colours = palette()[theme]
    ends = [*colours["tints"], *colours["grew"], *colours["shrank"], *colours["own"]]
    for colour in (*ends, colours["same"], colours["folded"], colours["found"]):
        assert contrast(colour, TEXT) >= 4.5, colour


def test_tints_differ() -> None:
    for theme in ("light", "dark"):
        for one, other in combinations(palette()[theme]["tints"], 2):
            assert distance(one, other, "normal") > 8
