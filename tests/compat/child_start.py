"""Runs at the start of every child of a compat run, from a `.pth` line of the run's own venv.

Puts ours in place of stdlib's, as a program would that was told to use it (without tracing: that is
for the switches), and at exit writes down which of the two the child really had.
"""

from __future__ import annotations

import atexit
import json
import os
import sys

LOG_VARIABLE = "COMPAT_CHILD_LOG"
TEST_VARIABLE = "COMPAT_CHILD_TEST"

_begun = False


def tracer_in_place() -> str:
    """Tell whose functions `import tracemalloc` and `import _tracemalloc` give now."""
    import ctracemalloc

    for name in ("tracemalloc", "_tracemalloc"):
        module = sys.modules.get(name)
        if module is None or getattr(module, "start", None) is not ctracemalloc.start:
            return "stdlib"
    return "ours"


def write_line(log: str, test: str) -> None:
    """Append what this process is to the log, in one write so that lines never mix."""
    line = json.dumps({"test": test, "tracer": tracer_in_place()})
    fd = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(fd, line.encode() + b"\n")
    finally:
        os.close(fd)


def begin() -> None:
    """Install ours if this process is a child of a compat run.

    In a venv `site` reads each `.pth` file twice: the second time there is nothing left to do.
    """
    global _begun
    log = os.environ.get(LOG_VARIABLE)
    test = os.environ.get(TEST_VARIABLE)
    if _begun or log is None or test is None:
        return
    _begun = True
    import ctracemalloc

    ctracemalloc.install()
    atexit.register(write_line, log, test)
