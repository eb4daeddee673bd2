"""A report at the end of a program, by another process: this one's modules may be anybody's."""

# The import of pathlib is left to the program.
# ruff: noqa: PTH123

from __future__ import annotations

import os
import sys

from ctracemalloc.live.say import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

# In the head of each page, by which it is known again.
MARK = '<meta name="generator" content="ctracemalloc">'
_HEAD_BYTES = 512


def report_path(snapshot_path: str) -> str:
    """Return the path of the report beside a snapshot."""
    return f"{snapshot_path.removesuffix('.ctm')}.html"


def is_taken(path: str | Path) -> bool:
    """Tell whether a file is there that is no report of ours, and is not to be replaced."""
    if not os.path.exists(path):  # noqa: PTH110
        return False
    try:
        with open(path, "rb") as file:
            return MARK.encode() not in file.read(_HEAD_BYTES)
    except OSError:
        return True


def open_report(snapshot_paths: list[str], folder: str | None) -> None:
    """Write the report of snapshots, which stands beside the last one, and open it in a browser."""
    page = report_path(snapshot_paths[-1])
    # The program may have made it since.
    if is_taken(page):
        say(f"ctracemalloc: no report: {page} is another file\n")
        return
    import subprocess

    # Without the program's folder, whose modules need not be what they are called.
    command = [sys.executable, "-P", "-m", "ctracemalloc", "report", "--open", "--force"]
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CTRACEMALLOC", "_CTRACEMALLOC"))
    }
    done = subprocess.run(
        [*command, "-o", page, *snapshot_paths],
        stdin=subprocess.DEVNULL,
        # What the program prints is not mixed with ours.
        stdout=2,
        cwd=folder,
        env=environment,
        check=False,
    )
    if done.returncode:
        say("ctracemalloc: no report\n")
