"""A page in the user's browser, where there is one."""

from __future__ import annotations

import os
import webbrowser
from pathlib import Path

# Without one of them only browsers in the terminal would be left, which would take it over.
_SIGNS = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")


def open_page(path: str) -> bool:
    """Show a file; tell whether a browser took it."""
    if not any(os.environ.get(name) for name in _SIGNS):
        return False
    try:
        return webbrowser.open(Path(path).absolute().as_uri())
    except webbrowser.Error:
        return False
