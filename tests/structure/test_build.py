"""What a build says on a machine that lacks something: which package brings it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tree import REPO

WITHOUT_A_GIL = "sysconfig.get_config_vars()['Py_GIL_DISABLED'] = 1"
WITHOUT_HEADERS = """
sysconfig.get_config_vars()['INCLUDEPY'] = '/nowhere'
paths = {**sysconfig.get_paths(), 'include': '/nowhere', 'platinclude': '/nowhere'}
sysconfig.get_paths = lambda *_, **__: paths
"""


def _error(folder: Path, start: str = "", **environment: str) -> str:
    """Return the error of `meson setup` for an interpreter that executes this at its start."""
    (folder / "sitecustomize.py").write_text(f"import sysconfig\n{start}")
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={folder} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    native = folder / "native.ini"
    native.write_text(f"[binaries]\npython = '{python}'\n")
    meson = (sys.executable, "-m", "mesonbuild.mesonmain", "setup", f"--native-file={native}")
    done = subprocess.run(
        (*meson, folder / "build", REPO),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    (error,) = (line for line in done.stdout.splitlines() if " ERROR: " in line)
    return error.partition(" ERROR: ")[2]


@pytest.mark.parametrize(
    "environment", [{"PKG_CONFIG": "/nowhere"}, {"PKG_CONFIG_LIBDIR": "/nowhere"}]
)
def test_libraries(tmp_path: Path, environment: dict[str, str]) -> None:
    remedy = "apt-get install pkg-config libzstd-dev libxxhash-dev"
    assert _error(tmp_path, **environment).endswith(remedy)


def test_headers_of_python(tmp_path: Path) -> None:
    libraries_alone = tmp_path / "pkg-config"
    libraries_alone.write_text(
        '#!/bin/sh\ncase "$*" in *python*) exit 1 ;; esac\nexec pkg-config "$@"\n'
    )
    libraries_alone.chmod(0o755)
    error = _error(tmp_path, WITHOUT_HEADERS, PKG_CONFIG=str(libraries_alone))
    assert error.endswith("apt-get install python3-dev")


def test_free_threaded_builds_are_refused_before_anything_is_compiled(tmp_path: Path) -> None:
    refusal = "ctracemalloc does not support free-threaded builds of CPython yet"
    assert _error(tmp_path, WITHOUT_A_GIL).endswith(refusal)
