"""The tests of well-known packages, without and with tracing: no test may come to something else.

    PYTHON tests/packages/run.py --wheel FILE [--short] [--again] [--write] [NAME ...]

makes a venv for each package of packages.toml with the wheel of ctracemalloc in it, installs the
package and what its tests need, runs them as they are, then once more with CTRACEMALLOC=25, and
compares test by test. Those that differ run twice more in both ways, alone: what is then always the
same in one way and always otherwise in the other is a difference, the rest is flaky.

Results are kept in build/packages/VERSION; --again takes the venvs that are there, --write writes
all results that are there, of every interpreter, into docs/compatibility.md. Exit status 0: no
difference, no crash, no trace dropped or lost.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from document_table import cells, conditions, table_of, write
from sources import prepare

HERE = Path(__file__).resolve().parent
ALL_VERSIONS = HERE.parent.parent / "build" / "packages"
BUILD = ALL_VERSIONS / f"{sys.version_info[0]}.{sys.version_info[1]}"
NFRAME = 25
TIMEOUT_SECONDS = 1200
RERUNS = 2
RERUN_LIMIT = 40
"""More tests than this that differ are no matter of chance."""

MISSING = "did not run"
ENDED_WELL = (0, 1)
"""Of pytest: 1 is for tests that failed, which are compared one by one."""


class Run(NamedTuple):
    """What one run of pytest came to."""

    outcomes: dict[str, str]
    tracer: dict[str, Any]
    seconds: float
    status: int


class Setting(NamedTuple):
    """Where the tests of a package lie, and the interpreter that runs them."""

    name: str
    python: Path
    folder: Path
    arguments: list[str]
    stopping: list[str]
    """Names of tests that stop tracing."""


def environment(python: Path, nframe: int, report: Path) -> dict[str, str]:
    """Give what a run sees: nothing of this process's Python."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PYTHON", "CTRACEMALLOC", "PYTEST", "VIRTUAL_ENV"))
    }
    kept |= {
        # Some build extensions.
        "PATH": os.pathsep.join([str(python.parent), kept["PATH"]]),
        "PYTHONPATH": str(HERE / "plugin"),
        # The same sets and dicts in both runs.
        "PYTHONHASHSEED": "0",
        "CTM_OUTCOMES": str(report),
        "CTM_EXPECT": "none",
    }
    if nframe:
        kept |= {"CTRACEMALLOC": str(nframe), "CTM_EXPECT": "ctracemalloc"}
    return kept


def run_tests(setting: Setting, nframe: int, tests: list[str], label: str) -> Run:
    """Run pytest in the package's venv and read what the plugin wrote."""
    report = BUILD / setting.name / f"{label}.jsonl"
    report.unlink(missing_ok=True)
    command = [str(setting.python), "-m", "pytest", "-p", "ctm_outcomes", "-p", "no:cacheprovider"]
    command += ["-q", "--tb=short", *tests]
    began = time.monotonic()
    with report.with_suffix(".log").open("w") as log:
        try:
            status = subprocess.run(
                command,
                cwd=setting.folder,
                env=environment(setting.python, nframe, report),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=TIMEOUT_SECONDS,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            status = -1
    seconds = time.monotonic() - began
    outcomes, tracer = {}, {}
    lines = report.read_text(encoding="utf-8").splitlines() if report.exists() else []
    for line in map(json.loads, lines):
        if isinstance(line, dict):
            tracer = line
        else:
            outcomes[line[0]] = line[1]
    return Run(outcomes, tracer, seconds, status)


def run_all(setting: Setting, nframe: int, label: str) -> Run:
    """Run the tests; those that stop tracing in a process of their own."""
    if not setting.stopping:
        return run_tests(setting, nframe, setting.arguments, label)
    names = " or ".join(setting.stopping)
    rest = run_tests(setting, nframe, [*setting.arguments, "-k", f"not ({names})"], label)
    apart = run_tests(setting, nframe, [*setting.arguments, "-k", names], f"{label}-apart")
    return Run(
        rest.outcomes | apart.outcomes,
        rest.tracer,
        rest.seconds + apart.seconds,
        rest.status if rest.status not in ENDED_WELL else apart.status,
    )


def differing(plain: Run, traced: Run) -> list[str]:
    tests = plain.outcomes.keys() | traced.outcomes.keys()
    return sorted(
        test
        for test in tests
        if plain.outcomes.get(test, MISSING) != traced.outcomes.get(test, MISSING)
    )


def told_apart(setting: Setting, tests: list[str]) -> dict[str, tuple[str, str]]:
    """Give those tests that come to one thing without and to another with tracing, every time."""
    if not tests or len(tests) > RERUN_LIMIT:
        return dict.fromkeys(tests, ("unknown", "unknown"))
    options = [argument for argument in setting.arguments if argument.startswith("--")]
    seen: list[tuple[dict[str, str], dict[str, str]]] = []
    for turn in range(RERUNS):
        plain = run_tests(setting, 0, [*options, *tests], f"rerun-{turn}-plain")
        traced = run_tests(setting, NFRAME, [*options, *tests], f"rerun-{turn}-traced")
        seen.append((plain.outcomes, traced.outcomes))
    real = {}
    for test in tests:
        without = {plain.get(test, MISSING) for plain, _ in seen}
        with_it = {traced.get(test, MISSING) for _, traced in seen}
        if not without & with_it:
            real[test] = ("/".join(sorted(without)), "/".join(sorted(with_it)))
    return real


def problems_of(plain: Run, traced: Run, real: dict[str, tuple[str, str]]) -> list[str]:
    """Say what is wrong."""
    problems = [f"{test}: {old}, traced {new}" for test, (old, new) in real.items()]
    for way, run in (("untraced", plain), ("traced", traced)):
        if run.status not in ENDED_WELL:
            problems.append(f"the {way} run ended with status {run.status}")
    if not traced.tracer or not traced.tracer["tracing"]:
        problems.append("the tracer was not on to the end")
    elif traced.tracer["dropped"] or traced.tracer["lost"]:
        problems.append(f"traces are missing: {traced.tracer}")
    if "passed" not in plain.outcomes.values():
        problems.append("no test has passed: this tests nothing")
    return problems


def examine(name: str, package: dict[str, Any], wheel: Path, again: bool) -> dict[str, Any]:
    """Run a package's tests in both ways; what is found goes to a file, too."""
    (BUILD / name).mkdir(parents=True, exist_ok=True)
    python, folder = prepare(name, package, wheel, BUILD / name, again)
    stopping = package.get("stops-tracing", [])
    setting = Setting(name, python, folder, package["arguments"], stopping)
    plain = run_all(setting, 0, "plain")
    traced = run_all(setting, NFRAME, "traced")
    different = differing(plain, traced)
    real = told_apart(setting, different)
    both = sum(
        traced.outcomes.get(test) == outcome == "passed" for test, outcome in plain.outcomes.items()
    )
    result = {
        "name": name,
        "version": package["version"],
        "conditions": conditions(),
        "tests": len(plain.outcomes.keys() | traced.outcomes.keys()),
        "passed_both": both,
        "failed_both": sum(
            traced.outcomes.get(test) == outcome and outcome in ("failed", "error")
            for test, outcome in plain.outcomes.items()
        ),
        "different": len(real),
        "flaky": sorted(set(different) - set(real)),
        "seconds": [plain.seconds, traced.seconds],
        "tracer": traced.tracer,
        "problems": problems_of(plain, traced, real),
    }
    (BUILD / f"{name}.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    return result


def main() -> int:
    """Run as told by the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="of packages.toml; default: all")
    parser.add_argument("--wheel", type=Path, required=True, help="of ctracemalloc")
    parser.add_argument("--short", action="store_true", help="the packages of CI")
    parser.add_argument("--again", action="store_true", help="with the venvs that are there")
    parser.add_argument("--write", action="store_true", help="all results that are there, too")
    options = parser.parse_args()
    packages = tomllib.loads((HERE / "packages.toml").read_text(encoding="utf-8"))
    for name in options.names:
        if name not in packages:
            parser.error(f"no package is called {name}; there are {', '.join(packages)}")
    names = options.names or [
        name for name, package in packages.items() if package.get("short") or not options.short
    ]
    rows, problems = [], []
    for name in names:
        result = examine(name, packages[name], options.wheel.resolve(), options.again)
        rows.append(cells(result))
        print(f"{name}: {len(result['problems'])} problems", flush=True)
        problems += [f"{name}: {problem}" for problem in result["problems"]]
    print(table_of(rows))
    if options.write:
        write(ALL_VERSIONS, list(packages))
    for problem in problems:
        print(f"PROBLEM  {problem}")
    print(f"packages: {f'{len(problems)} problems' if problems else 'all the same'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
