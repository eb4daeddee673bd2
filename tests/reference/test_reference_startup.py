"""The sentences of the reference about tracing from the interpreter's start on.

Ours needs its start-up hook, which a wheel brings along.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Start:
    """A tracer's module, environment variable and -X option."""

    module: str
    variable: str
    option: str


STARTS = (
    Start("tracemalloc", "PYTHONTRACEMALLOC", "tracemalloc"),
    Start("ctracemalloc", "CTRACEMALLOC", "ctracemalloc"),
)


@pytest.fixture(params=STARTS, ids=lambda start: start.module)
def start(request: pytest.FixtureRequest) -> Start:
    chosen: Start = request.param
    return chosen


def output(code: str, *options: str, **variables: str) -> str:
    """What a fresh interpreter prints that runs `code`."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "CTRACEMALLOC"))
    }
    return subprocess.check_output(
        [sys.executable, *options, "-c", code], env=environment | variables, text=True
    )


def state(start: Start, *options: str, **variables: str) -> str:
    code = f"import {start.module} as t; print(t.is_tracing(), t.get_traceback_limit())"
    return output(code, *options, **variables).strip()


def test_off_by_default(start: Start) -> None:
    assert state(start) == "False 1"


@pytest.mark.parametrize(("value", "expected"), [("1", "True 1"), ("25", "True 25")])
def test_variable(start: Start, value: str, expected: str) -> None:
    assert state(start, **{start.variable: value}) == expected


@pytest.mark.parametrize("value", ["0", ""])
def test_variable_that_switches_nothing_on(start: Start, value: str) -> None:
    assert state(start, **{start.variable: value}) == "False 1"


@pytest.mark.parametrize("option", ["-E", "-I"])
def test_variable_is_ignored_where_all_are(start: Start, option: str) -> None:
    assert state(start, option, **{start.variable: "25"}) == "False 1"


@pytest.mark.parametrize(
    ("value", "expected"), [("", "True 1"), ("=1", "True 1"), ("=25", "True 25")]
)
def test_option(start: Start, value: str, expected: str) -> None:
    assert state(start, "-X", start.option + value) == expected


def test_option_wins_over_variable(start: Start) -> None:
    assert state(start, "-X", f"{start.option}=3", **{start.variable: "25"}) == "True 3"


def test_option_works_where_variables_are_ignored(start: Start) -> None:
    assert state(start, "-I", "-X", f"{start.option}=3") == "True 3"


def test_early_start_sees_modules_that_the_program_imports(start: Start) -> None:
    code = (
        f"import {start.module} as t\n"
        "import difflib\n"
        "files = t.take_snapshot().statistics('filename')\n"
        "print(any('importlib' in str(stat.traceback) for stat in files))"
    )
    assert output(code, "-X", start.option) == "True\n"


def test_start_at_runtime(start: Start) -> None:
    code = (
        f"import {start.module} as t\n"
        "before = t.is_tracing()\n"
        "t.start()\n"
        "print(before, t.is_tracing(), t.get_traceback_limit())"
    )
    assert output(code) == "False True 1\n"
