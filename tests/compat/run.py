"""CPython's own `test.test_tracemalloc`, unchanged and whole, with ours in tracemalloc's place.

    PYTHON tests/compat/run.py

judges the ctracemalloc that is installed for PYTHON (a wheel: an editable install has no start-up
hook). The suite runs twice, on stdlib's tracer and on ours, in a throw-away venv on top of PYTHON's
packages, so that children, isolated ones (-I) included, can be made to run ours and say so.
Exit status 0: the same tests ran, none newly skipped, none failed but those that `verdict` excuses,
and every child ran ours but those of stdlib's own switches.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections import Counter
from pathlib import Path
from typing import Any

from verdict import (
    EXCUSES,
    OURS,
    PASSED,
    SKIPPED,
    STDLIB,
    Child,
    Outcome,
    Report,
    judge,
    short_name,
)

HERE = Path(__file__).resolve().parent
TIMEOUT_SECONDS = 900


class HarnessError(Exception):
    """The suite could not be run at all."""


def make_venv(directory: Path) -> Path:
    """Make a venv that sees this interpreter's packages and runs `child_start`; give its python."""
    venv.EnvBuilder(with_pip=False, symlinks=True).create(directory)
    python = directory / "bin" / "python"
    purelib = Path(_output_of(python, "import sysconfig; print(sysconfig.get_path('purelib'))"))
    shutil.copy(HERE / "child_start.py", purelib)
    parents = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
    lines = [f"import site; site.addsitedir({parent!r})" for parent in parents]
    # After the lines above: ours starts by its own start-up hook where a switch asks for it.
    lines.append("import child_start; child_start.begin()")
    (purelib / "compat.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return python


def check_venv(python: Path) -> None:
    """Make sure that ctracemalloc and its start-up hook are there, or say what to do."""
    _output_of(python, "import ctracemalloc")
    tracing = _output_of(
        python,
        "import tracemalloc, ctracemalloc as c; print(c.is_tracing() and c is tracemalloc)",
        "-X",
        "ctracemalloc",
    )
    if tracing != "True":
        raise HarnessError("-X ctracemalloc starts nothing: install ctracemalloc as a wheel")


def _output_of(python: Path, code: str, *options: str) -> str:
    result = subprocess.run(
        [python, "-I", *options, "-c", code], capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise HarnessError(f"{python} -c {code!r} failed:\n{result.stderr}")
    return result.stdout.strip()


def run_suite(python: Path, tracer: str, directory: Path) -> tuple[Report, list[Child]]:
    """Run the suite on one of the tracers; give its report and what its children wrote."""
    report, log = directory / f"{tracer}.json", directory / f"{tracer}.log"
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "CTRACEMALLOC", "COMPAT_CHILD"))
    }
    status = subprocess.run(
        [python, HERE / "suite.py", tracer, report, *([log] if tracer == OURS else [])],
        env=environment,
        timeout=TIMEOUT_SECONDS,
        check=False,
    ).returncode
    if status != 0 or not report.exists():
        raise HarnessError(f"the suite on {tracer} ended with status {status}, without a report")
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return _read_report(report), [Child(**json.loads(line)) for line in lines]


def _read_report(path: Path) -> Report:
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    outcomes = {test: Outcome(*outcome) for test, outcome in data["outcomes"].items()}
    return Report(outcomes, data["started"])


def show(ours: Report, problems: list[str], version: tuple[int, int]) -> None:
    """Print details of what failed, the excuses in use, and the problems."""
    excuses = {excuse.test: excuse for excuse in EXCUSES if excuse.holds_on(version)}
    for test, outcome in ours.outcomes.items():
        name = short_name(test)
        if outcome.result == PASSED:
            continue
        if outcome.result == SKIPPED:
            print(f"skipped  {name}: {outcome.detail}")
        elif name in excuses:
            print(f"excused  {name}: {excuses[name].reason}")
        else:
            print(f"{outcome.result:8} {name}\n{outcome.detail}")
    for problem in problems:
        print(f"PROBLEM  {problem}")


def summary(
    ours: Report, children: list[Child], problems: list[str], version: tuple[int, int]
) -> str:
    """Say in one line what ran and how it ended."""
    excused = {excuse.test for excuse in EXCUSES if excuse.holds_on(version)}
    results = Counter(
        "excused"
        if outcome.result not in (PASSED, SKIPPED) and short_name(test) in excused
        else outcome.result
        for test, outcome in ours.outcomes.items()
    )
    with_ours = sum(child.tracer == OURS for child in children)
    counts = ", ".join(f"{count} {result}" for result, count in sorted(results.items()))
    verdict = f"{len(problems)} problems" if problems else "as it must be"
    return (
        f"compat {'.'.join(map(str, sys.version_info[:3]))}: {len(ours.outcomes)} tests "
        f"({counts}); {len(ours.started)} children, {with_ours} ran ours: {verdict}"
    )


def main() -> int:
    """Run both suites and judge."""
    version = sys.version_info[:2]
    with tempfile.TemporaryDirectory(prefix="compat-") as temporary:
        directory = Path(temporary)
        try:
            python = make_venv(directory / "venv")
            check_venv(python)
            baseline, _ = run_suite(python, STDLIB, directory)
            ours, children = run_suite(python, OURS, directory)
        except (HarnessError, subprocess.TimeoutExpired) as error:
            print(f"compat: {error}", file=sys.stderr)
            return 2
    problems = judge(baseline, ours, children, version)
    show(ours, problems, version)
    print(summary(ours, children, problems, version))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
