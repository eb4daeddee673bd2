"""The standard streams of a process: closed, or of an encoding that has not all characters."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout


class _Nowhere(io.StringIO):
    """Takes what is printed to a closed stream, and keeps nothing of it."""

    def write(self, text: str, /) -> int:
        return len(text)


@contextmanager
def closed_streams_replaced() -> Iterator[None]:
    """Let all that is printed to a closed stream go nowhere."""
    with ExitStack() as stack:
        # The interpreter has None in their place, which `print` takes for stdout.
        if sys.stdout is None:
            stack.enter_context(redirect_stdout(_Nowhere()))
        if sys.stderr is None:
            stack.enter_context(redirect_stderr(_Nowhere()))
        yield


def escape_on_stdout() -> None:
    """Print by an escape what stdout's encoding has no bytes for, as stderr does by itself.

    In the locale C stdout has bytes for what was read of such bytes, and for nothing more.
    """
    lacking = ("strict", "surrogateescape")
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors in lacking:
        sys.stdout.reconfigure(errors="backslashreplace")


def is_stdout_closed() -> bool:
    """Tell whether what is written to stdout goes nowhere."""
    return isinstance(sys.stdout, _Nowhere)
