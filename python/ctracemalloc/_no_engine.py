"""Says why the engine is not found: the interpreter would speak of a circular import."""

from __future__ import annotations

import sys
import sysconfig
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

NAME = "ctracemalloc._engine"


def explain(error: ImportError, folder: str) -> ImportError:
    """Return the error to raise for the package in this folder, whose engine was not imported."""
    # Otherwise it was found, and says itself why it is not to be used.
    if error.name != __package__:
        return error
    return ImportError(f"{_reason(Path(folder))}; {_remedy()}", name=NAME, path=folder)


def _reason(folder: Path) -> str:
    if not folder.is_dir():
        return f"ctracemalloc is in an archive, from which no extension is imported: {folder}"
    wanted = f"_engine{EXTENSION_SUFFIXES[0]}"
    found = ", ".join(sorted(path.name for path in folder.glob("_engine.*.so")))
    if not found:
        return f"ctracemalloc was not built here: {folder} has no {wanted}"
    return f"ctracemalloc was built for another interpreter: {folder} has {found}, not {wanted}"


def _remedy() -> str:
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "free-threaded builds of CPython are not supported yet"
    return f"install it with {sys.executable or 'python'} -m pip"
