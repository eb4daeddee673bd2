"""What `ctracemalloc attach` has a running process do."""

from __future__ import annotations

import os

import ctracemalloc
from ctracemalloc._text import count_of
from ctracemalloc.live.say import reason

START = "start"
SNAPSHOT = "snapshot"
STOP = "stop"

DONE = "done"
FAILED = "failed"


def act(action: str, nframe: int, path: str) -> tuple[str, str]:
    """Do what was asked for in this process; return `DONE` or `FAILED`, and what to tell.

    Nothing is raised: the program knows nothing of it.
    """
    try:
        if action == START:
            return _start(nframe)
        if not ctracemalloc.is_tracing():
            return FAILED, "it is not traced (begin with 'start')"
        if action == SNAPSHOT:
            return _write_snapshot(path)
        current, peak = ctracemalloc.get_traced_memory()
        ctracemalloc.stop()
    except Exception as error:
        return FAILED, reason(error)
    return DONE, f"stopped; {current:,} bytes were traced, {peak:,} at the peak"


def leave_answer(folder: str, answer: tuple[str, str]) -> None:
    """Write the answer where the asking process looks for it, or clean up if it has gone."""
    part = f"{folder}/part"
    text = repr(answer).encode("utf-8", "surrogatepass")
    # A file object's buffer would be the program's peak.
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        while text:
            text = text[os.write(descriptor, text) :]
    finally:
        os.close(descriptor)
    os.replace(part, f"{folder}/answer")  # noqa: PTH105
    if os.path.exists(f"{folder}/late"):  # noqa: PTH110
        import shutil

        shutil.rmtree(folder, ignore_errors=True)


def _start(nframe: int) -> tuple[str, str]:
    if ctracemalloc.is_tracing():
        limit = ctracemalloc.get_traceback_limit()
        return FAILED, f"it is traced already, with {count_of(limit, 'frame')} a traceback"
    ctracemalloc.start(nframe)
    return DONE, f"traced from now on, with {count_of(nframe, 'frame')} a traceback"


def _write_snapshot(path: str) -> tuple[str, str]:
    current, peak = ctracemalloc.get_traced_memory()
    snapshot = ctracemalloc.take_snapshot()
    try:
        snapshot.dump(path, command=True)
    except OSError as error:
        return FAILED, f"it cannot write {path}: {reason(error)}"
    blocks = count_of(len(snapshot.traces), "block")
    return DONE, f"{current:,} bytes in {blocks}, {peak:,} at the peak: {path}"
