"""`.ci/packages`, on a machine that lacks all of them, of a Debian that does not have each."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tree import REPO

PROGRAMS = {
    "dpkg-query": "exit 1",
    "apt-cache": """
        case "$*" in
            policy) [ ! "$HAS_LISTS" ] || echo " 500 http://mirror sid/main amd64 Packages" ;;
            "show clang-"*) exit 100 ;;
        esac""",
    "apt-get": 'echo "apt-get $*"',
    "go": "exit 0",
    "id": 'echo "$USER_ID"',
}


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH on which the system's package manager is another one."""
    for name, script in PROGRAMS.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    return f"{tmp_path}:{os.environ['PATH']}"


def _packages(path: str, user: int, has_lists: str) -> subprocess.CompletedProcess[str]:
    variables = {"PATH": path, "USER_ID": str(user), "HAS_LISTS": has_lists}
    return subprocess.run(
        [REPO / ".ci" / "packages"],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_the_system_does_not_have_is_left_out(path: str) -> None:
    done = _packages(path, user=0, has_lists="yes")
    absent = "clang-14 clang-format-14 clang-tidy-14"
    line = "packages: this system does not have these of Debian 12, we go on without: "
    assert (done.stderr, done.returncode) == (f"{line}{absent}\n", 0)
    update, install = done.stdout.splitlines()
    assert update == "apt-get update -qq"
    assert "shellcheck" in install.split()
    assert "clang-14" not in install.split()


def test_who_is_not_root_is_told_what_can_be_installed(path: str) -> None:
    done = _packages(path, user=1000, has_lists="yes")
    assert (done.stdout, done.returncode) == ("", 1)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("packages: install as root: binutils debootstrap ")
    assert "clang-14" not in last


def test_without_lists_all_of_it_is_asked_for(path: str) -> None:
    done = _packages(path, user=1000, has_lists="")
    assert done.returncode == 1
    assert "clang-14" in done.stderr.split()
    assert "go on without" not in done.stderr
