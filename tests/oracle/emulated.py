"""Both tracers over some of the programs, in an interpreter for another machine.

    PYTHON tests/oracle/emulated.py EMULATED_PYTHON

`EMULATED_PYTHON` runs the interpreter under test by an emulator, and finds ctracemalloc there. Left
out are the programs that start processes: an emulated program cannot. Exit status 0: as it must be.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from compare import Comparison, judge

MEASURE = Path(__file__).with_name("measure.py")
PROGRAMS = (
    "ast_stdlib",
    "asyncio_tasks",
    "decimal_numbers",
    "deep_calls",
    "growing_buffers",
    "json_documents",
    "threads_pool",
    "xml_trees",
)
NFRAMES = (1, 25)
TIMEOUT_SECONDS = 900


def measure(python: str, program: str, nframe: int, folder: Path) -> Comparison:
    """Run one program under both tracers; give how they differ."""
    result = folder / f"{program}.{nframe}.json"
    subprocess.run(
        [python, MEASURE, program, str(nframe), "follow", result],
        cwd=folder,
        timeout=TIMEOUT_SECONDS,
        check=True,
    )
    return Comparison(**json.loads(result.read_text(encoding="utf-8")))


def main() -> int:
    """Run as told by the command line."""
    (python,) = sys.argv[1:]
    code = "import platform as p; print(p.machine(), p.python_implementation(), p.python_version())"
    subprocess.run([python, "-c", code], check=True)
    comparisons: list[Comparison] = []
    with tempfile.TemporaryDirectory(prefix="emulated-") as folder:
        for program in PROGRAMS:
            for nframe in NFRAMES:
                comparison = measure(python, program, nframe, Path(folder))
                comparisons.append(comparison)
                counts = ", ".join(f"{count} {name}" for name, count in comparison.classes.items())
                print(f"{program}, {nframe} frames: {comparison.traces} traces, {counts}")
                if judge([comparison]):
                    print(*comparison.samples, sep="\n")
    problems = judge(comparisons)
    for problem in problems:
        print(f"PROBLEM  {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
