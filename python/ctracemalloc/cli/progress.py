"""A bar for work that takes more than a second: on stderr, and only on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

_PATIENCE = 1.0
_STEP = 1024


def track(items: Iterable[Any], total: int) -> Iterator[Any]:
    """Pass items on; show how many of `total` went by when it takes long."""
    if not sys.stderr.isatty():
        yield from items
        return
    began = time.monotonic()
    iterator = iter(items)
    for number, item in enumerate(iterator, 1):
        yield item
        if number % _STEP == 0 and time.monotonic() - began > _PATIENCE:
            yield from _with_bar(iterator, number, total)


def _with_bar(items: Iterator[Any], done: int, total: int) -> Iterator[Any]:
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:
        # Installed without its dependencies: the work is the same.
        yield from items
        return
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total, completed=done)
        for number, item in enumerate(items, 1):
            yield item
            if number % _STEP == 0:
                progress.update(task, advance=_STEP)
