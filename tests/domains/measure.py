"""Run one program under both tracers in this process, and print what differs as JSON.

    measure.py PROGRAM NFRAME [TRACER]

With a TRACER, `_tracemalloc` or `ctracemalloc`, that one alone is on: prints the traces of what
libraries reported, each with its count.
"""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "oracle"), str(HERE / "programs")]

import both  # noqa: E402
import following  # noqa: E402
from reading import RawTrace  # noqa: E402

SHOWN = 5


def measure(name: str, nframe: int) -> dict[str, object]:
    """Compare both tracers' traces, domain by domain, while the program's result is alive."""
    program = importlib.import_module(name)
    # Forking with threads around is what is meant here: nothing is done in the children but read.
    warnings.filterwarnings("ignore", ".*fork.*", DeprecationWarning)
    both.start(nframe)
    kept = program.main()
    stdlib, ours, _again = both.read()
    both.stop()
    own_file = str(HERE / "programs" / f"{name}.py")
    traced = sum(
        size * count
        for (domain, size, frames, _total), count in ours.items()
        if domain == program.DOMAIN and frames[0][0] == own_file
    )
    if following.CAN_BE_SWITCHED_OFF:
        # Before 3.13 only stdlib can follow the reuse of objects: domain 0 is the oracle's affair.
        stdlib, ours = (
            Counter({trace: n for trace, n in traces.items() if trace[0] != 0})
            for traces in (stdlib, ours)
        )
    missing, surplus = stdlib - ours, ours - stdlib
    domains = sorted({trace[0] for trace in stdlib} | {trace[0] for trace in ours})
    return {
        "domain": program.DOMAIN,
        "traces": {domain: sum(n for t, n in ours.items() if t[0] == domain) for domain in domains},
        "differences": {
            domain: sum(
                n for side in (missing, surplus) for t, n in side.items() if t[0] == domain
            )
            for domain in domains
        },
        "samples": [f"{side}{trace}" for side, traces in (("- ", missing), ("+ ", surplus))
                    for trace in list(traces)[:SHOWN]],
        "traced_bytes": traced,
        "expected_bytes": kept[-1],
    }  # fmt: skip


def measure_alone(name: str, nframe: int, tracer_name: str) -> list[tuple[RawTrace, int]]:
    """Give the traces in domains of libraries, in an order that does not depend on time."""
    tracer = importlib.import_module(tracer_name)
    program = importlib.import_module(name)
    tracer.start(nframe)
    kept = program.main()
    traces = Counter(trace for trace in tracer._get_traces() if trace[0] != 0)
    tracer.stop()
    del kept
    return sorted(traces.items())


def main() -> None:
    """Run as told by the command line."""
    name, nframe, *tracers = sys.argv[1:]
    print(json.dumps(measure_alone(name, int(nframe), *tracers) if tracers
                     else measure(name, int(nframe))))  # fmt: skip


if __name__ == "__main__":
    main()
