"""Snapshots with known traces, and the command line called in this process."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from ctracemalloc import Snapshot
from ctracemalloc.cli import main

# (domain, size, frames with the newest first, total_nframe)
MAIN = ("app/main.py", 1)
LOAD = ("app/load.py", 7)
PARSE = ("app/parse.py", 20)
OLD_TRACES = [
    (0, 1000, (LOAD, MAIN), 2),
    (0, 1000, (LOAD, MAIN), 2),
    (0, 512, (PARSE, LOAD, MAIN), 3),
    (389047, 4096, (("app/gone.py", 3), MAIN), 2),
]
NEW_TRACES = [
    (0, 1000, (LOAD, MAIN), 2),
    (0, 20480, (PARSE, LOAD, MAIN), 3),
    (0, 512, (PARSE, LOAD, MAIN), 3),
    (389047, 65536, (("app/[red]new.py", 9), MAIN), 2),
    (414141, 8, (("app/\x1b[31m.py", 2),), 1),
]
NEW_TOTAL = 1000 + 20480 + 512 + 65536 + 8
OLD_TOTAL = 2000 + 512 + 4096


class Outcome(NamedTuple):
    """What a command left: its status and its lines."""

    status: int
    out: str
    err: str


class Caller:
    """Calls the command line in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> Outcome:
        status = main([str(argument) for argument in arguments])
        return Outcome(status, *self._capsys.readouterr())


def dump(folder: Path, name: str, traces: Sequence[tuple[object, ...]]) -> Path:
    """Write a snapshot of these traces."""
    path = folder / name
    Snapshot(traces, 25).dump(path)  # type: ignore[arg-type]
    return path


# Names of functions cannot be made by hand: they come from code that runs.
_NAMED = """\
import sys
import ctracemalloc as t

def define(path, text):
    scope = {}
    exec(compile(text, path, "exec"), scope)
    return scope

method = "class Cache:\\n def add(kept, i):\\n  kept[i] = bytes(1000)"
add = define("app/cache.py", method)["Cache"].add
load = define("app/load.py", "def load(kept, i):\\n kept[i] = bytes(2000)")["load"]
run = define("tool.py", "def run(kept, i):\\n kept[i] = bytes(3000)")["run"]
kept = [None] * 7

def main():
    for i in range(7):
        (add if i < 4 else load if i < 6 else run)(kept, i)

t.start(5)
main()
snapshot = t.take_snapshot()
t.stop()
patterns = ("app/cache.py", "app/load.py", "tool.py")
snapshot.filter_traces([t.Filter(True, p) for p in patterns]).dump(sys.argv[1])
"""


def write_named(path: Path) -> Path:
    """Write a snapshot of 4 blocks of Cache.add, 2 of load and 1 of run, all called by main."""
    subprocess.run([sys.executable, "-c", _NAMED, path], check=True, timeout=60)
    return path


def on_terminal(*arguments: str | Path, columns: int = 60) -> str:
    """Return what the command line writes to a terminal of this width."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    command = [sys.executable, "-m", "ctracemalloc", *map(str, arguments)]
    with subprocess.Popen(command, stdout=follower, env=environment) as process:
        os.close(follower)
        text = read_terminal(leader)
        assert process.wait(60) == 0
    return text


def read_terminal(leader: int) -> str:
    """Return all that is written to a terminal, until the last writer has left."""
    parts = []
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:
            # So a terminal says that.
            break
        if not part:
            break
        parts.append(part)
    os.close(leader)
    return b"".join(parts).decode()


def without_style(text: str) -> list[str]:
    """Return the lines that are seen on a terminal."""
    return re.sub(r"\x1b\[[\d;]*m", "", text).splitlines()
