"""Both tracers over real programs: no trace may differ.

    PYTHON tests/oracle/run.py [--nframe N] [PROGRAM ...]

Runs each program of `programs/` (all, or those named) in a process of its own, for 1, 5 and 25
frames (or N), under stdlib's tracer and the ctracemalloc installed for PYTHON at the same time, and
prints how many traces were compared and how many differ, by the classes that `compare` explains. At
25 frames, statistics, diffs and filters of the traces are compared as well.
Before 3.13 each runs twice: once with stdlib's following of reuse switched off, where no trace may
differ, and once with it, where the blocks of reused objects do. Where the interpreter can compile,
the programs of `COMPILED` run once more with PYTHON_JIT=1; nothing else does. `control` counts
differences between two readings of stdlib's table. Exit status 0: as it must be.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import following
from compare import CLASSES, Comparison, judge

HERE = Path(__file__).resolve().parent
PROGRAMS = HERE / "programs"
NFRAMES = (1, 5, 25)
REUSE = ("ignore", "follow") if following.CAN_BE_SWITCHED_OFF else ("follow",)
# In place of one of REUSE: it is followed, and the interpreter compiles what it runs often.
COMPILING = "compile"
COMPILED = ("deep_calls", "hot_loops")
TIMEOUT_SECONDS = 600

COLUMNS = ("program", "nframe", "reuse", "traces", "control", *CLASSES, "share")


def all_programs() -> list[str]:
    """Names of the programs, in order."""
    return sorted(path.stem for path in PROGRAMS.glob("*.py"))


def ways(program: str) -> tuple[str, ...]:
    """How a program is to be run on this interpreter."""
    compiler = getattr(sys, "_jit", None)
    if program in COMPILED and compiler is not None and compiler.is_available():
        return (*REUSE, COMPILING)
    return REUSE


def run(program: str, nframe: int, reuse: str, directory: Path) -> Comparison:
    """Measure one program in a fresh interpreter."""
    result = directory / f"{program}.{nframe}.{reuse}.json"
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "CTRACEMALLOC"))
    }
    # Either is said: an interpreter may be built to compile unless it is told not to.
    environment["PYTHON_JIT"] = "1" if reuse == COMPILING else "0"
    subprocess.run(
        [sys.executable, HERE / "measure.py", program, str(nframe), reuse, result],
        env=environment,
        cwd=directory,
        timeout=TIMEOUT_SECONDS,
        check=True,
    )
    return Comparison(**json.loads(result.read_text(encoding="utf-8")))


def row(program: str, nframe: int | str, reuse: str, comparison: Comparison) -> tuple[object, ...]:
    """A line of the table."""
    differences = comparison.differences
    share = differences / comparison.traces if comparison.traces else 0.0
    classes = (comparison.classes[name] for name in CLASSES)
    return (
        *(program, nframe, reuse, comparison.traces, comparison.control),
        *(*classes, f"{share:.4%}"),
    )


def print_row(cells: tuple[object, ...]) -> None:
    """Print the first cell to the left, all others to the right."""
    first, *rest = cells
    print(f"{first!s:<18}" + "".join(f"{cell!s:>9}" for cell in rest), flush=True)


def total(comparisons: list[Comparison]) -> Comparison:
    """Add up comparisons."""
    return Comparison(
        traces=sum(each.traces for each in comparisons),
        control=sum(each.control for each in comparisons),
        classes={name: sum(each.classes[name] for each in comparisons) for name in CLASSES},
    )


def main() -> int:
    """Run as told by the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", default=all_programs())
    parser.add_argument("--nframe", type=int, action="append", help="1, 5 and 25 if not given")
    options = parser.parse_args()
    if unknown := set(options.programs) - set(all_programs()):
        parser.error(f"no such program: {', '.join(sorted(unknown))}")

    comparisons: dict[str, list[Comparison]] = {}
    problems: list[str] = []
    print_row(COLUMNS)
    with tempfile.TemporaryDirectory(prefix="oracle-") as temporary:
        for program in options.programs:
            for nframe in options.nframe or NFRAMES:
                for reuse in ways(program):
                    try:
                        comparison = run(program, nframe, reuse, Path(temporary))
                    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
                        problems.append(f"{program} with {nframe} frames: {error}")
                        continue
                    comparisons.setdefault(reuse, []).append(comparison)
                    print_row(row(program, nframe, reuse, comparison))
                    if judge([comparison]):
                        print(*comparison.samples, sep="\n")
    for reuse, measured in comparisons.items():
        print_row(row("all", "", reuse, total(measured)))
        problems += judge(measured)
    for problem in problems:
        print(f"PROBLEM  {problem}")
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"oracle {version}: {f'{len(problems)} problems' if problems else 'as it must be'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
