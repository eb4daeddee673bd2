"""The short form of run.py."""

from __future__ import annotations

import os
import subprocess
import sys

from native import HERE


def test_book_and_tracer_agree_to_the_block() -> None:
    """cp#128679, cp#130093, cp#131566, dd#17664: start and stop while others are in hooks."""
    command = [sys.executable, str(HERE / "run.py"), "--calls", os.environ.get("CTM_CALLS", "2e6")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert result.returncode == 0, result.stdout + result.stderr[-4000:]
    print(result.stdout)
