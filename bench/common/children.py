"""Starts the processes that are measured."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from configs import Config


class ChildError(Exception):
    """A measured process did not end well."""


def run_benchmark(main: Callable[[], None]) -> None:
    """Runs what the command line says; status 1 if a measured process did not end well."""
    try:
        main()
    except ChildError as error:
        sys.exit(f"run.py: {error}")


@contextmanager
def _scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _environment(extra: dict[str, str]) -> dict[str, str]:
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "CTRACEMALLOC"))
    }
    return {**clean, **extra}


def ask(
    python: str,
    script: Path,
    arguments: list[str],
    *,
    timeout: float,
    environment: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Runs a script with the number of a pipe and the arguments, and returns what it answers there.

    The script runs in an empty folder, without variables that change the interpreter, save those
    given.
    """
    receiver, sender = os.pipe()
    with _scratch() as folder, os.fdopen(receiver, "rb") as output, os.fdopen(sender, "wb") as pipe:
        try:
            process = subprocess.run(
                [python, str(script), str(sender), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[sender],
                cwd=folder,
                env=_environment(environment or {}),
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as end:
            raise ChildError(f"took more than {timeout:g} seconds") from end
        pipe.close()
        line = output.read()
    if process.returncode or not line:
        last = process.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise ChildError(f"ended with status {process.returncode}: {''.join(last)}")
    answer: dict[str, Any] = json.loads(line)
    return answer


def usable(python: str, configs: list[Config], *, known: bool = False) -> list[Config]:
    """The configurations, if an interpreter can import their tracers; else ends with status 2.

    With known, those whose tracers it can import.
    """
    modules = dict.fromkeys(config.module for config in configs if config.module)
    missing = [
        module
        for module in modules
        if subprocess.run(
            [python, "-c", f"import {module}"], capture_output=True, check=False
        ).returncode
    ]
    if missing:
        print(f"run.py: {python} cannot import {', '.join(missing)}", file=sys.stderr)
        if not known:
            sys.exit(2)
    return [config for config in configs if config.module not in missing]
