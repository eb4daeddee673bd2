"""The reference of the commands says what their parsers do."""

from __future__ import annotations

import os
import pty
import re
import shlex
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
from cli_support import Caller, read_terminal
from ctracemalloc.cli import COMMANDS
from ctracemalloc.cli.commands import actions_of, reference

REFERENCE = Path(__file__).parents[2] / "docs" / "commands.md"


def test_the_reference_is_that_of_the_parsers() -> None:
    remedy = "run: python tools/command_reference.py"
    assert REFERENCE.read_text(encoding="utf-8") == reference(), remedy


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_explained(command: str) -> None:
    assert [action.dest for action in actions_of(command) if not action.help] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_value_has_a_name(command: str) -> None:
    with_value = [action for action in actions_of(command) if action.nargs != 0]
    assert [a.dest for a in with_value if not (a.metavar or a.choices)] == []


@pytest.mark.parametrize("command", set(COMMANDS) - {"doctor"})
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str], call: Caller) -> None:
    with pytest.raises(SystemExit, match="0"):
        call(command, "--help")
    text = capsys.readouterr().out
    assert "examples:" in text
    assert f"ctracemalloc {command}" in text


def test_the_version(call: Caller) -> None:
    version = metadata.version("ctracemalloc")
    assert call("--version") == (0, f"ctracemalloc {version}\n", "")


COMPLETED = [
    ("di", ["diff"]),
    ("top --cumu", ["--cumulative"]),
    ("top --by mo", ["module"]),
    ("export x.ctm --format pp", ["pprof"]),
    ("completion f", ["fish"]),
]


@pytest.mark.parametrize(("words", "completed"), [*COMPLETED, ("top nam", [])])
def test_bash_completes(call: Caller, words: str, completed: list[str]) -> None:
    script = call("completion", "bash").out
    line = ["ctracemalloc", *words.split()]
    ask = f"COMP_WORDS=({shlex.join(line)}); COMP_CWORD={len(line) - 1}; _ctracemalloc\n"
    show = "printf '%s\\n' \"${COMPREPLY[@]}\"\n"
    assert output_of("bash", "-c", script + ask + show).split() == completed


@pytest.mark.parametrize(("words", "completed"), COMPLETED)
def test_fish_completes(call: Caller, words: str, completed: list[str]) -> None:
    script = call("completion", "fish").out
    ask = f"complete -C {shlex.quote(f'ctracemalloc {words}')}\n"
    lines = output_of("fish", "--no-config", "-c", script + ask).splitlines()
    # Behind a tab stands what it means.
    assert [line.split("\t")[0] for line in lines] == completed


@pytest.mark.parametrize(("words", "completed"), COMPLETED)
def test_zsh_completes(call: Caller, tmp_path: Path, words: str, completed: list[str]) -> None:
    script = tmp_path / "completion.zsh"
    script.write_text(call("completion", "zsh").out)
    # Completion is of the line that is being edited: somebody has to press the key.
    keys = f"source {script}\nctracemalloc {words}\t\x01print RESULT: \nexit\n"
    text = typed("zsh", "-f", "-i", keys=keys)
    found = re.findall(r"^RESULT: ctracemalloc (.*?) *\r?$", text, re.MULTILINE)
    before = " ".join(words.split()[:-1])
    assert found == [f"{before} {completed[0]}".strip()], text


def output_of(shell: str, *arguments: str) -> str:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell}: .ci/packages installs it")
    done = subprocess.run(
        [shell, *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    return done.stdout


def typed(shell: str, *arguments: str, keys: str) -> str:
    """Return what a shell on a terminal shows for these keys."""
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell}: .ci/packages installs it")
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "dumb", "PS1": "> ", "HOME": "/nonexistent"}
    with subprocess.Popen(
        [shell, *arguments],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=environment,
        start_new_session=True,
    ) as process:
        os.close(follower)
        os.write(leader, keys.encode())
        text = read_terminal(leader)
        assert process.wait(60) == 0, text
    return text
