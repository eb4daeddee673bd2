"""How this interpreter was started, and whether it starts tracing when asked to."""

from __future__ import annotations

import importlib.util
import os
import site
from collections.abc import Sequence
from pathlib import Path

HOOK = "ctracemalloc.pth"
STARTUP = "ctracemalloc_startup"

_LAST_OPTIONS = "cm"
_OPTIONS_WITH_VALUE = "WX"
_LONG_OPTIONS_WITH_VALUE = ("--check-hash-based-pycs",)
# It skips the first line of what is run, which is not ours to pass on.
_DROPPED = "x"


def interpreter_options(command_line: Sequence[str]) -> list[str]:
    """Pick the interpreter's own options out of its command line (`sys.orig_argv`)."""
    options = []
    rest = list(command_line[1:])
    while rest:
        word = rest.pop(0)
        if word in _LONG_OPTIONS_WITH_VALUE:
            options += [word, *rest[:1]]
            del rest[:1]
            continue
        if word.startswith("--") and word != "--":
            options.append(word)
            continue
        if not word.startswith("-") or word in ("-", "--"):
            break
        letters = ""
        value: list[str] = []
        for position, letter in enumerate(word[1:], 1):
            if letter in _LAST_OPTIONS:
                return options + ([f"-{letters}"] if letters else [])
            if letter in _OPTIONS_WITH_VALUE:
                letters += word[position:]
                if position == len(word) - 1:
                    value = rest[:1]
                    del rest[:1]
                break
            if letter not in _DROPPED:
                letters += letter
        if letters:
            options += [f"-{letters}", *value]
    return options


def find_hook() -> Path | None:
    """Find the file that starts tracing at interpreter start; None if there is none.

    It works in those folders alone that the `site` module looks through in this process, and in
    one started with the same options.
    """
    folders = site.getsitepackages()
    if site.ENABLE_USER_SITE:
        folders.append(site.getusersitepackages())
    if importlib.util.find_spec(STARTUP) is None:
        return None
    for folder in folders:
        path = Path(folder, HOOK)
        if os.access(path, os.R_OK):
            return path
    return None
