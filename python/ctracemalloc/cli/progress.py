"""A bar for work that takes more than a second: on stderr, and only on a terminal."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress

_PATIENCE = 1.0
# The bar is moved this often on its way.
_MOVES = 200


def track(items: Iterable[Any], total: int, what: str = "") -> Iterator[Any]:
    """Pass items on; show how many of `total` went by when it takes long."""
    if not sys.stderr.isatty():
        yield from items
        return
    began = time.monotonic()
    step = max(total // _MOVES, 1)
    iterator = iter(items)
    for number, item in enumerate(iterator, 1):
        yield item
        if number % step == 0 and time.monotonic() - began >= _PATIENCE:
            yield from _with_bar(iterator, number, total, what)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show what is being done if it takes long, where nobody knows how much of it is done."""
    if not sys.stderr.isatty():
        yield
        return
    bar = _LateBar(what)
    timer = threading.Timer(_PATIENCE, bar.show)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        bar.remove()


class _LateBar:
    """A bar that moves to and fro, once another thread shows it."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._lock = threading.Lock()
        self._is_over = False
        self._progress: Progress | None = None

    def show(self) -> None:
        with self._lock:
            progress = None if self._is_over else _make_bar()
            if progress is not None:
                progress.add_task(self._what, total=None)
                progress.start()
                self._progress = progress

    def remove(self) -> None:
        with self._lock:
            self._is_over = True
            if self._progress is not None:
                self._progress.stop()


def _with_bar(items: Iterator[Any], done: int, total: int, what: str) -> Iterator[Any]:
    progress = _make_bar()
    if progress is None:
        yield from items
        return
    step = max(total // _MOVES, 1)
    with progress:
        task = progress.add_task(what, total=total, completed=done)
        for number, item in enumerate(items, 1):
            yield item
            if number % step == 0:
                progress.update(task, advance=step)


def _make_bar() -> Progress | None:
    """Make a bar that vanishes at its end; None where rich is not installed."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    except ImportError:
        # The work is the same without.
        return None
    # A file's name is no markup.
    text = TextColumn("{task.description}", markup=False)
    console = Console(stderr=True)
    return Progress(text, BarColumn(), TimeElapsedColumn(), console=console, transient=True)
