"""The documentation's site can be read: what its style sets beside the theme has contrast."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

STYLE = Path(__file__).parents[2] / "docs" / "assets" / "site.css"
# On what the colours stand: code, which has less contrast than a page, and the foot of a page.
CODE = {"default": "#f5f5f5", "slate": "#272a35"}
FOOT = "#171717"


def colours_of(scheme: str) -> dict[str, str]:
    """Return what the style sets for a scheme of the theme."""
    rules = re.findall(
        rf'\[data-md-color-scheme="{scheme}"\][^{{]*\{{([^}}]*)\}}', STYLE.read_text()
    )
    return dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6});", "".join(rules)))


def luminance(colour: str) -> float:
    def channel(at: int) -> float:
        value = int(colour[at : at + 2], 16) / 255
        return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)

    return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)


@pytest.mark.parametrize("scheme", CODE)
def test_text_has_the_contrast_of_level_aa(scheme: str) -> None:
    colours = colours_of(scheme)
    assert len(colours) > 5
    for name, colour in colours.items():
        ground = FOOT if "footer" in name else CODE[scheme]
        dark, bright = sorted((luminance(colour), luminance(ground)))
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, name


def test_links_in_text_are_underlined() -> None:
    (rule,) = re.findall(r"\ba:not\(\.headerlink\) \{([^}]*)\}", STYLE.read_text())
    assert "text-decoration: underline" in rule
