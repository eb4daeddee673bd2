#!/usr/bin/env python3
"""Measures what an installed ctracemalloc adds to the start of an interpreter.

run.py --python PYTHON [--into DOCUMENT]

Prints, as Markdown, the milliseconds of processor time that the start-up hook takes in a process
that does not ask for tracing, that tracing from the start takes in one that does, and that an
import takes. README.md in the folder above tells how.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "common"))

import machine
from document import publish, table
from options import add_into, add_python, make_parser, pin

# A process that starts and ends, in milliseconds.
Start = Callable[[], float]

ROUNDS = 100


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(__doc__)
    add = parser.add_argument
    add_python(parser)
    add("--rounds", type=int, default=ROUNDS, metavar="N", help=f"default: {ROUNDS}")
    add("--cpu", type=int, metavar="N", help="processor to stay on (default: the last; -1: any)")
    add_into(parser)
    return parser


def _hook(python: str) -> Path:
    script = "import sysconfig; print(sysconfig.get_path('purelib'))"
    answer = subprocess.run([python, "-c", script], check=True, capture_output=True, text=True)
    hook = Path(answer.stdout.strip()) / "ctracemalloc.pth"
    if not hook.exists():
        raise FileNotFoundError(f"{python} has no start-up hook: {hook} is missing")
    return hook


def _bare_venv(python: str, folder: Path, pth: str | None = None) -> str:
    # Of the same interpreter, with nothing installed but one .pth file.
    subprocess.run([python, "-m", "venv", "--without-pip", str(folder)], check=True)
    if pth is not None:
        (packages,) = folder.glob("lib/python*/site-packages")
        (packages / "startup.pth").write_text(pth)
    return str(folder / "bin" / "python")


def _start(command: list[str], **environment: str) -> Start:
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "CTRACEMALLOC"))
    }

    def start() -> float:
        child = os.posix_spawn(command[0], command, {**clean, **environment})
        _, status, usage = os.wait4(child, 0)
        if status:
            raise RuntimeError(f"{command!r} ended with status {os.waitstatus_to_exitcode(status)}")
        return (usage.ru_utime + usage.ru_stime) * 1e3

    return start


def _measure(starts: dict[str, Start], rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in starts}
    for number in range(rounds + 1):
        for name, start in starts.items():
            taken = start()
            # The first round writes what the interpreter caches.
            if number:
                times[name].append(taken)
    return times


def _report(times: dict[str, list[float]]) -> str:
    base, *others = times
    rows = [[base, f"{median(times[base]):.2f}", "", ""]]
    for name in others:
        added = [taken - plain for taken, plain in zip(times[name], times[base], strict=True)]
        least = min(times[name]) - min(times[base])
        rows.append([name, f"{median(times[name]):.2f}", f"{median(added):.2f}", f"{least:.2f}"])
    return table(["ms", "median", "added: median", "added: least"], rows)


def main() -> int:
    """Does what the command line says."""
    options = _parser().parse_args()
    pin(options.cpu)
    try:
        hook = _hook(options.python)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        python = options.python
        bare = _bare_venv(python, Path(folder) / "bare")
        comment = _bare_venv(python, Path(folder) / "comment", "#\n")
        hooked = _bare_venv(python, Path(folder) / "hooked", hook.read_text())
        starts = {
            "start and end, nothing installed": _start([bare, "-c", "pass"]),
            "a `.pth` file of one comment": _start([comment, "-c", "pass"]),
            "the start-up hook's": _start([hooked, "-c", "pass"]),
            "measured interpreter, with all that is installed": _start([python, "-c", "pass"]),
            "... and `import tracemalloc`": _start([python, "-c", "import tracemalloc"]),
            "... and `import ctracemalloc`": _start([python, "-c", "import ctracemalloc"]),
            "... and `CTRACEMALLOC=1`": _start([python, "-c", "pass"], CTRACEMALLOC="1"),
            "... and `PYTHONTRACEMALLOC=1`": _start([python, "-c", "pass"], PYTHONTRACEMALLOC="1"),
        }
        times = _measure(starts, options.rounds)
    about = machine.lines(machine.describe(options.python, ["ctracemalloc"]))
    text = f"{about}\n\n{_report(times)}\n"
    publish(text, "startup", options.into)
    return 0


if __name__ == "__main__":
    sys.exit(main())
