"""The C libraries, built once for the tests that look into them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tree import FLOORS_WITHOUT_PYTHON, REPO


def _run(*command: str) -> None:
    result = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert result.returncode == 0, f"{' '.join(command)} failed:\n{result.stdout}"


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Build the floors below the extension, optimized; give each one's archive."""
    build = tmp_path_factory.mktemp("archives")
    meson = (sys.executable, "-m", "mesonbuild.mesonmain")
    # With link-time optimization the archives hold no symbols yet.
    options = ("-Dpython=false", "-Dtests=false", "-Db_lto=false")
    _run(*meson, "setup", str(build), str(REPO), *options)
    _run(*meson, "compile", "-C", str(build))
    found = {floor: list(build.rglob(f"libctm_{floor}.a")) for floor in FLOORS_WITHOUT_PYTHON}
    assert all(len(paths) == 1 for paths in found.values()), found
    return {floor: paths[0] for floor, paths in found.items()}
