"""Lets a program wait until the thread that looks at its memory has done so."""

from __future__ import annotations

import threading

import ctracemalloc

_PATIENCE = 60


def wait_for_look() -> None:
    """Return after a look that began after the call, and has ended."""
    is_tracing = ctracemalloc.is_tracing
    caller = threading.get_ident()
    looks = 0
    is_over = threading.Event()

    # What each look begins with: where the second one begins, the first is over.
    def counted() -> bool:
        nonlocal looks
        if threading.get_ident() != caller:
            looks += 1
            if looks == 2:
                is_over.set()
        return is_tracing()

    ctracemalloc.is_tracing = counted
    try:
        assert is_over.wait(_PATIENCE), "nobody looks"
    finally:
        ctracemalloc.is_tracing = is_tracing
