"""The reference of the commands says what their parsers do."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from cli_support import Caller
from ctracemalloc.cli import COMMANDS
from ctracemalloc.cli.commands import actions_of, reference

REFERENCE = Path(__file__).parents[2] / "docs" / "commands.md"


def test_the_reference_is_that_of_the_parsers() -> None:
    remedy = "run: python tools/command_reference.py"
    assert REFERENCE.read_text(encoding="utf-8") == reference(), remedy


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_explained(command: str) -> None:
    assert [action.dest for action in actions_of(command) if not action.help] == []


@pytest.mark.parametrize("command", set(COMMANDS) - {"doctor"})
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str], call: Caller) -> None:
    with pytest.raises(SystemExit, match="0"):
        call(command, "--help")
    text = capsys.readouterr().out
    assert "examples:" in text
    assert f"ctracemalloc {command}" in text


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["di"], ["diff"]),
        (["top", "--cumu"], ["--cumulative"]),
        (["top", "--by", "mo"], ["module"]),
        (["export", "x.ctm", "--format", "pp"], ["pprof"]),
        (["completion", "f"], ["fish"]),
        (["top", "nam"], []),
    ],
)
def test_bash_completes(call: Caller, words: list[str], completed: list[str]) -> None:
    script = call("completion", "bash").out
    line = " ".join(f"'{word}'" for word in ("ctracemalloc", *words))
    ask = f"COMP_WORDS=({line}); COMP_CWORD={len(words)}; _ctracemalloc\n"
    show = "printf '%s\\n' \"${COMPREPLY[@]}\"\n"
    done = subprocess.run(
        ["bash", "-c", script + ask + show],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == completed


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_accept_their_script(call: Caller, shell: str) -> None:
    script = call("completion", shell).out
    assert all(command in script for command in COMMANDS)
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    command = [shell, "-n", "-c", script]
    assert subprocess.run(command, timeout=60, check=False).returncode == 0
