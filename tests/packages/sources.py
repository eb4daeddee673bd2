"""Brings a package and its tests: a venv of its own, and the tests of the wheel or of the sdist."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

PYTEST = "pytest>=8,<10"


def make_venv(requirements: list[str], wheel: Path, venv: Path) -> Path:
    """Make a venv with these and ctracemalloc's wheel."""
    shutil.rmtree(venv, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    python = venv / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*command, PYTEST, str(wheel), *requirements], check=True)
    return python


def unpack(name: str, package: dict[str, Any], python: Path, target: Path) -> None:
    """Lay out what is picked of the package's source archive."""
    shutil.rmtree(target, ignore_errors=True)
    archives = target / "archive"
    command = [str(python), "-m", "pip", "download", "-q", "--disable-pip-version-check"]
    wanted = f"{name}=={package['version']}"
    command += ["--no-deps", "--no-binary", name, "-d", str(archives), wanted]
    subprocess.run(command, check=True)
    [archive] = archives.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(archives, filter="data")
    [root] = [path for path in archives.iterdir() if path.is_dir()]
    for picked in package["pick"]:
        source = root / picked
        if not source.exists():
            raise SystemExit(f"packages: {archive.name} has no {picked}")
        (target / picked).parent.mkdir(parents=True, exist_ok=True)
        source.rename(target / picked)
    shutil.rmtree(archives)
    if link := package.get("site-packages-as"):
        [site_packages] = python.parent.parent.glob("lib/python*/site-packages")
        (target / link).symlink_to(site_packages)


def prepare(
    name: str, package: dict[str, Any], wheel: Path, folder: Path, again: bool
) -> tuple[Path, Path]:
    """Give the interpreter of the package's venv, and the folder that its tests are run in."""
    venv, tests = folder / "venv", folder / "tests"
    python = venv / "bin" / "python"
    ready = folder / "ready"
    if again and ready.exists():
        return python, tests
    ready.unlink(missing_ok=True)
    requirements = [f"{name}=={package['version']}", *package.get("requirements", [])]
    make_venv(requirements, wheel, venv)
    tests.mkdir(exist_ok=True)
    if package["tests"] == "sdist":
        unpack(name, package, python, tests)
    if not package.get("has-settings"):
        # Else pytest looks for settings upwards, and finds ours.
        lines = ["[pytest]", *package.get("settings", []), ""]
        (tests / "pytest.ini").write_text("\n".join(lines), encoding="utf-8")
    ready.touch()
    return python, tests
