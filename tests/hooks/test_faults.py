"""Every page that the tracer asks of the system under a real interpreter, refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def test_every_page_refused(native_folder: Path, tmp_path: Path) -> None:
    """The program goes on, what is missing is counted, and nothing that is there is wrong."""
    library = tmp_path / "refuse.so"
    compiler = os.environ.get("CC", "cc")
    source = HERE / "refuse.c"
    subprocess.run(
        [compiler, "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", source, "-o", library], check=True
    )
    path = os.pathsep.join([str(native_folder), os.environ.get("PYTHONPATH", "")])
    # A sanitizer's runtime wants to be first.
    preload = f"{os.environ.get('LD_PRELOAD', '')} {library}"
    result = subprocess.run(
        [sys.executable, str(HERE / "pages.py"), os.environ.get("CTM_CASES", "30")],
        env={**os.environ, "PYTHONPATH": path, "LD_PRELOAD": preload},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-4000:]
