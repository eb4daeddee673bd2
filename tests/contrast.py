"""How light colours are, and how much two differ in that, as WCAG 2.2 defines it."""

from __future__ import annotations

Colour = tuple[float, float, float]


def linear(colour: str) -> Colour:
    """Return red, green and blue as light has them."""

    def channel(at: int) -> float:
        value = int(colour[at : at + 2], 16) / 255
        return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)

    return channel(1), channel(3), channel(5)


def _luminance(colour: Colour) -> float:
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


def contrast(one: str, other: str) -> float:
    """Return the ratio of contrast of two colours."""
    dark, bright = sorted((_luminance(linear(one)), _luminance(linear(other))))
    return (bright + 0.05) / (dark + 0.05)
