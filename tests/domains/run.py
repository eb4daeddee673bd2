"""Both tracers over programs whose libraries report memory of their own: no trace may differ.

    PYTHON tests/domains/run.py [PROGRAM ...]

Runs each program of `programs/` with 1 and 25 frames, in a process of its own, under stdlib's
tracer and the ctracemalloc installed for PYTHON at the same time, and compares the traces of every
domain; and once more under each tracer alone, which compares the domains of libraries. Where a
program says how many bytes it holds, the traces of its own lines must add up to that. Exit status
0: nothing differs, and each program has traces in its domain.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import ctracemalloc

HERE = Path(__file__).resolve().parent
NFRAMES = (1, 25)
TIMEOUT_SECONDS = 600


class MeasureError(Exception):
    """A program could not be run to its end."""


def measure(name: str, nframe: int, *tracer: str) -> Any:
    """Run a program in a process of its own; see measure.py."""
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PYTHON", "CTRACEMALLOC"))
    }
    done = subprocess.run(
        [sys.executable, HERE / "measure.py", name, str(nframe), *tracer],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise MeasureError(f"ended with status {done.returncode}")
    return json.loads(done.stdout)


def problems_together(name: str, nframe: int) -> list[str]:
    """Compare both tracers at once, print a line for each domain, and say what is wrong."""
    result = measure(name, nframe)
    problems = []
    for domain, traces in result["traces"].items():
        differences = result["differences"][domain]
        domain_name = ctracemalloc.domain_name(int(domain))
        print(f"{name:<22}{nframe:>4}  {domain_name:<10}{traces:>9}{differences:>6}", flush=True)
        if differences:
            problems.append(f"{differences} traces of domain {domain} differ")
    if not result["traces"].get(str(result["domain"])):
        problems.append(f"no trace in domain {result['domain']}")
    if result["expected_bytes"] is not None and result["traced_bytes"] != result["expected_bytes"]:
        problems.append(f"{result['traced_bytes']} bytes traced, {result['expected_bytes']} held")
    if problems:
        print(*result["samples"], sep="\n")
    return problems


def problems_alone(name: str, nframe: int) -> list[str]:
    """Compare the runs of each tracer alone, print a line, and say what is wrong."""
    stdlib, ours = (measure(name, nframe, tracer) for tracer in ("_tracemalloc", "ctracemalloc"))
    traces = sum(count for _, count in ours)
    differing = [item for item in stdlib + ours if (item in stdlib) != (item in ours)]
    print(f"{name:<22}{nframe:>4}  {'each alone':<10}{traces:>9}{len(differing):>6}", flush=True)
    if not ours:
        return ["no trace with ctracemalloc alone"]
    return [f"{len(differing)} differ between separate runs: {differing[:3]}"] if differing else []


def problems_of(name: str, nframe: int) -> list[str]:
    """Run a program in all ways, and say what is wrong."""
    try:
        return [*problems_together(name, nframe), *problems_alone(name, nframe)]
    except (MeasureError, subprocess.TimeoutExpired) as error:
        return [str(error)]


def main() -> int:
    """Run as told by the command line."""
    names = sys.argv[1:] or sorted(path.stem for path in (HERE / "programs").glob("*.py"))
    print(f"{'program':<22}{'nframe':>4}  {'domain':<8}{'traces':>9}{'differ':>8}")
    problems = [
        f"{name} with {nframe} frames: {problem}"
        for name in names
        for nframe in NFRAMES
        for problem in problems_of(name, nframe)
    ]
    for problem in problems:
        print(f"PROBLEM  {problem}")
    print(f"domains: {f'{len(problems)} problems' if problems else 'as it must be'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
