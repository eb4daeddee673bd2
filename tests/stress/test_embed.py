"""The interpreter brought up and down by a program that embeds it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from native import HERE, build_program, can_embed

pytestmark = pytest.mark.skipif(not can_embed(), reason="the interpreter has no shared library")


# Bound to its place, the program has stubs that others take for the interpreter's functions.
PLACES = {"anywhere": [], "in its place": ["-fno-pie", "-no-pie"]}


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("embed")
    targets = {place: folder / place for place in PLACES}
    for place, options in PLACES.items():
        build_program(HERE / "embed.c", targets[place], *options)
    return targets


SCENARIOS = ["lives", "threads", "subinterpreters", "daemons", "allocators"]
if sys.version_info >= (3, 12):
    # With a GIL of their own.
    SCENARIOS.append("isolated")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_embedded(programs: dict[str, Path], scenario: str) -> None:
    """cp#129185, cp#129191: frees after the interpreter's end find no hook of ours."""
    run(programs["anywhere"], scenario)


@pytest.mark.parametrize("place", PLACES)
def test_reports_reach_us_wherever_the_program_is(programs: dict[str, Path], place: str) -> None:
    run(programs[place], "reports")


def run(program: Path, scenario: str) -> None:
    folders = [path for path in sys.path if path.endswith("-packages")]
    # As far as an embedding program needs to be told where its home is.
    env = {**os.environ, "PYTHONHOME": sys.base_prefix, "PYTHONNOUSERSITE": "1"}
    result = subprocess.run(
        [program, scenario, os.pathsep.join(folders)],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, (result.returncode, result.stderr[-4000:])
