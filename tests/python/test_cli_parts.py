"""The parts of the command line that need no other process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ctracemalloc._text import printable
from ctracemalloc.cli import run
from ctracemalloc.cli.errors import CommandError
from ctracemalloc.cli.interpreter import interpreter_options
from ctracemalloc.live.target import expand_path


@pytest.mark.parametrize(
    ("command_line", "options"),
    [
        ("", ""),
        ("-m ctracemalloc run -n 3", ""),
        ("-mctracemalloc", ""),
        ("script -B", ""),
        ("- -B", ""),
        ("-- -B", ""),
        ("-c code -B", ""),
        ("-B -I -m x", "-B -I"),
        ("-BIm x", "-BI"),
        ("-Ix script", "-I"),
        ("-x script", ""),
        ("-X dev -m x", "-X dev"),
        ("-Xdev -Werror script", "-Xdev -Werror"),
        ("-BX dev -W error script", "-BX dev -W error"),
        ("-OOuWm script", "-OOuWm"),
        ("-Wc -Xm -c x", "-Wc -Xm"),
        ("--check-hash-based-pycs always -v s", "--check-hash-based-pycs always -v"),
    ],
)
def test_interpreter_options(command_line: str, options: str) -> None:
    assert interpreter_options(["python", *command_line.split()]) == options.split()


def test_interpreter_options_of_real_processes() -> None:
    """A process started with the options that were found was started with the same options."""
    code = "import sys; print(sys.flags, sys.warnoptions, sys._xoptions)"
    for options in (
        ["-IBX", "a=b", "-W", "ignore"],
        ["-Es", "-OO", "-bb", "-Xdev", "-Wc"],
        ["-P", "-u", "-qiX", "m", "--check-hash-based-pycs", "never"],
    ):
        seen = []
        for given in (options, interpreter_options([sys.executable, *options, "-c", code])):
            command = [sys.executable, *given, "-c", code]
            done = subprocess.run(
                command, capture_output=True, stdin=subprocess.DEVNULL, text=True, check=True
            )
            seen.append(done.stdout)
        assert seen[0] == seen[1]


@pytest.mark.parametrize(
    ("words", "own", "program"),
    [
        ("", "", ""),
        ("app.py -n 3", "", "app.py -n 3"),
        ("-n 3 app.py --top", "-n 3", "app.py --top"),
        ("-n3 --top=4 -o x -m module -o y", "-n3 --top=4 -o x", "-m module -o y"),
        ("--output x -mmodule", "--output x", "-mmodule"),
        ("-o -c -c code", "-o -c", "-c code"),
        ("--help app.py", "--help", "app.py"),
        ("- x", "", "- x"),
        ("-n 3 -- -m x", "-n 3", "-m x"),
        ("-n", "-n", ""),
    ],
)
def test_split_arguments(words: str, own: str, program: str) -> None:
    expected = own.split(), program.split()
    assert run.split_arguments(run.make_parser(), words.split()) == expected


def test_each_option_of_run_takes_its_value_and_no_more() -> None:
    for action in run.make_parser()._actions:
        for name in action.option_strings:
            words = [name] if action.nargs == 0 else [name, "value"]
            split = run.split_arguments(run.make_parser(), [*words, "app.py", "--top"])
            assert split == (words, ["app.py", "--top"])


def test_expand_path() -> None:
    assert expand_path("a/%p/%%/%%p%p%p.ctm", 12) == "a/12/%/%p1212.ctm"
    assert expand_path("", 1) == ""
    for template in ("%", "x%", "%d", "%%%", "% p"):
        with pytest.raises(ValueError, match="unknown '%"):
            expand_path(template, 1)


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Not by the folder's mode: root may write anywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path or not mode & os.W_OK)
    with pytest.raises(CommandError, match=f"no permission to write to {tmp_path} .choose"):
        run.main(["-o", str(tmp_path / "x.ctm"), "-c", "pass"])


def test_a_device_needs_no_permission_for_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of users other than root who throw the snapshot away."""
    monkeypatch.setattr(os, "access", lambda path, mode: path != Path("/dev"))
    begun = []
    monkeypatch.setattr(os, "execve", lambda *program: begun.append(program))
    run.main(["-o", "/dev/null", "-c", "pass"])
    assert len(begun) == 1
    with pytest.raises(CommandError, match="no permission to write to /dev "):
        run.main(["-o", "/dev/none.ctm", "-c", "pass"])


def test_printable() -> None:
    assert printable("plain: é 漢 🐍") == "plain: é 漢 🐍"
    assert printable("\x1b[31m\r\n\udc80\u202e\x00") == r"\x1b[31m\r\n\udc80\u202e\x00"
