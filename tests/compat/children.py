"""The children of CPython's tests: count them, and have them run ours where stdlib's was asked for.

`test.support.script_helper` starts children by `subprocess.Popen`, and some tests fork. Tests are
not edited: `subprocess.Popen` is replaced by a subclass that rewrites the command line and the
environment, and only those of this very interpreter.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_SWITCH = "tracemalloc"
_VARIABLE = "PYTHONTRACEMALLOC"
_OUR_SWITCH = "ctracemalloc"
_OUR_VARIABLE = "CTRACEMALLOC"


def translate_arguments(arguments: Sequence[str]) -> list[str]:
    """Give the command line in which `-X tracemalloc[=N]` starts ours instead."""
    translated = list(arguments)
    for position in range(1, len(translated)):
        if translated[position] in ("-c", "-m", "--"):
            break
        name, equals, value = translated[position].partition("=")
        if translated[position - 1] == "-X" and name == _SWITCH:
            translated[position] = _OUR_SWITCH + equals + value
        elif name == "-X" + _SWITCH:
            translated[position] = "-X" + _OUR_SWITCH + equals + value
    return translated


def translate_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Give the environment in which PYTHONTRACEMALLOC starts ours instead."""
    translated = dict(environment)
    if _VARIABLE in translated:
        translated[_OUR_VARIABLE] = translated.pop(_VARIABLE)
    return translated


def watch(on_start: Callable[[], bool]) -> None:
    """Call `on_start` before every child, which is translated if the answer is true.

    Forks are told to `on_start` as well; there its answer has no meaning.
    """
    original = subprocess.Popen

    class WatchedPopen(original):  # type: ignore[misc, valid-type]
        def __init__(self, args: Any, *rest: Any, **keywords: Any) -> None:
            translate = on_start()
            if translate and _is_this_interpreter(args):
                args = translate_arguments(args)
                environment = keywords.get("env")
                keywords["env"] = translate_environment(
                    os.environ if environment is None else environment
                )
            super().__init__(args, *rest, **keywords)

    subprocess.Popen = WatchedPopen  # type: ignore[misc]
    os.register_at_fork(before=lambda: _ignore(on_start()))


def _is_this_interpreter(args: Any) -> bool:
    return isinstance(args, (list, tuple)) and bool(args) and args[0] == sys.executable


def _ignore(_answer: bool) -> None:
    return None
