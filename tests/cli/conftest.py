"""What the tests of commands share."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_support import NEW_TRACES, OLD_TRACES, Caller, dump, write_named


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Caller:
    return Caller(capsys)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return dump(tmp_path, "old.ctm", OLD_TRACES)


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return dump(tmp_path, "new.ctm", NEW_TRACES)


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    return dump(tmp_path, "empty.ctm", [])


@pytest.fixture
def named(tmp_path: Path) -> Path:
    """Make a snapshot whose frames have names of functions."""
    return write_named(tmp_path / "named.ctm")
