"""A pytest plugin: one JSON line for each test as it ends, so that a crash leaves what was before.

CTM_OUTCOMES is the file; CTM_EXPECT says which tracer must be there, "ctracemalloc" or "none".
"""

from __future__ import annotations

import json
import os
import sys
import tracemalloc
from pathlib import Path
from typing import Any

SEVERITY = ("passed", "xpassed", "xfailed", "skipped", "failed", "error")


class Recorder:
    """What each test came to: the worst of its set-up, call and tear-down."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.owner = os.getpid()
        self.worst: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        if os.getpid() != self.owner:
            return
        outcome = report.outcome
        if outcome == "failed" and report.when != "call":
            outcome = "error"
        elif hasattr(report, "wasxfail"):
            outcome = "xfailed" if outcome == "skipped" else "xpassed"
        # A test may report again and again: subtests and reruns do.
        known = self.worst.get(report.nodeid, outcome)
        self.worst[report.nodeid] = max(known, outcome, key=SEVERITY.index)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        if os.getpid() == self.owner and nodeid in self.worst:
            self.write([nodeid, self.worst.pop(nodeid)])

    def pytest_sessionfinish(self) -> None:
        if os.getpid() == self.owner:
            self.write(state())

    def write(self, line: Any) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            print(json.dumps(line), file=file)


def state() -> dict[str, Any]:
    """Tell what the tracer has to say at the end; empty if there is none."""
    if tracemalloc.__name__ != "ctracemalloc":
        return {}
    ours: Any = tracemalloc
    return {
        "tracing": ours.is_tracing(),
        "peak": ours.get_traced_memory()[1],
        "tracer": ours.get_tracemalloc_memory(),
        "dropped": ours.get_dropped(),
        "lost": ours.get_lost(),
    }


def pytest_configure(config: Any) -> None:
    found = tracemalloc.__name__ if tracemalloc.is_tracing() else "none"
    expected = os.environ["CTM_EXPECT"]
    if found != expected:
        sys.exit(f"ctm_outcomes: the tracer is {found}, not {expected}")
    config.pluginmanager.register(Recorder(os.environ["CTM_OUTCOMES"]), "ctm-outcomes")
