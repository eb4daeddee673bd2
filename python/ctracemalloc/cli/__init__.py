"""The command `ctracemalloc`, also as `python -m ctracemalloc`.

Each command is a module of its own with a function `main(arguments) -> exit status`, imported when
it is called. A `CommandError` becomes one line on stderr.

Exit statuses: 0 is success; 1, the command could not do its work; 2, it was called wrongly; 130,
it was interrupted from the keyboard; 141, nobody reads what it prints. `run` ends with the status
of the program that it runs.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from ctracemalloc.cli.errors import CommandError, UsageError

_COMMANDS = {
    "run": "run a program with every allocation traced, and report at its end",
    "doctor": "print what is in place in this interpreter",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments (default: the process's own) name; return its status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    name = given[0] if given else ""
    try:
        if name in ("-h", "--help"):
            print(_help(), end="")
            return 0
        if name not in _COMMANDS:
            raise UsageError(f"unknown command {name!r}" if name else "which command?")
        command = importlib.import_module(f"{__name__}.{name}")
        status: int = command.main(given[1:])
        sys.stdout.flush()
        return status
    except UsageError as error:
        prefix = f"ctracemalloc {name}" if name in _COMMANDS else "ctracemalloc"
        print(f"{prefix}: {error} (see '{prefix} --help')", file=sys.stderr)
        return 2
    except CommandError as error:
        print(f"ctracemalloc {name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # What is still buffered can go nowhere; the interpreter would complain at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141


def _help() -> str:
    commands = "".join(f"  {name:<8} {summary}\n" for name, summary in _COMMANDS.items())
    return (
        "usage: ctracemalloc COMMAND ...\n"
        "\n"
        "Trace the memory that Python programs allocate.\n"
        "\n"
        f"commands:\n{commands}"
        "\n"
        "'ctracemalloc COMMAND --help' tells more about one.\n"
        "Exit status: 0 success, 1 failure, 2 wrong usage; 'run' ends as its program does.\n"
    )
