"""What the commands are called with: for their reference, and for shells that complete words."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator

from ctracemalloc.cli import COMMANDS
from ctracemalloc.cli.arguments import Parser


def parser_of(command: str) -> Parser:
    """Return the parser of a command's options."""
    parser: Parser = importlib.import_module(f"ctracemalloc.cli.{command}").make_parser()
    return parser


def actions_of(command: str) -> list[argparse.Action]:
    """Return the options and arguments of a command."""
    # argparse has no public list of them.
    return parser_of(command)._actions


def reference() -> str:
    """Return the text of docs/commands.md."""
    return "\n".join(_pages())


def _pages() -> Iterator[str]:
    yield "# Commands\n"
    yield "`ctracemalloc COMMAND ...`, also as `python -m ctracemalloc COMMAND ...`.\n"
    yield "`ctracemalloc --version` prints the version.\n"
    yield "| command | |\n|---|---|"
    for command, summary in COMMANDS.items():
        yield f"| [`{command}`](#{command}) | {summary} |"
    yield (
        "\nExit status: 0 success; 1 failure, or more growth than `diff --fail-if-growth` allows; "
        "2 wrong usage; 130\ninterrupted from the keyboard; 141 nobody reads the output. `run` "
        "ends as its program does.\n"
    )
    for command in COMMANDS:
        parser = parser_of(command)
        yield f"## {command}\n"
        yield f"{_text(parser.description)}\n"
        for action in parser._actions:
            yield f"- {_names(action)}: {_help(parser, action)}"
        if parser.epilog:
            yield f"\n```text\n{parser.epilog.strip()}\n```"
        yield ""


def _names(action: argparse.Action) -> str:
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else "")
    if not action.option_strings:
        return f"`{value or action.dest}`"
    if action.nargs == 0:
        value = ""
    return ", ".join(f"`{name} {value}`".replace(" `", "`") for name in action.option_strings)


def _help(parser: Parser, action: argparse.Action) -> str:
    if isinstance(action, argparse._HelpAction):
        return "print a help message"
    values = {**vars(action), "prog": parser.prog}
    return " ".join(((action.help or "") % values).split())


def _text(text: str | None) -> str:
    """Keep the lines that are indented, and what looks like a tag, as they are."""
    return f"```text\n{(text or '').strip()}\n```"
