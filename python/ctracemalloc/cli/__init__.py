"""The command `ctracemalloc`, also as `python -m ctracemalloc`.

Each command is a module of its own with a function `main(arguments) -> exit status`, imported when
it is called. A `CommandError` becomes one line on stderr.

Exit statuses: 0 is success; 1, the command could not do its work, or `diff` found more growth than
is allowed; 2, it was called wrongly; 130, it was interrupted from the keyboard; 141, nobody reads
what it prints. `run` ends with the status of the program that it runs.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from ctracemalloc.cli.errors import CommandError, UsageError
from ctracemalloc.cli.streams import closed_streams_replaced, escape_on_stdout

COMMANDS = {
    "run": "run a program with every allocation traced, and report at its end",
    "top": "print what holds the memory in a snapshot",
    "diff": "print what grew and what shrank between two snapshots",
    "tree": "print who called whom, with the memory allocated below each call",
    "merge": "write the snapshots of several processes as one",
    "convert": "turn dumps of the standard library into snapshot files, and back",
    "export": "write a snapshot in the format of another tool",
    "info": "print what is in a snapshot's file",
    "attach": "trace a process that is running (3.14+)",
    "report": "write a snapshot, or a comparison, as an HTML page",
    "completion": "print a script by which a shell completes what is typed",
    "doctor": "print what is in place in this interpreter",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments (default: the process's own) name; return its status."""
    if arguments is None:
        arguments = sys.argv[1:]
        # The process is the command's alone.
        escape_on_stdout()
    with closed_streams_replaced():
        return _run(list(arguments))


def _run(given: list[str]) -> int:
    name = given[0] if given else ""
    try:
        if name in ("-h", "--help"):
            print(_help(), end="")
            return 0
        if name == "--version":
            # Imported when it is asked for, as commands are.
            from ctracemalloc.cli.version import installed_version

            print(f"ctracemalloc {installed_version()}")
            return 0
        if name not in COMMANDS:
            raise UsageError(f"unknown command {name!r}" if name else "which command?")
        command = importlib.import_module(f"{__name__}.{name}")
        status: int = command.main(given[1:])
        sys.stdout.flush()
        return status
    except UsageError as error:
        prefix = f"ctracemalloc {name}" if name in COMMANDS else "ctracemalloc"
        print(f"{prefix}: {error} (see '{prefix} --help')", file=sys.stderr)
        return 2
    except CommandError as error:
        print(f"ctracemalloc {name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"ctracemalloc {name}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _give_up_output()
        return 141
    except OSError as error:
        _give_up_output()
        # Files have their own messages: what is left is the output.
        where = error.filename or "the standard output"
        print(f"ctracemalloc {name}: {where}: {error.strerror or error}", file=sys.stderr)
        return 1


def _give_up_output() -> None:
    """Let go of what is still buffered: it can go nowhere, and the interpreter would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _help() -> str:
    commands = "".join(f"  {name:<10} {summary}\n" for name, summary in COMMANDS.items())
    return (
        "usage: ctracemalloc COMMAND ...\n"
        "\n"
        "Trace the memory that Python programs allocate.\n"
        "\n"
        f"commands:\n{commands}"
        "\n"
        "'ctracemalloc COMMAND --help' tells more about one; 'ctracemalloc --version' prints the "
        "version.\n"
        "Exit status: 0 success, 1 failure, 2 wrong usage, 130 interrupted, 141 nobody reads the "
        "output;\n'run' ends as its program does.\n"
    )
