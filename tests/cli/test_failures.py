"""One clear line for what goes wrong, and the right exit status."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_support import Caller, dump
from ctracemalloc.cli import top

READERS = ("top", "info")


@pytest.mark.parametrize("command", READERS)
def test_a_missing_file(call: Caller, tmp_path: Path, command: str) -> None:
    path = tmp_path / "missing.ctm"
    done = call(command, path)
    line = f"ctracemalloc {command}: cannot read {path}: No such file or directory\n"
    assert done == (1, "", line)


@pytest.mark.parametrize("command", READERS)
@pytest.mark.parametrize("content", [b"", b"just text\n", b"\x80\x04N."])
def test_no_snapshot(call: Caller, tmp_path: Path, command: str, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    done = call(command, path)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(f"ctracemalloc {command}: cannot read {path}: ")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("command", READERS)
def test_a_folder(call: Caller, tmp_path: Path, command: str) -> None:
    done = call(command, tmp_path)
    assert (done.status, done.err.count("\n")) == (1, 1)
    assert "directory" in done.err


def run(*arguments: str | Path, stdout: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ctracemalloc", *map(str, arguments)]
    return subprocess.run(
        command, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )


def test_a_broken_pipe_is_silent(new: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = run("top", new, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_one_line(new: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = run("top", new, stdout=full.fileno())
    assert done.returncode == 1
    assert done.stderr == "ctracemalloc top: the standard output: No space left on device\n"


@pytest.mark.parametrize("command", ["top", "tree", "info", "diff", "report"])
def test_an_encoding_that_has_not_all_characters(tmp_path: Path, command: str) -> None:
    path = dump(tmp_path, "caf\u00e9 \u65e5.ctm", [(0, 1000, (("app/\u672c.py", 7),), 1)])
    files = [path.name, path.name] if command == "diff" else [path.name]
    done = subprocess.run(
        [sys.executable, "-m", "ctracemalloc", command, *files],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        encoding="latin-1",
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "caf\u00e9 \\u65e5" in done.stdout
    if command in ("top", "tree"):
        assert "app/\\u672c.py:7" in done.stdout


@pytest.mark.parametrize("command", ["top", "tree", "diff"])
def test_the_locale_c_has_an_escape_for_all_others(tmp_path: Path, command: str) -> None:
    path = dump(tmp_path, "a.ctm", [(0, 1000, (("app/\u672c.py", 7),), 1)])
    empty = dump(tmp_path, "empty.ctm", [])
    files = [empty, path] if command == "diff" else [path]
    done = subprocess.run(
        [sys.executable, "-m", "ctracemalloc", command, *files],
        # Otherwise it would be UTF-8 in that locale, too.
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "app/\\u672c.py:7" in done.stdout


def test_an_interrupt_is_one_line(call: Caller, new: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(top, "open_snapshot", interrupt)
    assert call("top", new) == (130, "", "ctracemalloc top: interrupted\n")


def test_wrong_values(call: Caller, new: Path) -> None:
    for wrong in (("--limit", "-1"), ("--domain", "nowhere"), ("--by", "moon"), ("--sort", "x")):
        done = call("top", new, *wrong)
        assert done.status == 2
        assert f"argument {wrong[0]}: " in done.err
    assert call("diff", new, new, "--fail-if-growth", "much").status == 2
