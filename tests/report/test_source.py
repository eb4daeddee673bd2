"""Source lines come from the files that a snapshot names, and from no other place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ctracemalloc import Frame
from ctracemalloc.report import source
from ctracemalloc.report.source import source_line


def test_a_line_is_read_and_cut(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text("first = 1\n    second = 22\n", encoding="utf-8")
    assert source_line(Frame((str(file), 2)), 100) == "second = 22"
    assert source_line(Frame((str(file), 2)), 6) == "second"
    assert source_line(Frame((str(file), 3)), 100) == ""


def test_a_relative_name_is_not_looked_for_along_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "only_there.py").write_text("secret = 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    assert source_line(Frame(("only_there.py", 1)), 100) == ""
    assert source_line(Frame(("elsewhere/only_there.py", 1)), 100) == "secret = 1"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    assert source_line(Frame((str(tmp_path / "pipe.py"), 1)), 100) == ""


@pytest.mark.parametrize("name", ["", "/dev/zero", "/proc/self/status", "a\0b.py", "\ud800.py"])
def test_what_is_no_source_file_has_no_lines(name: str) -> None:
    assert source_line(Frame((name, 1)), 100) == ""


def test_a_file_that_is_too_large_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "large.py"
    file.write_text("x = 1\n", encoding="utf-8")
    monkeypatch.setattr(source, "LARGEST_FILE", 5)
    assert source_line(Frame((str(file), 1)), 100) == ""
