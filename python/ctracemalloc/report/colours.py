"""The colours of all pictures: pages and cells of notebooks have them from here.

They stay apart for all kinds of colour vision. Modules and sites have the hues of Okabe and Ito,
"Color Universal Design" (2008); growth and shrinkage the red and the blue of ColorBrewer's RdBu.
"""

from __future__ import annotations

from typing import Any

# Of modules: for black text on top of them, on a light or unknown background.
TINTS = ("#f0c987", "#9fd3f2", "#8fd3bd", "#f5ec9a", "#9dbfe6", "#eeb08a", "#e3b3cf", "#c9ced6")
_DARK_TINTS = (
    "#c99a4f",
    "#6aa9cf",
    "#5cab92",
    "#c9bd5a",
    "#7195c6",
    "#c98560",
    "#bd85a5",
    "#98a0ab",
)
# Of the areas of a time line, in the order in which neighbours are farthest apart.
_SERIES = ("#0072b2", "#f0e442", "#cc79a7", "#d55e00", "#009e73", "#e69f00", "#56b4e9", "#8b93a0")

# From least to most; `same`, `folded` and `found` stand apart from them.
_LIGHT = {
    "tints": TINTS,
    "grew": ("#fddbc7", "#d6604d"),
    "shrank": ("#d1e5f0", "#4393c3"),
    "own": ("#f6e8c3", "#e08214"),
    "same": "#e3e6ea",
    "folded": "#e9ebee",
    "found": "#e85fd0",
}
_DARK = {
    "tints": _DARK_TINTS,
    "grew": ("#b58a7a", "#f4705a"),
    "shrank": ("#7d93a3", "#5fb0e6"),
    "own": ("#9a8a66", "#f09a35"),
    "same": "#7d848e",
    "folded": "#858c96",
    "found": "#f08ae0",
}


def palette() -> dict[str, Any]:
    """Return the colours of a page, as it takes them."""
    return {"light": _LIGHT, "dark": _DARK, "series": _SERIES}
