"""The documentation's site can be read: what its style sets beside the theme has contrast."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from contrast import contrast

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


@pytest.mark.parametrize("scheme", CODE)
def test_text_has_the_contrast_of_level_aa(scheme: str) -> None:
    colours = colours_of(scheme)
    assert len(colours) > 5
    for name, colour in colours.items():
        ground = FOOT if "footer" in name else CODE[scheme]
        assert contrast(colour, ground) >= 4.5, name


def test_links_in_text_are_underlined() -> None:
    (rule,) = re.findall(r"\ba:not\(\.headerlink\) \{([^}]*)\}", STYLE.read_text())
    assert "text-decoration: underline" in rule
