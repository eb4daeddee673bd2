"""What takes long shows a bar: on stderr, on a terminal, after a second."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from cli_support import read_terminal

pytest.importorskip("rich")

# The command line with a second that is over at once, or never; in the mode "wait" what is read
# waits for the bar, so that the bar need not be quick.
_COMMAND = """\
import sys, threading
from ctracemalloc import Snapshot
from ctracemalloc.cli import main, progress
progress._PATIENCE, mode = float(sys.argv[1]), sys.argv[2]
shown = threading.Event()
make, load = progress._make_bar, Snapshot.load
def make_and_tell():
    bar = make()
    start = bar.start
    def start_and_tell():
        start()
        shown.set()
    bar.start = start_and_tell
    return bar
def load_slowly(path):
    assert mode != "wait" or shown.wait(60)
    return load(path)
progress._make_bar, Snapshot.load = make_and_tell, load_slowly
status = main(sys.argv[3:])
assert shown.is_set() == (mode != "none"), mode
sys.exit(status)
"""
SHORT, LONG = "0", "1e6"


def start(patience: str, mode: str, *arguments: str | Path, stderr: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", _COMMAND, patience, mode, *map(str, arguments)]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "200"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, env=environment)


def run_on_terminal(patience: str, mode: str, *arguments: str | Path) -> tuple[str, str]:
    leader, follower = pty.openpty()
    with start(patience, mode, *arguments, stderr=follower) as process:
        os.close(follower)
        err = read_terminal(leader)
        out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return out.decode(), err


def run_on_pipe(patience: str, mode: str, *arguments: str | Path) -> tuple[str, str]:
    with start(patience, mode, *arguments, stderr=subprocess.PIPE) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0
    return out.decode(), err.decode()


def test_slow_work_says_what_it_is(new: Path) -> None:
    _, err = run_on_terminal(SHORT, "wait", "top", new)
    assert f"reading {new}" in err
    # It is gone at the end, and the cursor is back.
    assert err.rstrip().endswith("\x1b[2K")
    assert err.count("\x1b[?25l") == err.count("\x1b[?25h") > 0


def test_quick_work_shows_nothing(new: Path) -> None:
    assert run_on_terminal(LONG, "none", "top", new)[1] == ""


def test_rows_move_a_bar(new: Path, tmp_path: Path) -> None:
    rest = ("--format", "csv", "-o", tmp_path / "out.csv")
    _, err = run_on_terminal(SHORT, "wait", "export", new, *rest)
    assert f"reading {new}" in err
    assert "writing" in err


def test_files_move_a_bar(new: Path, old: Path, tmp_path: Path) -> None:
    _, err = run_on_terminal(SHORT, "bar", "merge", new, old, new, "-o", tmp_path / "out.ctm")
    assert "reading" in err


def test_a_pipe_sees_nothing(new: Path) -> None:
    assert run_on_pipe(SHORT, "none", "top", new) == run_on_terminal(LONG, "none", "top", new)
