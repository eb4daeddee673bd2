"""One line to the people who started the program, and why something failed."""

from __future__ import annotations

import os
import sys


def say(text: str) -> None:
    """Write to the process's standard error, also if `sys.stderr` is busy, replaced or closed."""
    if sys.__stderr__ is None:
        # The descriptor is free, or somebody else's file.
        return
    rest = text.encode(sys.__stderr__.encoding, "backslashreplace")
    try:
        while rest:
            rest = rest[os.write(2, rest) :]
    except OSError:
        # Nobody listens, and the program is not to be changed by it.
        pass


def reason(error: Exception) -> str:
    """Describe why something could not be done, without the path that `OSError` repeats."""
    if isinstance(error, MemoryError):
        # It has no words of its own.
        return "out of memory"
    return getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
