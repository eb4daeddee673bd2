"""Reads the values of command line options."""

import argparse
import os
import shutil
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
