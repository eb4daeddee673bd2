"""Builds C modules and programs of the tests for the interpreter that runs them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sysconfig
from pathlib import Path

HERE = Path(__file__).parent

FLAGS = ["-O2", "-g", "-Wall", "-Wextra", "-pthread"]


def includes() -> list[str]:
    return [f"-I{sysconfig.get_path(name)}" for name in ("include", "platinclude")]


def compiler() -> list[str]:
    # CFLAGS: a sanitizer's, if the extension was built with it.
    return [os.environ.get("CC", "cc"), *FLAGS, *shlex.split(os.environ.get("CFLAGS", ""))]


def build_module(source: Path, name: str, folder: Path) -> None:
    """Build a module that can be imported with `folder` on the path."""
    target = folder / f"{name}{sysconfig.get_config_var('EXT_SUFFIX')}"
    command = [*compiler(), "-shared", "-fPIC", *includes(), str(source), "-o", str(target)]
    subprocess.run(command, check=True)


def can_embed() -> bool:
    """Tell whether there is a shared libpython to link with."""
    folder = sysconfig.get_config_var("LIBDIR")
    return bool(sysconfig.get_config_var("Py_ENABLE_SHARED")) and bool(
        list(Path(folder).rglob(f"libpython{sysconfig.get_config_var('LDVERSION')}.so"))
    )


def build_program(source: Path, target: Path, *options: str) -> None:
    """Build a program that embeds the interpreter."""
    library = f"-lpython{sysconfig.get_config_var('LDVERSION')}"
    folder = sysconfig.get_config_var("LIBDIR")
    command = [*compiler(), *options, *includes(), str(source), "-o", str(target)]
    command += [f"-L{folder}", f"-Wl,-rpath,{folder}", library]
    subprocess.run(command, check=True)
