"""The command line options that benchmarks share, and how their values are read."""

import argparse
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from configs import BASE, Config

T = TypeVar("T")


def interpreter(text: str) -> str:
    """The absolute path of a program; links are kept, since a venv's python is one."""
    path = shutil.which(text)
    if path is None:
        raise argparse.ArgumentTypeError(f"cannot run {text!r}")
    return str(Path(path).absolute())


def parse_configs(text: str) -> list[Config]:
    """The configurations of a list with commas, and before them the base."""
    try:
        return [Config(name) for name in dict.fromkeys([BASE, *text.split(",")])]
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def choose(text: str, known: Mapping[str, T]) -> list[T]:
    """What a list of names with commas stands for."""
    names = text.split(",")
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
    return [known[name] for name in names]


def pin(cpu: int | None) -> None:
    """Keeps this process, and those it starts, on one processor: the last by default, -1 is any."""
    if cpu != -1:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0)) if cpu is None else cpu})


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser that shows a benchmark's docstring as it is."""
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def add_python(parser: argparse.ArgumentParser) -> None:
    """Adds which interpreter is measured."""
    parser.add_argument(
        "--python",
        type=interpreter,
        default=sys.executable,
        help="the interpreter to measure (default: this one)",
    )


def add_configs(parser: argparse.ArgumentParser, default: str) -> None:
    """Adds which configurations are measured."""
    parser.add_argument(
        "--config",
        type=parse_configs,
        default=default,
        metavar="LIST",
        help=f"which configurations, with commas (default: {default}); see configs.py",
    )


def add_into(parser: argparse.ArgumentParser) -> None:
    """Adds the document that the results go into."""
    parser.add_argument(
        "--into",
        type=Path,
        metavar="DOCUMENT",
        help="write between the marks in a document, instead of printing",
    )
